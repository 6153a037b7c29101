"""What an instructor has entered in grades.csv is kept, counted and never lost."""

import csv
from dataclasses import replace
from io import StringIO

import pytest
from test_gradebook import PAPER, publish, result, rows

from arcvq_lite.check.task import Assignment
from arcvq_lite.grading.grades_table import check_table
from arcvq_lite.grading.marks import read_mark
from arcvq_lite.grading.marks_folder import check_folder
from arcvq_lite.grading.paper import set_paper

CLASS = [result("anna"), result("ben")]
NAMES = ["anna", "ben"]
WHY = 4  # student, id, double, graded total, why, total


def table_of(folder, change, *, encoding="utf-8-sig", delimiter=","):
    """Publish a class, let somebody edit the table, and say where it is."""
    publish(folder, CLASS)
    path = folder / "grades.csv"
    edited = rows(path)
    change(edited)
    text = StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(edited)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def entered(*cells):
    def change(table):
        for row, cell in zip(table[1:], cells, strict=False):
            row[WHY] = cell

    return change


def refused(path, said):
    """The table is refused before and while it would be written, and stays."""
    before = path.read_bytes()
    with pytest.raises(ValueError, match=said):
        check_table(path, PAPER, NAMES)
    with pytest.raises(ValueError, match=said):
        publish(path.parent, CLASS)
    assert path.read_bytes() == before


def test_columns_of_the_instructors_own_stay(tmp_path):
    def change(table):
        table[0] += ["comment", "sum", "comment"]
        table[1] += ["good, \n“so”", "-2,5", "b"]
        table[2] += ["", "", ""]
        for row in table:  # the student's column need not be the first
            row.append(row.pop(0))
        table[2].append("beyond")

    path = table_of(tmp_path, change)
    assert check_table(path, PAPER, NAMES) == ()
    publish(tmp_path, CLASS)
    kept = rows(path)
    assert kept[0][6:] == ["comment", "sum", "comment", ""]
    assert [row[0] for row in kept] == ["student", *NAMES]
    assert kept[1][6:] == ["good, \n“so”", "-2,5", "b", ""]
    assert kept[2][6:] == ["", "", "", "beyond"]
    again = path.read_bytes()
    publish(tmp_path, CLASS)
    assert path.read_bytes() == again


def test_a_head_that_was_renamed_keeps_its_marks_and_is_told(tmp_path):
    def change(table):
        table[0][WHY], table[1][WHY] = "Why marks", "8"

    path = table_of(tmp_path, change)
    (said,) = check_table(path, PAPER, NAMES)
    assert "no column why" in said
    publish(tmp_path, CLASS)
    kept = rows(path)
    assert kept[0][WHY] == "why (of 10)"
    assert [row[6] for row in kept] == ["Why marks", "8", ""]


@pytest.mark.parametrize(
    ("cell", "points"),
    [("7.5", 7.5), ("7,5", 7.5), ("0", 0.0), ("10", 10.0), ("10.1", None)]
    + [(c, None) for c in ("15", "-1", "absent", "", "1e1", "nan", "٣", "9" * 10**5)],
)
def test_a_mark_is_a_number_from_0_to_the_most(cell, points):
    assert read_mark(cell, 10) == points


def test_marks_that_cannot_be_are_told_kept_and_not_counted(tmp_path):
    path = table_of(tmp_path, entered("15", "absent\x1b[31m"))
    said = check_table(path, PAPER, NAMES)
    assert said[0] == "anna: 15 in why, of 10; it is not counted"
    assert said[1].startswith("ben: absent [31m in why")
    publish(tmp_path, CLASS)
    assert [row[WHY : WHY + 2] for row in rows(path)[1:]] == [
        ["15", ""],
        ["absent\x1b[31m", ""],
    ]
    assert "15 of 10" not in (tmp_path / "students/anna.html").read_text("utf-8")


def test_marks_of_another_scale_are_told(tmp_path):
    path = table_of(tmp_path, entered("8"))
    (tmp_path / "points.toml").write_text("[a1]\nwhy = 5\n")
    less = set_paper(PAPER.assignment, tmp_path)
    scale, mark = check_table(path, less, NAMES)
    assert "was of 10 and is of 5 now" in scale
    assert mark == "anna: 8 in why, of 5; it is not counted"


def test_the_total_and_the_students_page_have_the_written_marks(tmp_path):
    path = table_of(tmp_path, entered("7,25"))
    publish(tmp_path, CLASS)
    table = rows(path)
    assert table[0][5] == "total (of 20)"
    assert [row[5] for row in table[1:]] == ["13.25", ""]
    anna = (tmp_path / "students/anna.html").read_text("utf-8")
    assert "7.25 of 10" in anna
    assert "13.25" in anna
    assert "in all" in anna
    ben = (tmp_path / "students/ben.html").read_text("utf-8")
    assert "in all" not in ben
    assert "10 points" in ben


def test_the_platforms_number_has_a_column(tmp_path):
    publish(tmp_path, [replace(CLASS[0], number="0012345"), CLASS[1]])
    path = tmp_path / "grades.csv"
    assert [row[1] for row in rows(path)] == ["id", "0012345", ""]
    # A spreadsheet takes zeros away, and the instructor adds what was not known.
    text = path.read_text("utf-8").replace("0012345", "12345")
    path.write_text(text.replace("ben,,", "ben,77,"), "utf-8")
    publish(tmp_path, [replace(CLASS[0], number="0012345"), CLASS[1]])
    assert [row[1] for row in rows(path)] == ["id", "0012345", "77"]


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-16", "\t"), ("utf-16", ";"), ("utf-8", ";"), ("utf-8-sig", "\t")],
)
def test_what_spreadsheets_save_is_read(tmp_path, encoding, delimiter):
    def change(table):
        table[0].append("é, commas, in, a, head, of; mine")
        entered("8,5", "é")(table)
        table[2][WHY] = "3"

    path = table_of(tmp_path, change, encoding=encoding, delimiter=delimiter)
    assert check_table(path, PAPER, NAMES) == ()
    publish(tmp_path, CLASS)
    assert [row[WHY] for row in rows(path)[1:]] == ["8,5", "3"]
    assert rows(path)[0][6] == "é, commas, in, a, head, of; mine"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le"])
def test_another_encoding_is_refused_with_a_way_back(tmp_path, encoding):
    path = table_of(tmp_path, entered("é"), encoding=encoding)
    refused(path, "save it as CSV UTF-8, then give the command again")


def test_a_name_that_was_mistyped_has_its_nearest(tmp_path):
    publish(tmp_path, [result("Łukasz Żółć"), result("ben")])
    path = tmp_path / "grades.csv"
    text = path.read_text("utf-8").replace("Łukasz Żółć,,6,6,", "Lukasz Zolc,,6,6,9")
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"Lukasz Zolc.*nearest is Łukasz Żółć\)"):
        check_table(path, PAPER, ["ben", "Łukasz Żółć"])


def test_what_stands_beside_a_student_who_left_is_not_lost_either(tmp_path):
    path = table_of(tmp_path, lambda table: [row.append("note") for row in table])
    with pytest.raises(ValueError, match="marks of ben"):
        check_table(path, PAPER, ["anna"])


def twice(table):
    for row in table:
        row.append(row[WHY])


def two_rows(table):
    entered("3", "4")(table)
    table.append(["ben", "", "6", "6", "5", ""])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (twice, "more than one column 'why'"),
        (lambda table: table[0].append("student"), "more than one column 'student'"),
        (two_rows, "more than one row of ben"),
        (entered("x" * 200_000), "not a table that this grader wrote"),
        (lambda table: table[0].__setitem__(0, "Name"), "no column 'student'"),
        (lambda table: table.clear(), "no column 'student'"),
    ],
)
def test_what_could_not_be_told_apart_is_refused(tmp_path, change, said):
    refused(table_of(tmp_path, change), said)


def test_a_quote_that_is_never_closed_swallows_no_row(tmp_path):
    path = table_of(tmp_path, entered("MARK", "9"))
    path.write_bytes(path.read_bytes().replace(b"MARK", b'"8'))
    refused(path, "not a table that this grader wrote")


def test_formulas_that_were_entered_do_not_run(tmp_path):
    def change(table):
        table[0].append("=HYPERLINK(1)")
        table[1].append("=1+1")
        table[2].append("+49")
        entered("=2+2", "@x")(table)

    path = table_of(tmp_path, change)
    publish(tmp_path, CLASS)
    once = path.read_bytes()
    cells = [row[place] for row in rows(path) for place in (WHY, 6)]
    assert cells[1:] == ["'=HYPERLINK(1)", "'=2+2", "'=1+1", "'@x", "+49"]
    publish(tmp_path, CLASS)
    assert path.read_bytes() == once


def test_another_assignment_is_not_graded_into_the_folder(tmp_path):
    path = table_of(tmp_path, entered("9"))
    check_folder(tmp_path, "a1")
    check_folder(tmp_path / "new", "a2")
    with pytest.raises(ValueError, match=r"holds A1, and you ask for A2: name another"):
        check_folder(tmp_path, "a2")
    # Without its report the table still tells.
    other = set_paper(Assignment("a2", "Other", 3, (), ()))
    for text in ("", "[" * 10**5, "[]", '{"assignment": 3}'):
        (tmp_path / "report.json").write_text(text)
        check_folder(tmp_path, "a2")
    with pytest.raises(ValueError, match="no column of A2"):
        check_table(path, other, NAMES)

"""The instructor's tests, results on disk, the table, and safe pages."""

import csv
from html.parser import HTMLParser
from io import StringIO
from urllib.parse import unquote

import pytest
from tiny_task import DOUBLE

from arcvq_lite.check.task import Assignment, Question
from arcvq_lite.grading.class_report import report_class
from arcvq_lite.grading.command import write_all
from arcvq_lite.grading.examination import cleaned
from arcvq_lite.grading.file_names import file_stems
from arcvq_lite.grading.gradebook import (
    PartResult,
    Result,
    TaskResult,
    load_result,
    save_result,
)
from arcvq_lite.grading.grades_table import check_table
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.paper import set_paper
from arcvq_lite.grading.protections import Protection, Protections
from arcvq_lite.grading.similarity import Pair

WHY = Question("why", "Why it collapses", 10, 5, ((7, "norms"), (3, "winners")))
TINY = Assignment("a1", "Tiny", 3, (DOUBLE,), (WHY,))
PAPER = set_paper(TINY)
EVIL = "<script>alert(1)</script>\"'&"


def result(student, *outcomes, answer="", sentence="", persons=()):
    outcomes = outcomes or ("right", "wrong")
    parts = tuple(
        PartResult(
            part.shows, part.points, outcome, "" if outcome == "right" else sentence
        )
        for part, outcome in zip(DOUBLE.parts, outcomes, strict=True)
    )
    tasks = (TaskResult("double", "Twice", parts),)
    return Result(student, f"{student}.py", tasks, {"why": answer}, (), persons, "id")


def publish(folder, results, *, pairs=(), paper=PAPER, protections=None):
    report = report_class(
        results,
        paper,
        pairs=pairs,
        left_out=[EVIL],
        protections=protections or Protections((Protection("all", ("walls",)),)),
        seed=0,
        limits=Limits(),
    )
    folder.mkdir(exist_ok=True)
    write_all(report, paper, folder, seed=0)
    return report


def rows(path):
    return list(csv.reader(StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


PRIVATE = """
from arcvq_lite.check.task import Part
from arcvq_lite.check.verdict import WrongAnswerError
def examine(examinee, generator):
    raise WrongAnswerError("never")
PARTS = {"double": [Part(10, "is private", examine)]}
"""


def test_private_tests_join_the_tasks_own_and_its_points_stay(tmp_path):
    (tmp_path / "a1.py").write_text(PRIVATE)
    paper = set_paper(TINY, tmp_path)
    (task,) = paper.tasks
    assert [part.shows for part in task.task.parts][-1] == "is private"
    assert task.points == (3.0, 2.0, 5.0)
    assert paper.digest != PAPER.digest == ""


def test_points_can_be_changed_without_a_test(tmp_path):
    (tmp_path / "points.toml").write_text("[a1]\ndouble = 25\nwhy = 2.5\n")
    paper = set_paper(TINY, tmp_path)
    assert paper.tasks[0].points == (15.0, 10.0)
    assert paper.questions == ((WHY, 2.5),)
    assert paper.graded_points == 25.0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a1.py", "1/0", "ZeroDivisionError"),
        ("a1.py", "PARTS = []", "must define PARTS"),
        ("a1.py", "PARTS = {'duble': []}", "no task 'duble'"),
        ("a1.py", "PARTS = {'double': ['x']}", "must hold parts"),
        ("points.toml", "[a1]\ntwice = 3", "no task or question 'twice'"),
        ("points.toml", "[a1]\ndouble = -3", "from 0 to 1000"),
        ("points.toml", "[a1]\ndouble = 0.25", "in tenths"),
        ("points.toml", "a1 = 3", r"under a line \[a1\]"),
        ("points.toml", "[a1", "is not TOML"),
        ("notes.txt", "", "neither a1.py nor points.toml"),
    ],
)
def test_a_mistake_of_the_instructors_is_named(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        set_paper(TINY, tmp_path)


def test_a_result_comes_back_only_under_its_identity(tmp_path):
    kept = result("anna", "right", "unexamined", sentence="why")
    path = tmp_path / "anna.json"
    save_result(kept, path)
    assert load_result(path, "id") == kept
    assert load_result(path, "other") is None
    path.write_bytes(path.read_bytes()[:-9])
    assert load_result(path, "id") is None
    assert load_result(tmp_path / "ben.json", "id") is None


def test_names_become_files_that_never_meet():
    names = [
        "Anna",
        "anna",
        "../../etc/passwd",
        "a/b",
        "a_b",
        "CON",
        ".",
        "x" * 500,
        "é",
    ]
    stems = file_stems(names)
    assert stems["é"] == "é"
    assert len({stem.casefold() for stem in stems.values()}) == len(names)
    for stem in stems.values():
        assert "/" not in stem
        assert 0 < len(stem.encode()) < 120
        assert not stem.startswith((".", "CON"))


def test_a_sentence_is_the_same_in_every_run_and_bounded():
    path = "No file '/tmp/arcvq-nursery-x7_a/work-0f3c/part-1a/w.pt' <A at 0x7f06e5>"
    assert cleaned(path) == "No file '…/w.pt' <A at 0x…>"
    assert cleaned("a\0b\x1b[31mc\nd") == "a�b�[31mc\nd"
    assert len(cleaned("x" * 10**6)) < 3000


class Tags(HTMLParser):
    """The tags of a page, and every address in it."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.addresses = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "action")]
        assert not [k for k, _ in attrs if k.startswith("on")]


def test_nothing_from_a_student_becomes_a_tag_and_nothing_is_fetched(tmp_path):
    evil = result(EVIL, "wrong", "wrong", answer=EVIL, sentence=EVIL, persons=(EVIL,))
    pair = Pair((EVIL, "ben"), 0.9, (EVIL, "</pre>" + EVIL))
    publish(tmp_path, [evil, result("ben")], pairs=[pair])
    pages = sorted(tmp_path.rglob("*.html"))
    assert len(pages) == 4
    for page in pages:
        seen = Tags(page.read_text("utf-8"))
        assert not {"script", "img", "iframe", "link"} & set(seen.tags)
        for address in seen.addresses:
            assert (tmp_path / unquote(address)).exists()
    assert EVIL not in (tmp_path / "report.html").read_text("utf-8")


def test_a_students_page_has_the_points_the_reason_and_nothing_of_others(tmp_path):
    persons = ("for the instructor alone",)
    anna = result("anna", "right", "wrong", sentence="Slope 3.", persons=persons)
    publish(tmp_path, [anna, result("ben")])
    page = (tmp_path / "students/anna.html").read_text("utf-8")
    for words in ("6 of 10", "Slope 3.", "doubles", "No answer was found."):
        assert words in page
    assert "ben" not in page
    assert persons[0] not in page
    assert persons[0] in (tmp_path / "report.html").read_text("utf-8")


def test_answers_stand_under_the_rubric_in_an_order_of_the_seeds(tmp_path):
    class_ = [result(f"s{i:02}", answer=f"answer {i:02}") for i in range(20)]
    publish(tmp_path, [*class_, result("silent")])
    page = (tmp_path / "written/why.html").read_text("utf-8")
    places = [page.index(f"answer {i:02}") for i in range(20)]
    assert places != sorted(places)
    assert page.index("winners") < min(places)
    assert page.index("silent") > max(places)


def test_a_missing_protection_is_on_the_class_page(tmp_path):
    open_door = Protections((Protection("a network", (), "No filter."),))
    publish(tmp_path, [result("anna")], protections=open_door)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Not everything is denied" in page
    assert "NOT denied here. No filter." in page


def test_the_table_is_for_excel_and_runs_nothing(tmp_path):
    names = ["=1+1", "@x", "-y", 'Zoë, "Z"', "anna"]
    publish(tmp_path, [result(name) for name in names])
    assert (tmp_path / "grades.csv").read_bytes().startswith(b"\xef\xbb\xbfstudent,")
    table = rows(tmp_path / "grades.csv")
    assert table[0][1:3] == ["id", "double (of 10)"]
    assert table[0][3:] == ["graded total (of 10)", "why (of 10)", "total (of 20)"]
    assert [row[0] for row in table[1:]] == ["'=1+1", "'@x", "'-y", 'Zoë, "Z"', "anna"]
    assert table[1][1:] == ["", "6", "6", "", ""]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_marks_that_were_entered_survive_another_run(tmp_path, delimiter):
    publish(tmp_path, [result("anna"), result("=ben")])
    table = rows(tmp_path / "grades.csv")
    table[1][4] = "8,5"
    saved = StringIO(newline="")
    csv.writer(saved, delimiter=delimiter).writerows(table)
    (tmp_path / "grades.csv").write_text(saved.getvalue(), "utf-8", newline="")
    publish(tmp_path, [result("anna"), result("=ben"), result("cleo")])
    assert [row[4] for row in rows(tmp_path / "grades.csv")[1:]] == ["8,5", "", ""]


def test_marks_are_never_written_over_blindly(tmp_path):
    publish(tmp_path, [result("anna"), result("ben")])
    path = tmp_path / "grades.csv"
    text = path.read_text("utf-8").replace("ben,,6,6,", "ben,,6,6,9")
    path.write_text(text, "utf-8")
    check_table(path, PAPER, ["anna", "ben"])
    with pytest.raises(ValueError, match="marks of ben"):
        check_table(path, PAPER, ["anna"])
    path.write_bytes(b"\xff\xfe no table")
    with pytest.raises(ValueError, match="not written over"):
        check_table(path, PAPER, ["anna", "ben"])


def test_the_histogram_counts_everybody_once():
    results = [
        result("a", "right", "right"),
        result("b"),
        result("c", "wrong", "wrong"),
    ]
    report = report_class(
        results, PAPER, pairs=[], left_out=[], protections=Protections(()), seed=0,
        limits=Limits(),
    )  # fmt: skip
    assert report.histogram.counts == (1, 0, 0, 0, 0, 0, 1, 0, 0, 1)
    assert (report.mean, report.median) == (5.33, 6.0)
    assert [part.right for part in report.tasks[0].parts] == [2, 1]


def test_a_page_of_somebody_who_left_is_removed_and_bytes_repeat(tmp_path):
    publish(tmp_path, [result("anna"), result("ben")])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    publish(tmp_path, [result("anna"), result("ben")])
    assert before == {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    publish(tmp_path, [result("anna")])
    assert [page.name for page in (tmp_path / "students").iterdir()] == ["anna.html"]

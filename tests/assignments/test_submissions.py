"""What was handed in becomes one submission a student, by the stated rule."""

import io
import json
import os
import stat
import zipfile
from pathlib import Path
from unicodedata import normalize

import pytest

from arcvq_lite.grading import archive, found_files
from arcvq_lite.grading.cells import ReadFile
from arcvq_lite.grading.submissions import collect

ANSWER = "def angle(x):\n    return x\n"


def notebook(*sources, **more):
    cells = [{"cell_type": "code", "source": source} for source in sources]
    return json.dumps({"nbformat": 4, "cells": cells, "metadata": {}, **more})


def folder(path, files):
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        content = content if isinstance(content, bytes) else content.encode()
        file.write_bytes(content)
    return path


def packed(files, date=(2026, 3, 1, 12, 0, 0)):
    """A zip; a value may be content, or (content, date)."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packer:
        for name, content in files.items() if isinstance(files, dict) else files:
            content, when = content if isinstance(content, tuple) else (content, date)
            packer.writestr(zipfile.ZipInfo(name, when), content)
    return held.getvalue()


def graded(path, *more):
    """Students with the file that is graded, and what nobody handed in."""
    intake = collect([path, *more], "a1", ["margins"])
    return {each.student: each for each in intake.submissions}, intake.left_out


def text_of(submission):
    assert isinstance(submission.content, ReadFile), submission.content
    return "\n".join(cell.text for cell in submission.content.cells)


MOODLE = {
    "Anna Lee_1234567_assignsubmission_file_/a1_margins.ipynb": notebook(ANSWER),
    "Jörg Weiß_1234568_assignsubmission_file_/my work.py": ANSWER,
    "Anna Lee_1299999_assignsubmission_file_/a1.py": ANSWER,
    "__MACOSX/Anna Lee_1234567_assignsubmission_file_/._a1_margins.ipynb": b"\0\5",
    ".DS_Store": b"\0",
    "Li Na_1234569_assignsubmission_file_/report.pdf": b"%PDF",
}
CANVAS = {
    "leeanna_12345_67890_a1_margins.ipynb": notebook("old = 1"),
    "leeanna_12345_67899_a1_margins-2.ipynb": notebook("new = 1"),
    "weissjorg_LATE_12346_67891_a1.py": ANSWER,
}


def test_moodles_folders_are_students_and_namesakes_keep_their_numbers(tmp_path):
    students, left_out = graded(folder(tmp_path / "class", MOODLE))
    named = ["Anna Lee (1234567)", "Anna Lee (1299999)", "Jörg Weiß", "Li Na"]
    assert sorted(students) == named
    numbers = {name: each.number for name, each in students.items()}
    assert numbers == {
        "Anna Lee (1234567)": "1234567",
        "Anna Lee (1299999)": "1299999",
        "Jörg Weiß": "1234568",
        "Li Na": "1234569",
    }
    assert students["Li Na"].content == archive.UNWANTED
    assert left_out == ()


def test_a_zip_says_the_same_as_the_folder_it_was_made_of(tmp_path):
    inside, _ = graded(folder(tmp_path / "class", MOODLE))
    (tmp_path / "class.zip").write_bytes(packed(MOODLE))
    assert graded(tmp_path / "class.zip")[0].keys() == inside.keys()


def test_canvas_names_and_its_latest_try(tmp_path):
    (tmp_path / "c.zip").write_bytes(packed(CANVAS))
    students, _ = graded(tmp_path / "c.zip")
    assert sorted(students) == ["leeanna", "weissjorg"]
    assert students["weissjorg"].number == "12346"
    assert "new = 1" in text_of(students["leeanna"])
    assert students["leeanna"].choice == (
        "leeanna_12345_67899_a1_margins-2.ipynb was graded, since it has the highest "
        "number; not leeanna_12345_67890_a1_margins.ipynb.",
    )
    assert students["weissjorg"].choice == ()


def test_names_are_ordered_by_letters_and_not_by_code_points(tmp_path):
    names = ("Žofie", "Seán", "Đặng", "Łukasz", "Émile", "adam", "Maria", "Zoe")
    students, _ = graded(
        folder(tmp_path / "in", {f"{name}/a1.py": ANSWER for name in names})
    )
    order = ["adam", "Đặng", "Émile", "Łukasz", "Maria", "Seán", "Zoe", "Žofie"]
    assert list(students) == order


def test_two_unicode_forms_of_a_name_are_one_student(tmp_path):
    files = [
        (normalize("NFC", "Zoë/a1.py"), ("old = 1", (2025, 1, 1, 0, 0, 0))),
        (normalize("NFD", "Zoë/a1.py"), ("new = 1", (2026, 1, 1, 0, 0, 0))),
        ("ben/a1.py", ANSWER),
    ]
    (tmp_path / "c.zip").write_bytes(packed(files))
    students, _ = graded(tmp_path / "c.zip")
    assert sorted(students) == ["Zoë", "ben"]
    assert "new = 1" in text_of(students["Zoë"])


def test_loose_files_are_named_by_their_own_names(tmp_path):
    names = ("a1_margins_anna.py", "ben-a1.ipynb", "student_1.py", "student_2.py")
    files = dict.fromkeys(names, ANSWER) | {"ben-a1.ipynb": notebook(ANSWER)}
    files |= {"student_2 (1).py": "again = 1", "readme.txt": "hello"}
    students, left_out = graded(folder(tmp_path / "in", files))
    assert sorted(students) == ["anna", "ben", "student_1", "student_2"]
    assert {each.number for each in students.values()} == {""}
    assert left_out == (f"in/readme.txt: {archive.UNWANTED}",)


def test_a_folder_around_the_class_is_looked_through_but_a_students_is_not(tmp_path):
    within = {"all/anna/a1.py": ANSWER, "all/ben/a1.py": ANSWER}
    assert sorted(graded(folder(tmp_path / "x", within))[0]) == ["anna", "ben"]
    alone = {"anna/a1_margins.py": ANSWER, "anna/plots.py": ANSWER}
    assert sorted(graded(folder(tmp_path / "y", alone))[0]) == ["anna"]


def test_what_the_shell_spells_out_is_one_student_each(tmp_path):
    root = folder(
        tmp_path,
        {"anna/a1_margins.py": ANSWER, "ben/work.py": ANSWER, "cleo.py": ANSWER},
    )
    (root / "dan.zip").write_bytes(packed({"a1_margins.py": ANSWER}))
    students, _ = graded(*sorted(root.iterdir()))
    assert sorted(students) == ["anna", "ben", "cleo", "dan"]


def test_the_folder_one_stands_in_has_its_name(tmp_path, monkeypatch):
    folder(tmp_path / "anna", {"a1_margins.py": ANSWER})
    monkeypatch.chdir(tmp_path / "anna")
    students, _ = graded(Path("."))
    assert students["anna"].file == "anna/a1_margins.py"


def test_a_students_zip_is_opened_and_one_inside_it_is_refused(tmp_path):
    files = {
        "anna.zip": packed({"sub/a1.py": ANSWER}),
        "ben.zip": packed({"more.zip": packed({"a1.py": ANSWER})}),
        "cleo.zip": b"PK no zip at all",
        "dan.zip": packed({}),
    }
    students, _ = graded(folder(tmp_path / "in", files))
    assert sorted(students) == ["anna", "ben", "cleo", "dan"]
    assert "angle" in text_of(students["anna"])
    assert "a zip within a zip" in students["ben"].content
    assert "The zip cannot be read" in students["cleo"].content
    assert students["dan"].content == "The zip holds no files."


def test_unsafe_entries_are_named_and_nothing_is_written(tmp_path):
    link = zipfile.ZipInfo("anna/a1.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packer:
        packer.writestr("../../escaped.py", ANSWER)
        packer.writestr("/etc/absolute.py", ANSWER)
        packer.writestr("C:/windows.py", ANSWER)
        packer.writestr(link, "/etc/passwd")
        packer.writestr("ben/a1.py", b"#" * 40 * archive.MEGABYTE)
        packer.writestr("cleo/a1.py", ANSWER)
    (tmp_path / "c.zip").write_bytes(held.getvalue())
    before = sorted(tmp_path.rglob("*"))
    students, left_out = graded(tmp_path / "c.zip")
    assert sorted(tmp_path.rglob("*")) == before
    assert len(left_out) == 3
    assert all(sentence.endswith(archive.MISNAMED) for sentence in left_out)
    assert sorted(students) == ["anna", "ben", "cleo"]
    assert "It is a link" in students["anna"].content
    assert "times its length" in students["ben"].content
    assert "angle" in text_of(students["cleo"])


def test_an_encrypted_entry_is_refused(tmp_path):
    content = bytearray(packed({"anna/a1.py": ANSWER, "ben/a1.py": ANSWER}))
    central = content.rindex(b"PK\1\2")
    content[central + 8] |= 1
    (tmp_path / "c.zip").write_bytes(content)
    students, _ = graded(tmp_path / "c.zip")
    assert students["ben"].content == "It is encrypted, so it was not read."
    assert "angle" in text_of(students["anna"])


def test_a_header_that_lies_about_a_length_gains_nothing(tmp_path):
    bomb = b"#" * 8 * archive.MEGABYTE
    content = bytearray(packed({"anna/a1.py": bomb}))
    central = content.rindex(b"PK\1\2")
    content[central + 24 : central + 28] = (1000).to_bytes(4, "little")
    (tmp_path / "c.zip").write_bytes(content)
    students, _ = graded(tmp_path / "c.zip")
    assert "cannot be unpacked" in students["anna"].content


def test_allowances_of_one_student_are_not_anothers(tmp_path, monkeypatch):
    monkeypatch.setattr(found_files, "MEGABYTE", 64)  # 128 × 64 bytes a nested zip
    noise = os.urandom(6000)
    greedy = packed({f"{i}.py": b"# " + noise.hex().encode() for i in range(3)})
    files = {"anna.zip": greedy, "ben.zip": packed({"a1.py": ANSWER})}
    students, _ = graded(folder(tmp_path / "in", files))
    assert "more than is read" in students["anna"].content
    assert "angle" in text_of(students["ben"])


def test_a_zip_of_very_many_entries_is_refused(tmp_path):
    many = packed({f"x/{number}.py": "" for number in range(2_001)})
    files = {"anna.zip": many, "ben.py": ANSWER}
    students, _ = graded(folder(tmp_path / "in", files))
    assert "2,001 entries" in students["anna"].content


def test_links_in_a_folder_are_not_followed(tmp_path):
    secret = folder(tmp_path / "secret", {"a1.py": "secret = 1"})
    inside = folder(tmp_path / "in", {"anna/a1.py": ANSWER})
    (inside / "ben.py").symlink_to(secret / "a1.py")
    (inside / "cleo").symlink_to(secret)
    os.mkfifo(inside / "dan.py")
    students, _ = graded(inside)
    assert "link" in students["ben"].content
    assert "link" in students["cleo"].content
    assert "plain file" in students["dan"].content
    assert "secret" not in " ".join(map(str, students))


def test_nothing_to_grade_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no .*missing"):
        collect([tmp_path / "missing"], "a1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="nothing to grade"):
        collect([tmp_path / "empty"], "a1")

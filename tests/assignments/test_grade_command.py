"""`arcvq grade` on a small class: marks, pages, another run, a grader that fails."""

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
from test_gradebook import PRIVATE, TINY, rows

from arcvq_lite import cli
from arcvq_lite.grading import command, grade_class
from arcvq_lite.grading.errors import NurseryError
from arcvq_lite.grading.paper import set_paper
from arcvq_lite.grading.protections import Protections
from arcvq_lite.grading.submissions import collect

RIGHT = "def double(x):\n    return 2 * x\n"
CELLS = [
    {"cell_type": "code", "source": "plot()\n%matplotlib inline"},
    {"cell_type": "code", "source": RIGHT},
    {"cell_type": "markdown", "source": "Norms.", "metadata": {"question": "why"}},
]
CLASS = {
    "broken.py": "def double(x:\n",
    "dead.py": "import os\ndef double(x):\n    os._exit(0)\n",
    "empty.py": "def double(x):\n    raise NotImplementedError\n",
    "latin.py": "# é\n".encode("latin-1") + RIGHT.encode(),
    "notes.ipynb": '{"cells": [',
    "partly.py": "def double(x):\n    return 2 * x.detach()\n",
    "right.ipynb": json.dumps({"nbformat": 4, "cells": CELLS}),
    "twice.py": RIGHT.replace("2 * x", "x + x"),
}
FULL = {"latin": "10", "right": "10", "twice": "10", "partly": "6"}


@pytest.fixture
def handed_in(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "ASSIGNMENTS", {"a1": TINY})
    folder = tmp_path / "in"
    folder.mkdir()
    for name, content in CLASS.items():
        content = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(content)
    return folder


def arcvq(capsys, *words):
    status = cli.main(["grade", *map(str, words)])
    told = capsys.readouterr()
    return status, told.out, told.err


def everything(out):
    return {
        path.relative_to(out): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }


def totals(out):
    return {row[0]: row[3] for row in rows(out / "grades.csv")[1:]}


@pytest.mark.slow
def test_a_class_is_graded_once_and_only_what_changed_again(
    handed_in, tmp_path, capsys
):
    out = tmp_path / "out"
    words = ("a1", handed_in, "--out", out, "--jobs", 2)
    status, told, _ = arcvq(capsys, *words)
    assert status == 0
    assert "a1: 8 submissions\ngraded now: 8, known before: 0\n" in told
    assert totals(out) == {name.split(".")[0]: "0" for name in CLASS} | FULL
    report = json.loads((out / "report.json").read_bytes())
    flagged = {s["student"] for s in report["students"] if s["for_a_person"]}
    assert flagged == {"broken", "latin", "notes"}
    assert "Norms." in (out / "written/why.html").read_text("utf-8")
    assert "No gradient" in (out / "students/partly.html").read_text("utf-8") or (
        "slope" in (out / "students/partly.html").read_text("utf-8")
    )
    first = everything(out)

    assert "graded now: 0, known before: 8" in arcvq(capsys, *words)[1]
    assert everything(out) == first
    (handed_in / "empty.py").write_text(RIGHT)
    assert "graded now: 1, known before: 7" in arcvq(capsys, *words)[1]
    assert totals(out)["empty"] == "10"

    # Other points need no examination; another test needs all of them.
    own = tmp_path / "own"
    own.mkdir()
    (own / "points.toml").write_text("[a1]\ndouble = 20\n")
    assert "graded now: 0" in arcvq(capsys, *words, "--tests", own)[1]
    assert totals(out)["right"] == "20"
    (own / "a1.py").write_text(PRIVATE)
    assert "graded now: 8" in arcvq(capsys, *words, "--tests", own)[1]
    assert totals(out)["right"] == "10"


class Paper:
    """A nursery that runs nothing; its examinee answers as a right submission."""

    broken = ()
    opened = 0

    def __init__(self, limits, hidden):
        self.protections = Protections(())
        type(self).opened += 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    @contextmanager
    def admit(self, units):
        if any(word in unit.text for unit in units for word in self.broken):
            raise NurseryError("it is gone")
        yield self

    def open_part(self):
        return None

    def call(self, function, x):
        return 2 * x

    def differentiate(self, function, arguments, **more):
        import torch

        return arguments[0], [torch.full((4,), 2.0)]


@pytest.fixture
def nursery(monkeypatch):
    monkeypatch.setattr(grade_class, "Nursery", Paper)
    monkeypatch.setattr(Paper, "opened", 0)
    return Paper


def graded(folder, out, **options):
    submissions = collect([folder], "a1").submissions
    marks = grade_class.grade_class(submissions, set_paper(TINY), out, **options)
    return marks, {r.student: r for r in marks.results}


def test_a_grader_that_fails_at_one_says_so_and_grades_the_rest(
    handed_in, tmp_path, capsys, monkeypatch, nursery
):
    whole = grade_class.examine

    def examine(submission, *arguments, **options):
        if submission.student == "twice":
            raise ZeroDivisionError("a fault of ours")
        return whole(submission, *arguments, **options)

    monkeypatch.setattr(grade_class, "examine", examine)
    words = ("a1", handed_in, "--out", tmp_path / "out", "--jobs", 3)
    assert arcvq(capsys, *words)[0] == 1
    assert totals(tmp_path / "out")["twice"] == "0"
    assert totals(tmp_path / "out")["right"] == "10"
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert "The grader failed here: ZeroDivisionError: a fault of ours" in page

    monkeypatch.setattr(grade_class, "examine", whole)
    status, told, _ = arcvq(capsys, *words)
    assert status == 0
    assert "graded now: 1, known before: 7" in told
    assert totals(tmp_path / "out")["twice"] == "10"


def test_a_nursery_that_breaks_is_replaced_and_twice_is_enough(
    handed_in, tmp_path, monkeypatch, nursery
):
    monkeypatch.setattr(nursery, "broken", ("os._exit",))
    marks, results = graded(handed_in, tmp_path / "out", jobs=1)
    assert nursery.opened == 2
    assert marks.examined == 8
    assert results["right"].got == 10
    assert "NurseryError: it is gone" in results["dead"].for_a_person[0]


def test_marks_do_not_depend_on_the_jobs(handed_in, tmp_path, nursery):
    one, _ = graded(handed_in, tmp_path / "one", jobs=1)
    four, _ = graded(handed_in, tmp_path / "four", jobs=4)
    assert one.results == four.results
    assert everything(tmp_path / "one") == everything(tmp_path / "four")


def test_an_error_of_the_machine_ends_it_and_what_is_done_stays(
    handed_in, tmp_path, monkeypatch, nursery
):
    saved = []

    def save(result, path):
        if len(saved) == 3:
            raise OSError(28, "No space left on device")
        saved.append(result.student)

    monkeypatch.setattr(grade_class, "save_result", save)
    with pytest.raises(OSError, match="No space left"):
        graded(handed_in, tmp_path / "out", jobs=1)
    assert len(saved) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a9", "in"), "no assignment 'a9'; there are a1"),
        (("a1", "missing"), "there is no missing; name notebooks"),
        (("a1", "in", "--tests", "none"), "no such folder"),
        (("a1", "in", "--time", "0"), "greater than 0"),
        (("a1", "in", "--jobs", "0"), "at least 1"),
    ],
)
def test_what_cannot_be_met_is_one_line(
    handed_in, tmp_path, capsys, monkeypatch, nursery, words, said
):
    monkeypatch.chdir(tmp_path)
    status, _, err = arcvq(capsys, *words, "--out", "out")
    assert status == 2
    assert said in err
    assert err.count("\n") == 1


def test_marks_that_were_entered_come_through_the_command(
    handed_in, tmp_path, capsys, nursery, monkeypatch
):
    out = tmp_path / "out"
    (handed_in / "Anna Lee_1234567_assignsubmission_file_a1.py").write_text(RIGHT)
    words = ("a1", handed_in, "--out", out, "--jobs", 1)
    assert arcvq(capsys, *words)[0] == 0
    path = out / "grades.csv"
    text = path.read_text("utf-8")
    for row, mark in (("Anna Lee,1234567,10,10,", "9.5"), ("right,,10,10,", "99")):
        assert row in text
        text = text.replace(row, row + mark)
    path.write_text(text, "utf-8")
    status, told, _ = arcvq(capsys, *words)
    assert status == 0
    assert "warning: grades.csv: right: 99 in why, of 10; it is not counted" in told
    sums = {row[0]: row[5] for row in rows(path)[1:]}
    assert {name: total for name, total in sums.items() if total} == {
        "Anna Lee": "19.5"
    }
    assert "9.5 of 10" in (out / "students/Anna Lee.html").read_text("utf-8")

    # Another assignment, asked for by mistake, changes nothing.
    before = everything(out)
    other = replace(TINY, name="a2")
    monkeypatch.setattr(command, "ASSIGNMENTS", {"a1": TINY, "a2": other})
    status, _, err = arcvq(capsys, "a2", handed_in, "--out", out)
    assert status == 2
    assert f"{out} holds A1, and you ask for A2: name another --out" in err
    assert everything(out) == before


def test_two_graders_do_not_share_a_folder(handed_in, tmp_path, capsys, nursery):
    out = tmp_path / "out"
    out.mkdir()
    with command.FileLock(out / ".lock"):
        status, _, err = arcvq(capsys, "a1", handed_in, "--out", out)
    assert status == 2
    assert "another process grades there" in err

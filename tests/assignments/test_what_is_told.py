"""What the instructor and a student are told where something went wrong."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_grade_command import RIGHT, TINY, arcvq, handed_in, nursery
from test_gradebook import publish, result
from tiny_task import DOUBLE

from arcvq_lite.check.assignments import ASSIGNMENTS
from arcvq_lite.check.examinee import NotAttemptedError
from arcvq_lite.grading.examination import examine
from arcvq_lite.grading.histogram import histogram
from arcvq_lite.grading.paper import set_paper
from arcvq_lite.grading.submissions import collect

__all__ = ["handed_in", "nursery"]  # fixtures

FAULTY = """
import torch
from arcvq_lite.check.task import Part
def examine(examinee, generator):
    reply = examinee.call("double", torch.ones(3))
    torch.testing.assert_equality(reply, 2)
PARTS = {"double": [Part(10, "is private", examine)]}
"""


def text_of(page):
    return re.sub(r"<[^>]+>", " ", page.read_text("utf-8"))


def test_a_private_test_that_fails_by_itself_is_named_with_its_line(
    handed_in, nursery, tmp_path, capsys
):
    own = tmp_path / "own"
    own.mkdir()
    (own / "a1.py").write_text(FAULTY)
    out = tmp_path / "out"
    status, told, _ = arcvq(
        capsys, "a1", handed_in, "--out", out, "--tests", own, "--jobs", 1
    )
    assert status == 0
    fault = "a1.py, line 6: AttributeError: module 'torch.testing' has no attribute"
    assert f"warning: nobody passed part 3 of double, whose test failed: {fault}" in (
        told
    )
    page = text_of(out / "report.html")
    assert f"Nobody passed part 3 of double, whose test failed: {fault}" in page
    student = text_of(out / "students/right.html")
    assert "could not be examined (AttributeError); your instructor will" in student
    assert "a1.py, line" not in student


def test_a_test_that_somebody_passed_is_not_called_faulty(tmp_path):
    anna = result("anna", "unexamined", "wrong")
    (task,) = anna.tasks
    noted = replace(task.parts[0], note="a1.py, line 6: TypeError: odd")
    anna = replace(anna, tasks=(replace(task, parts=(noted, task.parts[1])),))
    assert len(publish(tmp_path, [anna, result("cleo", "wrong", "wrong")]).faults) == 1
    assert publish(tmp_path, [anna, result("ben", "right", "wrong")]).faults == ()


class Absent:
    """A nursery in which no function is found."""

    def admit(self, units):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def open_part(self):
        return None

    def call(self, function, *arguments):
        raise NotAttemptedError("Not attempted yet.")

    def differentiate(self, function, arguments, **more):
        raise NotAttemptedError("Not attempted yet.")


def examined(tmp_path, text, paper):
    (tmp_path / "anna.py").write_text(text)
    (submission,) = collect([tmp_path / "anna.py"], "a1").submissions
    return examine(submission, paper, Absent(), seed=0, identity="id")


def test_another_assignments_file_is_recognised(tmp_path):
    paper = set_paper(ASSIGNMENTS["a1"])
    function = ASSIGNMENTS["a2"].tasks[0].function
    found = examined(tmp_path, f"def {function}(x):\n    return x\n", paper)
    sentence = "No function of A1 was found in what was handed in; it looks like A2."
    assert found.remarks == found.for_a_person == (sentence,)
    assert not found.attempted
    empty = examined(tmp_path, "print(1)\n", paper)
    assert empty.remarks[0].endswith("was found in what was handed in.")


def test_a_function_in_a_cell_that_is_not_python_is_said_to_be_there(tmp_path):
    text = "def other():\n    return 1\n# %%\n\ndef double(x:\n    return 2\n"
    paper = set_paper(TINY)
    alone = examined(tmp_path, text, paper)
    assert alone.remarks[0].startswith("Line 5: this is not Python (")
    assert "): def double(x:. Nothing of the cell is used." in alone.remarks[0]
    assert alone.remarks[1].endswith("for what has them is not Python.")
    found = examined(tmp_path, f"# %%\ndouble = None\n{text}", paper)
    assert {part.sentence for part in found.tasks[0].parts} == {
        "double could not be used: it begins in line 7, in a cell that is not Python."
    }


def test_what_is_final_is_not_called_not_yet(tmp_path):
    found = examined(tmp_path, RIGHT, set_paper(TINY))
    assert {part.sentence for part in found.tasks[0].parts} == {"Not attempted."}
    assert not found.attempted


def test_one_reason_is_told_once_and_then_referred_to(tmp_path):
    publish(tmp_path, [result("anna", "wrong", "wrong", sentence="Slope 3.")])
    page = text_of(tmp_path / "students/anna.html")
    assert page.count("Slope 3.") == page.count("For the same reason.") == 1


def test_a_file_that_was_not_read_has_one_sentence_and_no_crosses(tmp_path):
    damaged = result("anna", "absent", "absent", persons=("It is damaged.",))
    report = publish(tmp_path, [result("ben", persons=("Odd.",)), damaged])
    page = text_of(tmp_path / "students/anna.html")
    assert "✗" not in page
    assert DOUBLE.parts[0].shows not in page
    assert report.unattempted == 1
    class_page = text_of(tmp_path / "report.html")
    assert "1 of them without a readable attempt" in class_page
    assert class_page.index("It is damaged.") < class_page.index("Odd.")


@given(
    most=st.integers(1, 3000).map(lambda tenths: tenths / 10),
    shares=st.lists(st.floats(0, 1), max_size=30),
)
def test_bars_begin_at_round_numbers_and_everybody_is_in_one(most, shares):
    points = [round(share * most, 1) for share in shares]
    found = histogram(points, most)
    assert sum(found.counts) == len(points)
    assert 1 <= len(found.counts) <= 10
    for low, high, count in found.bars:
        last = high == most
        inside = [p for p in points if low <= p < high or (last and p == most)]
        assert count == len(inside)
    step = found.edges[1] if len(found.counts) > 1 else most
    assert step in (1, 2, 5, 10, 20, 50) or step == most
    assert all(edge % step == 0 for edge in found.edges[:-1])


def test_a_file_that_is_not_there_gets_the_nearest_name(
    handed_in, tmp_path, capsys, nursery
):
    words = ("a1", handed_in, "--out", tmp_path / "out", "--jobs", 1)
    handout = tmp_path / "a1.ipynb"
    (tmp_path / "a1_margins.ipynb").write_text("{}")
    status, _, err = arcvq(capsys, *words, "--handout", handout)
    assert status == 2
    assert f"there is no such file; did you mean {tmp_path}/a1_margins.ipynb?" in err


def test_an_assignment_goes_by_its_files_name_too(handed_in, tmp_path, capsys, nursery):
    words = ("a1_margins", handed_in, "--out", tmp_path / "out", "--jobs", 1)
    status, told, _ = arcvq(capsys, *words)
    assert (status, told.splitlines()[0]) == (0, "a1: 8 submissions")


def test_points_that_are_no_toml_get_an_example(tmp_path):
    (tmp_path / "points.toml").write_text("[a1]\ndouble = twelve\n")
    with pytest.raises(ValueError, match=r"below it lines such as double = 12"):
        set_paper(TINY, tmp_path)

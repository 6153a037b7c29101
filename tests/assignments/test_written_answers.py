"""An answer is told from its question, in whatever the students' copies became."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from arcvq_lite.check.assignments import ASSIGNMENTS
from arcvq_lite.check.task import Question
from arcvq_lite.grading.cells import read_cells
from arcvq_lite.grading.written_answers import digest_of, find_answers, section_under

STUDENTS = Path(__file__).parents[2] / "chapters" / "assignments" / "student"
COPIES = [(name, suffix) for name in ASSIGNMENTS for suffix in ("ipynb", "py")]
copies = pytest.mark.parametrize(("name", "suffix"), COPIES)
STUB = "*Your answer.*"


def copy_of(name, suffix):
    (path,) = STUDENTS.glob(f"{name}_*.{suffix}")
    return path.read_text("utf-8")


def found(name, suffix, text):
    cells = read_cells(f"x.{suffix}", text.encode()).cells
    return find_answers(cells, ASSIGNMENTS[name].questions)


def nameless(text):
    """The copy as an editor leaves it that drops the metadata of cells."""
    text = re.sub(r' question="\w+"$', "", text, flags=re.MULTILINE)
    return re.sub(r'"question": "\w+"', '"lost": ""', text)


def nothing(name):
    return {question.name: "" for question in ASSIGNMENTS[name].questions}


def last_words(text, name, question, suffix):
    """The end of a question in the text of a copy, and what stands there."""
    cells = read_cells(f"x.{suffix}", text.encode()).cells
    return section_under(cells, question.title).split("\n")[-1]


@copies
def test_the_words_of_every_question_are_those_that_were_handed_out(name, suffix):
    cells = read_cells(f"x.{suffix}", copy_of(name, suffix).encode()).cells
    for question in ASSIGNMENTS[name].questions:
        words = section_under(cells, question.title).split()
        assert question.asked == digest_of(words), question.name


@copies
def test_a_copy_that_nobody_touched_has_no_answer(name, suffix):
    text = copy_of(name, suffix)
    assert text.count(STUB) == 2
    assert found(name, suffix, text) == nothing(name)
    lost = nameless(text)
    assert lost != text
    assert found(name, suffix, lost) == nothing(name)
    assert found(name, suffix, lost.replace(STUB, "")) == nothing(name)


@copies
def test_an_answer_stands_alone_wherever_it_was_written(name, suffix):
    text = copy_of(name, suffix)
    wanted = {question.name: "It is so." for question in ASSIGNMENTS[name].questions}
    answered = text.replace(STUB, "It is so.")
    assert found(name, suffix, answered) == wanted
    assert found(name, suffix, nameless(answered)) == wanted
    # Below the question, in the question's own cell, with the place for it untouched.
    for question in ASSIGNMENTS[name].questions:
        end = last_words(text, name, question, suffix)
        added = f"{end} It is so."
        if suffix == "ipynb":
            end, added = json.dumps(end)[1:-1], json.dumps(added)[1:-1]
        assert text.count(end) == 1
        text = text.replace(end, added)
    assert found(name, suffix, text) == wanted
    assert found(name, suffix, nameless(text)) == wanted


def test_words_within_a_question_are_shown_with_it_where_names_are_lost():
    first = ASSIGNMENTS["a1"].questions[0]
    text = nameless(copy_of("a1", "py")).replace("# Between two", "# Mine. Between two")
    answer = found("a1", "py", text)[first.name]
    assert "Mine. Between two" in answer
    assert STUB not in answer


def test_an_untouched_cell_is_no_answer_to_a_question_in_other_words():
    text = copy_of("a1", "py").replace("# Between two", "# Somewhere between two")
    assert found("a1", "py", text) == nothing("a1")


@pytest.mark.parametrize(
    "stub",
    ["*Your answer.*", "Your answer here...", "**Your answer:**", "_Your answer…_"],
)
def test_a_place_for_words_is_no_answer(stub):
    why = Question("why", "Why", 5, 10, ((5, "because"),))
    asked = "# %% [markdown]\n# ## Why\n#\n# Say.\n"
    text = f'{asked}\n# %% [markdown] question="why"\n# {stub}\n'
    assert find_answers(read_cells("x.py", text.encode()).cells, [why]) == {"why": ""}
    known = replace(why, asked=digest_of(["Say."]))
    lost = read_cells("x.py", nameless(text).encode()).cells
    assert find_answers(lost, [known]) == {"why": ""}

"""What holds for every checker: a right answer passes, a wrong one is told why.

The answers stand in ``RIGHT`` and ``WRONG`` of each chapter's ``test_check_*.py``.
"""

from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
import torch

from arcvq_lite import check
from arcvq_lite.check.assignments import ASSIGNMENTS

# The assignments' checkers are proven in tests/assignments.
TASKS = {task.function for each in ASSIGNMENTS.values() for task in each.tasks}
NAMES = [name for name in check.__all__ if name not in TASKS]
CHECKERS = [getattr(check, name) for name in NAMES]
TABLES = [
    import_module(path.stem)
    for path in sorted(Path(__file__).parent.glob("test_check_*.py"))
    if path != Path(__file__)
]
RIGHT = [case for table in TABLES for case in table.RIGHT]
WRONG = [case for table in TABLES for case in table.WRONG]


def raises(*_):
    raise ZeroDivisionError("out of chalk")


@pytest.mark.parametrize("checker", CHECKERS, ids=NAMES)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "Not attempted yet"),
        (..., "Not attempted yet"),
        (lambda *_: None, "Not attempted yet"),
        (raises, "raised ZeroDivisionError: out of chalk"),
        (7, "must be a function, got int"),
        (lambda: 1, "raised TypeError"),
    ],
    ids=["none", "ellipsis", "returns none", "raises", "number", "no arguments"],
)
def test_no_answer_breaks_a_checker(checker, answer, words):
    verdict = checker(answer)
    assert not verdict.passed
    assert words in verdict.message
    assert "✓" not in repr(verdict)


@pytest.mark.parametrize("checker", CHECKERS, ids=NAMES)
def test_a_checker_leaves_the_random_state(checker):
    before = torch.get_rng_state()
    checker(lambda *_: torch.randn(3))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("checker", "answer"), RIGHT)
def test_a_right_answer_passes(checker, answer):
    verdict = checker(answer)
    assert verdict.passed, verdict
    assert repr(verdict).startswith("✓")


@pytest.mark.parametrize(("checker", "answer", "words"), WRONG)
def test_a_wrong_idea_is_named(checker, answer, words):
    verdict = checker(answer)
    assert not verdict.passed
    assert words in verdict.message, verdict


def test_every_wrong_idea_has_a_sentence_of_its_own():
    said = {}
    for checker, answer, words in WRONG:
        said.setdefault((checker.__name__, checker(answer).message), set()).add(words)
    assert all(len(words) == 1 for words in said.values()), said


def test_every_checker_is_asked_with_right_answers_and_wrong_ones():
    names = set(NAMES)
    assert {checker.__name__ for checker, _ in RIGHT} == names
    assert {checker.__name__ for checker, _, _ in WRONG} == names
    assert min(Counter(c.__name__ for c, _ in RIGHT).values()) > 1, "two styles"
    in_tables = [{checker for checker, _ in table.RIGHT} for table in TABLES]
    assert sum(map(len, in_tables)) == len(names), "a checker stands in two tables"

"""What holds for every checker: no answer, however broken, is an accident."""

from pathlib import Path

import pytest
import torch

from arcvq_lite import check

CHECKERS = [getattr(check, name) for name in check.__all__]


def raises(*_):
    raise ZeroDivisionError("out of chalk")


@pytest.mark.parametrize("checker", CHECKERS, ids=check.__all__)
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


@pytest.mark.parametrize("checker", CHECKERS, ids=check.__all__)
def test_a_checker_leaves_the_random_state(checker):
    before = torch.get_rng_state()
    checker(lambda *_: torch.randn(3))
    assert torch.equal(before, torch.get_rng_state())


def test_every_checker_is_tested_with_answers_of_its_own():
    """Each name stands in the table of its chapter's test file."""
    tables = [
        path.read_text() for path in Path(__file__).parent.glob("test_check_*.py")
    ]
    for name in check.__all__:
        assert sum(name in table for table in tables) == 1, name

"""Checkers of chapter 10: a verdict from a rule, and a score that does not leak."""

from __future__ import annotations

from typing import Any

import torch

from arcvq_lite.check.seeds import few_numbers
from arcvq_lite.check.verdict import (
    WrongAnswerError,
    ask,
    close,
    exercise,
    name_mistake,
)

_NEAR = 1e-6
_VERDICTS = ("supported", "not_supported", "undecided")


@exercise
def claim_verdict(answer: Any) -> str:
    """(intervals, smallest, expects, refuted_by) → one of three words."""
    rule = {"usage": "up", "psnr": "up"}, {"usage": ["same", "down"], "psnr": ["down"]}
    smallest = {"usage": 0.02, "psnr": 0.1}
    cases: list[tuple[tuple[float, float], tuple[float, float], str, str]] = [
        ((0.1, 0.2), (0.3, 0.9), "supported", "Both lie above what counts."),
        (
            (0.1, 0.2),
            (-0.5, 0.9),
            "undecided",
            "PSNR may be up, the same or down, so nothing has been settled, whatever "
            "its mean.",
        ),
        (
            (0.1, 0.2),
            (0.05, 0.9),
            "undecided",
            "PSNR may be up, and it may be the same: an interval that reaches into the "
            "band of the smallest difference has not left it.",
        ),
        (
            (-0.01, 0.01),
            (-0.9, -0.3),
            "not_supported",
            "Usage is the same and PSNR is down, and that is what refutes it.",
        ),
        (
            (0.1, 0.2),
            (-0.9, -0.3),
            "undecided",
            "Usage is up, so not everything that refutes has come true; nor has "
            "everything that is expected.",
        ),
        (
            (-0.2, 0.01),
            (-0.9, -0.3),
            "not_supported",
            "Usage is the same or down. Both are listed, so it need not be settled "
            "which of them.",
        ),
    ]
    for usage, psnr, wanted, why in cases:
        intervals = {"usage": usage, "psnr": psnr}
        found = _word(
            ask(answer, intervals, dict(smallest), dict(rule[0]), dict(rule[1]))
        )
        if found != wanted:
            raise WrongAnswerError(f"Usage {usage} and PSNR {psnr}: {found}? {why}")
    one = {"psnr": (-0.05, 0.04)}
    found = _word(ask(answer, one, smallest, {"psnr": "same"}, {"psnr": ["down"]}))
    if found != "supported":
        raise WrongAnswerError(
            "A claim may expect no change: an interval inside the band supports it."
        )
    return "An interval decides by all that it still allows."


@exercise
def honest_scores(answer: Any) -> str:
    """(validation, test), each (runs, T) → scores (runs,) at the chosen rows."""
    validation = torch.tensor([[1.0, 4.0, 2.0, 3.0, 0.0], [2.0, 1.0, 0.5, 5.0, 1.0]])
    test = torch.tensor([[5.0, 2.0, 6.0, 3.0, 4.0], [7.0, 4.0, 8.0, 1.0, 6.0]])
    reply = ask(answer, validation.clone(), test.clone())
    found = few_numbers(reply, 2, "one score a run, of shape (2,)").float()
    at_test = test.argmax(dim=1, keepdim=True)
    together = validation.mean(dim=0).argmax()
    mistakes = [
        (
            test.amax(dim=1),
            "The test set chooses its own row: that is the leak, and it flatters.",
        ),
        (
            validation.amax(dim=1),
            "That is the validation score of the chosen row, which has been chosen for "
            "being high; report the test score of the same row.",
        ),
        (
            validation.gather(1, at_test)[:, 0],
            "The parts are swapped: the test set has chosen, the validation reports.",
        ),
        (
            test[:, -1],
            "The last row is honest too, but then nothing has been chosen by the "
            "validation scores.",
        ),
        (
            test[:, together],
            "Each run chooses its own row; yours choose one together.",
        ),
        (
            test.gather(1, validation.argmin(dim=1, keepdim=True))[:, 0],
            "A higher score is better: take the row where validation is largest.",
        ),
    ]
    if close(
        found, test.gather(1, validation.argmax(dim=1, keepdim=True))[:, 0], _NEAR
    ):
        return "One set chooses, another reports."
    name_mistake(found, mistakes, _NEAR)
    raise WrongAnswerError(
        f"The first run's validation scores {validation[0].tolist()} are highest in "
        f"row 1; the score there on the test set is {test[0, 1]:.1f}, yours is "
        f"{found[0]:.1f}."
    )


def _word(reply: Any) -> str:
    if reply not in _VERDICTS:
        raise WrongAnswerError(f"Return one of {', '.join(_VERDICTS)}, not {reply!r}.")
    return str(reply)

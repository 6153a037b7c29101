"""What a checker says of an answer, and how an exercise is turned into a checker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, repr=False)
class Verdict:
    """A checker's answer; a notebook cell that ends with it shows it.

    Attributes:
        passed: whether the answer is right.
        message: one or two sentences, in the words of the field.
    """

    passed: bool
    message: str

    def __repr__(self) -> str:
        return f"{'✓' if self.passed else '✗'} {self.message}"


class WrongAnswerError(Exception):
    """Raised inside a checker with the sentence that the reader shall see."""


Checker = Callable[[Any], str]


def exercise(checker: Checker) -> Callable[[Any], Verdict]:
    """Make a `check.<name>(answer)` of a function that praises or raises.

    Args:
        checker: takes the answer; returns what a right one has shown, or raises
            `WrongAnswerError` with what is wrong.

    Returns:
        A function from the answer to a `Verdict`, which never raises itself and
        leaves torch's random state as it was.
    """

    @wraps(checker)
    def check(answer: Any) -> Verdict:
        with torch.random.fork_rng(devices=[]):
            try:
                return Verdict(True, checker(answer))
            except WrongAnswerError as wrong:
                return Verdict(False, str(wrong))

    return check


def ask(answer: Any, *question: Any, **options: Any) -> Any:
    """The answer's reply to a question, or a sentence where there is none.

    Raises:
        WrongAnswerError: if the answer cannot be called, raises, or returns None.
    """
    if answer is None or answer is ...:
        raise WrongAnswerError("Not attempted yet.")
    if not callable(answer):
        raise WrongAnswerError(
            f"The answer must be a function, got {type(answer).__name__}."
        )
    try:
        reply = answer(*question, **options)
    except Exception as error:
        raise WrongAnswerError(
            f"Your function raised {type(error).__name__}: {error}"
        ) from error
    if reply is None or reply is ...:
        raise WrongAnswerError("Not attempted yet: your function returns None.")
    return reply


def ask_for_tensor(
    answer: Any, shape: tuple[int, ...], *question: Any, **options: Any
) -> Tensor:
    """`ask`, where the reply must be a tensor of the given shape.

    Raises:
        WrongAnswerError: if it is not.
    """
    reply = ask(answer, *question, **options)
    if not isinstance(reply, Tensor):
        raise WrongAnswerError(
            f"Return a tensor of shape {shape}, not {type(reply).__name__}."
        )
    if tuple(reply.shape) != shape:
        raise WrongAnswerError(
            f"The shape should be {shape}, yours is {tuple(reply.shape)}."
        )
    return reply


def close(found: Tensor | float, wanted: Tensor | float, tolerance: float) -> bool:
    """Whether two replies agree everywhere within an absolute tolerance."""
    found = torch.as_tensor(found, dtype=torch.float64)
    wanted = torch.as_tensor(wanted, dtype=torch.float64)
    return found.shape == wanted.shape and torch.allclose(
        found, wanted, rtol=0, atol=tolerance
    )


def name_mistake(
    found: Tensor | float,
    mistakes: Iterable[tuple[Tensor | float, str]],
    tolerance: float,
) -> None:
    """Say which known mistake a reply is, if it is one.

    Args:
        found: the reply.
        mistakes: what wrong answers reply, each with its sentence; the first counts.
        tolerance: absolute.

    Raises:
        WrongAnswerError: with the sentence.
    """
    for mistake, sentence in mistakes:
        if close(found, mistake, tolerance):
            raise WrongAnswerError(sentence)

"""A task's tests become a checker for the notebook: `check.<function>(function)`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from arcvq_lite.check.examinee import (
    CannotBeTriedError,
    InPlaceExaminee,
    NotAttemptedError,
)
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import Verdict, WrongAnswerError, exercise


def in_place(task: Task) -> Callable[[Any], Verdict]:
    """The checker of a task: all its parts, one after the other, on fixed numbers.

    Args:
        task: whose function the answer is.

    Returns:
        A function from the answer to a `Verdict`, with the first wrong part's sentence
        or with praise; it leaves torch's random state as it was. It raises under
        nbgrader alone, where a check that does not raise counts as passed: then an
        `AssertionError` with the sentence.
    """

    def examine(answer: Any) -> str:
        untried = ""
        for number, part in enumerate(task.parts, start=1):
            try:
                examine_part(part, {task.function: answer}, seed=0)
            except CannotBeTriedError as reason:
                untried += f" Part {number} could not be tried here: {reason}."
            except WrongAnswerError as wrong:
                if len(task.parts) == 1 or isinstance(wrong, NotAttemptedError):
                    raise
                raise WrongAnswerError(f"Part {number}: {wrong}") from wrong
        return f"{_praise(task)}{untried}"

    examine.__name__ = task.function
    examine.__qualname__ = task.function
    examine.__doc__ = f"Task \u201c{task.title}\u201d: {_shown(task)}."
    return _as_nbgrader_counts(exercise(examine))


def _as_nbgrader_counts(check: Callable[[Any], Verdict]) -> Callable[[Any], Verdict]:
    @wraps(check)
    def check_or_raise(answer: Any) -> Verdict:
        verdict = check(answer)
        # nbgrader sets this while it marks or validates a notebook, and only then.
        running = os.environ.get("NBGRADER_EXECUTION") in ("autograde", "validate")
        if running and not verdict.passed:
            raise AssertionError(verdict.message)
        return verdict

    return check_or_raise


def examine_part(part: Part, functions: dict[str, Any], *, seed: int) -> None:
    """Ask for one property of somebody's functions, in this process.

    Args:
        part: the property.
        functions: by name.
        seed: of the numbers in its questions.

    Raises:
        WrongAnswerError: where the answer has not got the property.
        CannotBeTriedError: where this machine cannot tell.
    """
    generator = torch.Generator().manual_seed(seed)
    with TemporaryDirectory() as folder:
        part.examine(InPlaceExaminee(functions, Path(folder)), generator)


def _praise(task: Task) -> str:
    return f"All right: {_shown(task)}."


def _shown(task: Task) -> str:
    return "; ".join(part.shows for part in task.parts)

"""A sitting: one part of a task is examined in somebody's submission."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Protocol

import torch

from arcvq_lite.check.examinee import CannotBeTriedError, Examinee
from arcvq_lite.check.task import Part
from arcvq_lite.check.verdict import WrongAnswerError
from arcvq_lite.grading.errors import NurseryError


class UnexaminedError(WrongAnswerError):
    """Raised where a test met something that it did not foresee.

    No points are given then, since a reply made to upset a test must not earn them;
    but a person should look at it, since the test itself may be at fault.

    Attributes:
        fault: the line of the test that failed, and how, for that person.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(
            "The reply of your function could not be examined "
            f"({type(error).__name__}); your instructor will look at it."
        )
        self.fault = _fault(error)


class Sitter(Examinee, Protocol):
    """An examinee that is handed an empty folder for every part."""

    def open_part(self) -> None:
        """Begin a part: what was written in earlier ones is out of sight."""
        ...


def examine_part(part: Part, examinee: Sitter, *, seed: int) -> None:
    """Ask for one property of a submission's function.

    Args:
        part: the property.
        examinee: the submission.
        seed: of the numbers in its questions.

    Raises:
        WrongAnswerError: where the answer has not got the property.
        UnexaminedError: where the test failed on a reply in a way of its own.
        CannotBeTriedError: where this machine cannot tell.
        NurseryError: where no submission can be run any longer.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            examinee.open_part()
            part.examine(examinee, generator)
        except (WrongAnswerError, CannotBeTriedError, NurseryError):
            raise
        except Exception as error:
            raise UnexaminedError(error) from error


def _fault(error: Exception) -> str:
    """Where the test's own file failed, and how."""
    said = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is ours
    if not frames:
        return said
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}: {said}"

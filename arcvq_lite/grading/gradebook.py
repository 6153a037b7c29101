"""Gradebook: what was found in each submission, one file a student."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from arcvq_lite.grading.points import add
from arcvq_lite.written_aside import written_aside

# right: all points. wrong: none. absent: none, for there is no answer.
# unexamined: none, the test failed in a way of its own.
# untried: none yet, this machine cannot tell. failed: none yet, the grader failed.
Outcome = Literal["right", "wrong", "absent", "unexamined", "untried", "failed"]


@dataclass(frozen=True)
class PartResult:
    """What one part brought.

    Args:
        shows: what an answer with the property can do.
        points: that it is worth.
        outcome: of its test.
        sentence: why it brought nothing; empty if it is right.
        note: for the instructor alone, such as where the test itself failed.
    """

    shows: str
    points: float
    outcome: Outcome
    sentence: str = ""
    note: str = ""

    @property
    def got(self) -> float:
        """Points given."""
        return self.points if self.outcome == "right" else 0.0


@dataclass(frozen=True)
class TaskResult:
    """What one task brought.

    Args:
        function: that was asked for.
        title: of the task.
        parts: in order.
    """

    function: str
    title: str
    parts: tuple[PartResult, ...]

    @property
    def points(self) -> float:
        """That it is worth."""
        return add([part.points for part in self.parts])

    @property
    def got(self) -> float:
        """Points given."""
        return add([part.got for part in self.parts])


@dataclass(frozen=True)
class Result:
    """What one submission brought.

    Args:
        student: whose it is.
        file: that was graded.
        tasks: in order.
        answers: to the written questions, by name; empty where there is none.
        remarks: sentences for the student, on how the file was read.
        for_a_person: sentences for the instructor, who should look.
        identity: hash of all that it depends on; empty if it is to be made anew.
        number: the student's on the platform, as the files' names have it now.
        choice: sentences on which file was graded and which were passed over, now.
    """

    student: str
    file: str
    tasks: tuple[TaskResult, ...]
    answers: Mapping[str, str]
    remarks: tuple[str, ...]
    for_a_person: tuple[str, ...]
    identity: str
    number: str = ""
    choice: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """That the graded part is worth."""
        return add([task.points for task in self.tasks])

    @property
    def got(self) -> float:
        """Points given for the graded part."""
        return add([task.got for task in self.tasks])

    @property
    def attempted(self) -> bool:
        """Whether anything that was handed in could be examined."""
        parts = [part for task in self.tasks for part in task.parts]
        return any(part.outcome != "absent" for part in parts)


def save_result(result: Result, path: Path) -> None:
    """Write a result whole, or not at all."""
    with written_aside(path) as file:
        file.write(as_json(asdict(result)))


def load_result(path: Path, identity: str) -> Result | None:
    """A result that was saved, if it is that of the same submission, tests and limits.

    Args:
        path: of the file, which need not be there.
        identity: hash of what the result depends on.
    """
    try:
        read = json.loads(path.read_bytes())
        if read.get("identity") != identity:
            return None
        return _result(read)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # not there, or not ours: it is made anew


def as_json(content: Any) -> bytes:
    """The one text of some JSON: keys sorted, readable, ending in a newline."""
    text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False)
    # A lone surrogate of a broken name has no UTF-8.
    return f"{text}\n".encode("utf-8", "replace")


def _result(read: dict[str, Any]) -> Result:
    tasks = tuple(
        TaskResult(
            task["function"],
            task["title"],
            tuple(PartResult(**part) for part in task["parts"]),
        )
        for task in read["tasks"]
    )
    return Result(
        student=read["student"],
        file=read["file"],
        tasks=tasks,
        answers=dict(read["answers"]),
        identity=read["identity"],
        remarks=tuple(read["remarks"]),
        for_a_person=tuple(read["for_a_person"]),
    )

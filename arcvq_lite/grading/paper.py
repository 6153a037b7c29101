"""The paper that is graded: an assignment with the instructor's tests and points."""

from __future__ import annotations

import hashlib
import importlib.util
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from arcvq_lite.check.task import Assignment, Part, Question, Task
from arcvq_lite.grading.points import add, share

POINTS = "points.toml"


@dataclass(frozen=True)
class PaperTask:
    """A task, and what each of its parts is worth here.

    Args:
        task: with the instructor's parts behind its own.
        points: one number for each part.
    """

    task: Task
    points: tuple[float, ...]

    @property
    def total(self) -> float:
        """Points of the task."""
        return add(self.points)


@dataclass(frozen=True)
class Paper:
    """What a class is graded by.

    Args:
        assignment: as it was handed out.
        tasks: with all tests.
        questions: with the points that they have here.
        digest: of the instructor's tests; empty where there are none.
    """

    assignment: Assignment
    tasks: tuple[PaperTask, ...]
    questions: tuple[tuple[Question, float], ...]
    digest: str = ""

    @property
    def graded_points(self) -> float:
        """Points that the grader gives."""
        return add([task.total for task in self.tasks])


def set_paper(assignment: Assignment, tests: Path | None = None) -> Paper:
    """An assignment with an instructor's own tests and points.

    The parts in `tests/<name>.py` join those of the assignment. A task is still worth
    what it was; its points are shared among all its parts, in proportion to theirs.
    `tests/points.toml` may give tasks and questions other points.

    Args:
        assignment: as it was handed out.
        tests: the instructor's folder, whose code is run here and so is trusted.

    Raises:
        FileNotFoundError: if there is no such folder, or nothing of use in it.
        ValueError: if a file in it cannot be used; it says why.
    """
    if tests is None:
        return _paper(assignment, {}, {}, "")
    code, table = tests / f"{assignment.name}.py", tests / POINTS
    if not tests.is_dir():
        raise FileNotFoundError(f"--tests {tests}: there is no such folder")
    if not code.is_file() and not table.is_file():
        raise FileNotFoundError(
            f"--tests {tests}: the folder has neither {code.name} nor {POINTS}"
        )
    parts = _read_parts(code, assignment) if code.is_file() else {}
    points = _read_points(table, assignment) if table.is_file() else {}
    digest = hashlib.sha256(code.read_bytes()).hexdigest() if parts else ""
    return _paper(assignment, parts, points, digest)


def _paper(
    assignment: Assignment,
    more: Mapping[str, Sequence[Part]],
    points: Mapping[str, float],
    digest: str,
) -> Paper:
    tasks = []
    for task in assignment.tasks:
        parts = (*task.parts, *more.get(task.function, ()))
        total = points.get(task.function, task.points)
        shares = share(total, [part.points for part in parts])
        tasks.append(PaperTask(replace(task, parts=parts), tuple(shares)))
    questions = tuple(
        (question, float(points.get(question.name, question.points)))
        for question in assignment.questions
    )
    return Paper(assignment, tuple(tasks), questions, digest)


def _read_parts(code: Path, assignment: Assignment) -> dict[str, list[Part]]:
    spec = importlib.util.spec_from_file_location(f"_tests_{code.stem}", code)
    if spec is None or spec.loader is None:
        raise ValueError(f"{code} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(
            f"{code} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    parts = getattr(module, "PARTS", None)
    if not isinstance(parts, dict):
        raise ValueError(f"{code} must define PARTS, a dict from functions to parts")
    known = [task.function for task in assignment.tasks]
    for function, added in parts.items():
        if function not in known:
            raise ValueError(
                f"{code}: {assignment.name} has no task {function!r}; its tasks are "
                f"{', '.join(known)}"
            )
        for part in added:
            if not isinstance(part, Part) or part.points <= 0:
                raise ValueError(
                    f"{code}: PARTS[{function!r}] must hold parts with more than 0 "
                    f"points, got {part!r}"
                )
    return parts


def _read_points(table: Path, assignment: Assignment) -> dict[str, float]:
    try:
        read = tomllib.loads(table.read_text("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(
            f"{table} is not TOML: {error}; write a line [{assignment.name}], and "
            f"below it lines such as {assignment.tasks[0].function} = 12"
        ) from None
    own: Any = read.get(assignment.name, {})
    known = [task.function for task in assignment.tasks]
    known += [question.name for question in assignment.questions]
    if not isinstance(own, dict):
        raise ValueError(f"{table}: write the points under a line [{assignment.name}]")
    for name, points in own.items():
        if name not in known:
            raise ValueError(
                f"{table}: {assignment.name} has no task or question {name!r}; it has "
                f"{', '.join(known)}"
            )
        number = isinstance(points, int | float) and not isinstance(points, bool)
        if not number or not 0 <= points <= 1000 or round(points, 1) != points:
            raise ValueError(
                f"{table}: {name} = {points!r} must be points in tenths, from 0 to 1000"
            )
    return own

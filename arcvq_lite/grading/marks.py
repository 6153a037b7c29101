"""Marks of the written part: cells that an instructor filled, read as points."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from arcvq_lite.grading.entered import Entered
from arcvq_lite.grading.gradebook import Result
from arcvq_lite.grading.paper import Paper
from arcvq_lite.grading.points import written
from arcvq_lite.grading.whose import plain

_POINTS = re.compile(r"[0-9]{1,4}(?:[.,][0-9]{1,4})?")
_SHOWN = 40
_MANY = 10


def read_mark(cell: str, most: float) -> float | None:
    """The points that a cell says.

    Args:
        cell: as it was entered, with a point or a comma before the tenths.
        most: that there are to be had.

    Returns:
        None if it is no number, or not one from 0 to the most.
    """
    if not _POINTS.fullmatch(cell):
        return None
    points = float(cell.replace(",", "."))
    return points if points <= most else None


def read_marks(cells: Mapping[str, str], paper: Paper) -> dict[str, float]:
    """The marks of one student that can be given, by question.

    Args:
        cells: as they were entered, by question.
        paper: that the student was graded by.
    """
    found = {
        question.name: read_mark(cells.get(question.name, ""), most)
        for question, most in paper.questions
    }
    return {name: points for name, points in found.items() if points is not None}


def total_of(result: Result, marks: Mapping[str, float], paper: Paper) -> float | None:
    """Points of the tasks and of the written part; None while one has no mark.

    Args:
        result: of the student.
        marks: of `read_marks`.
        paper: that the student was graded by.
    """
    if any(question.name not in marks for question, _ in paper.questions):
        return None
    return round(result.got + sum(marks.values()), 2)


def doubtful_marks(entered: Entered, paper: Paper) -> Iterator[str]:
    """Sentences on what was entered and may not be meant.

    Args:
        entered: in the table, before it is written again.
        paper: that is graded by now.
    """
    if entered.rows:
        for name in entered.missing:
            yield (
                f"the table had no column {name}; it was made anew, and columns under "
                "other heads stay behind it"
            )
    doubts = []
    for question, most in paper.questions:
        name, now = question.name, written(most)
        before = (entered.worth or {}).get(name, now)
        cells = {
            student: row.marks[name]
            for student, row in entered.rows.items()
            if name in row.marks
        }
        if before != now and cells:
            yield (
                f"{name} was of {plain(before)} and is of {now} now; the marks that "
                "you entered stay as they are"
            )
        for student, cell in cells.items():
            if read_mark(cell, most) is None:
                shown = f"{plain(student)[:_SHOWN]}: {plain(cell)[:_SHOWN]} in {name}"
                doubts.append(f"{shown}, of {now}; it is not counted")
    yield from doubts[:_MANY]
    if len(doubts) > _MANY:
        yield f"{len(doubts) - _MANY} more marks are not counted"

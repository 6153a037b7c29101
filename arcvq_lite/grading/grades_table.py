"""grades.csv: one row a student, for spreadsheets and learning platforms.

UTF-8 with a byte order mark, without which Excel takes names for another encoding;
commas between cells and CRLF between lines (RFC 4180). A cell that begins like a
formula gets an apostrophe before it, so that no student's name can run as one. The
columns of the written questions are the instructor's, and so is every column that the
grader does not know: what was entered there is kept when the table is written again.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

from arcvq_lite.grading.entered import NUMBER, STUDENT, SUM, TOTAL, Row, read_entered
from arcvq_lite.grading.gradebook import Result
from arcvq_lite.grading.marks import doubtful_marks, read_marks, total_of
from arcvq_lite.grading.paper import Paper
from arcvq_lite.grading.points import add, written
from arcvq_lite.grading.whose import letters
from arcvq_lite.written_aside import written_aside

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_NUMBER = re.compile(r"[+-][0-9]+(?:[.,][0-9]+)?")


def check_table(path: Path, paper: Paper, students: Sequence[str]) -> tuple[str, ...]:
    """Refuse before any work what `write_table` would lose.

    Args:
        path: of the table, which need not be there.
        paper: that is graded by.
        students: who will be in the table.

    Returns:
        Sentences on marks that may not be meant.

    Raises:
        ValueError: if the table that is there cannot be read, or has marks of others.
    """
    entered = read_entered(path, paper)
    present = {_harmless(student): student for student in students}
    others = sorted(
        student
        for student, row in entered.rows.items()
        if student not in present and row.holds
    )
    if others:
        near = _nearest(others[0], students)
        named = others[0].strip() or "a row without a name"
        raise ValueError(
            f"{path} has marks of {named}, who is not among these submissions "
            f"({len(others)} in all): correct the name in the table"
            f"{f' (nearest is {near})' if near else ''}, or move it away, or grade "
            "into another folder. Nothing was changed"
        )
    return tuple(doubtful_marks(entered, paper))


def entered_marks(
    path: Path, paper: Paper, students: Iterable[str]
) -> Mapping[str, Mapping[str, float]]:
    """The marks of the written part that can be given, by student and question.

    Args:
        path: of the table, which need not be there.
        paper: that was graded by.
        students: of the class.

    Raises:
        ValueError: if there is a table that cannot be read.
    """
    rows = read_entered(path, paper).rows
    found = {student: rows.get(_harmless(student)) for student in students}
    return {
        student: read_marks(row.marks, paper) if row else {}
        for student, row in found.items()
    }


def write_table(results: Sequence[Result], paper: Paper, path: Path) -> None:
    """Write the table whole; what an instructor has entered in the old one stays.

    Args:
        results: of a class.
        paper: that it was graded by.
        path: of the file.

    Raises:
        ValueError: if there is a table that cannot be read, which may hold marks.
    """
    entered = read_entered(path, paper)
    text = StringIO(newline="")
    table = csv.writer(text)  # CRLF is its own line ending
    most = add([paper.graded_points, *(points for _, points in paper.questions)])
    table.writerow(
        [
            STUDENT,
            NUMBER,
            *(_head(each.task.function, each.total) for each in paper.tasks),
            _head(TOTAL, paper.graded_points),
            *(_head(question.name, points) for question, points in paper.questions),
            _head(SUM, most),
            *map(_harmless, entered.own),
        ]
    )
    blank = Row("", {}, ("",) * len(entered.own))
    for result in results:
        name = _harmless(result.student)
        row = entered.rows.get(name, blank)
        total = total_of(result, read_marks(row.marks, paper), paper)
        table.writerow(
            [
                name,
                result.number or _harmless(row.number),
                *(written(task.got) for task in result.tasks),
                written(result.got),
                *(_harmless(row.marks.get(q.name, "")) for q, _ in paper.questions),
                "" if total is None else written(total),
                *map(_harmless, row.own),
            ]
        )
    with written_aside(path) as file:
        file.write(text.getvalue().encode("utf-8-sig", "replace"))


def _head(name: str, points: float) -> str:
    return f"{name} (of {written(points)})"


def _harmless(cell: str) -> str:
    formula = cell.startswith(_FORMULAS) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if formula else cell


def _nearest(student: str, students: Sequence[str]) -> str:
    """Whose name is most alike where accents and capitals do not count."""
    by_letters = {letters(each): each for each in students}
    close = get_close_matches(letters(student)[:200], by_letters, 1)
    return by_letters[close[0]] if close else ""

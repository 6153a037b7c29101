"""grades.csv: one row a student, for spreadsheets and learning platforms.

UTF-8 with a byte order mark, without which Excel takes names for another encoding;
commas between cells and CRLF between lines (RFC 4180). A cell that begins like a
formula gets an apostrophe before it, so that no student's name can run as one. The
columns of the written questions are the instructor's: what was entered there is kept
when the table is written again.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from arcvq_lite.grading.gradebook import Result
from arcvq_lite.grading.paper import Paper
from arcvq_lite.grading.points import written
from arcvq_lite.written_aside import written_aside

STUDENT, TOTAL = "student", "graded total"
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")

Marks = Mapping[str, Mapping[str, str]]


def check_table(path: Path, paper: Paper, students: Sequence[str]) -> None:
    """Refuse before any work what `write_table` would lose.

    Args:
        path: of the table, which need not be there.
        paper: that is graded by.
        students: who will be in the table.

    Raises:
        ValueError: if the table that is there cannot be read, or has marks of others.
    """
    entered = read_marks(path, [question.name for question, _ in paper.questions])
    present = {_harmless(student) for student in students}
    others = sorted(
        student
        for student, marks in entered.items()
        if student not in present and any(marks.values())
    )
    if others:
        raise ValueError(
            f"{path} has marks of {others[0]}, who is not among these submissions "
            f"({len(others)} in all): move it away, or grade into another folder"
        )


def write_table(results: Sequence[Result], paper: Paper, path: Path) -> None:
    """Write the table whole; marks of written answers that are in the old one stay.

    Args:
        results: of a class.
        paper: that it was graded by.
        path: of the file.

    Raises:
        ValueError: if there is a table that cannot be read, which may hold marks.
    """
    questions = [question.name for question, _ in paper.questions]
    entered = read_marks(path, questions)
    text = StringIO(newline="")
    table = csv.writer(text)  # CRLF is its own line ending
    worth = {question.name: points for question, points in paper.questions}
    heads = [f"{each.task.function} (of {written(each.total)})" for each in paper.tasks]
    table.writerow(
        [
            STUDENT,
            *heads,
            f"{TOTAL} (of {written(paper.graded_points)})",
            *(f"{name} (of {written(worth[name])})" for name in questions),
        ]
    )
    for result in results:
        name = _harmless(result.student)
        marks = entered.get(name, {})
        table.writerow(
            [
                name,
                *(written(task.got) for task in result.tasks),
                written(result.got),
                *(_harmless(marks.get(question, "")) for question in questions),
            ]
        )
    with written_aside(path) as file:
        file.write(text.getvalue().encode("utf-8-sig", "replace"))


def read_marks(path: Path, questions: Sequence[str]) -> Marks:
    """What was entered for the written questions, by student as the table has them.

    Args:
        path: of a table that need not be there, saved by whatever spreadsheet.
        questions: their names.

    Raises:
        ValueError: if it is not a table of this kind.
    """
    if not path.is_file():
        return {}
    try:
        text = path.read_bytes().decode("utf-8-sig")
        first = text.split("\n", 1)[0]
        commonest = max(",;\t", key=first.count)
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=commonest))
        heads = [head.rsplit(" (of", 1)[0] for head in rows[0]]
        places = {name: heads.index(name) for name in questions if name in heads}
        student = heads.index(STUDENT)
        return {
            row[student]: {
                name: row[place].strip()
                for name, place in places.items()
                if place < len(row)
            }
            for row in rows[1:]
            if len(row) > student
        }
    except (UnicodeDecodeError, csv.Error, IndexError, ValueError):
        raise ValueError(
            f"{path} is there, but is not a table that this grader wrote. It may hold "
            "marks of yours, so it is not written over: move it away first"
        ) from None


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell

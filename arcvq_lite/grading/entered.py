"""What an instructor has entered in grades.csv, whatever spreadsheet saved it.

A column is known by its head. Those that the grader writes are its own, but for the
marks of the written questions and the platform's numbers; every other column is the
instructor's, and so is a cell beyond the last head.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from arcvq_lite.grading.paper import Paper

STUDENT, NUMBER, TOTAL, SUM = "student", "id", "graded total", "total"

_WORTH = re.compile(r"^(?P<name>.*\S) *\(of (?P<points>[0-9.,]+)\)$")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Row:
    """What was entered for one student.

    Args:
        number: the platform's.
        marks: cells of the written questions, by name, without empty ones.
        own: cells of the instructor's own columns, in order.
    """

    number: str
    marks: Mapping[str, str]
    own: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether anything would be lost without it."""
        return bool(self.marks) or any(cell.strip() for cell in self.own)


@dataclass(frozen=True)
class Entered:
    """What a table holds that only its reader knows.

    Args:
        rows: by student, as the table has the names.
        own: heads of the instructor's own columns, in order.
        worth: what the questions were worth, as the heads say it, by name.
        missing: questions without a column.
    """

    rows: Mapping[str, Row]
    own: tuple[str, ...] = ()
    worth: Mapping[str, str] | None = None
    missing: tuple[str, ...] = ()


def read_entered(path: Path, paper: Paper) -> Entered:
    """Read a table.

    Args:
        path: of the table, which need not be there.
        paper: whose questions have columns.

    Raises:
        ValueError: if it is not a table of this paper, or a reader could not tell
            which of two columns or rows counts; it says what to do.
    """
    if not path.is_file():
        return Entered({})
    heads, *rows = _read_rows(path)
    questions = [question.name for question, _ in paper.questions]
    functions = [each.task.function for each in paper.tasks]
    known = [_known(head, functions, questions) for head in heads]
    for name in (STUDENT, NUMBER, *questions):
        if known.count(name) > 1:
            raise ValueError(
                f"{path} has more than one column {name!r}, and one alone can count: "
                "rename or remove the others. Nothing was changed"
            )
    if not set(known) & {*functions, *questions}:
        raise ValueError(
            f"{path} has no column of {paper.assignment.name.upper()}, so it is of "
            "another assignment: name another --out. Nothing was changed"
        )
    width = max(map(len, [heads, *rows]))
    heads += [""] * (width - len(heads))
    known += [""] * (width - len(known))
    rows = [row + [""] * (width - len(row)) for row in rows]
    own = [
        place
        for place in range(width)
        if not known[place] and (heads[place] or any(row[place] for row in rows))
    ]
    found: dict[str, Row] = {}
    for row in rows:
        marks = {
            name: row[place].strip()
            for place, name in enumerate(known)
            if name in questions and row[place].strip()
        }
        number = row[known.index(NUMBER)].strip() if NUMBER in known else ""
        student = row[known.index(STUDENT)]
        read = Row(number, marks, tuple(row[place] for place in own))
        earlier = found.get(student)
        if earlier is None or not earlier.holds:
            found[student] = read
        elif read.holds:
            raise ValueError(
                f"{path} has more than one row of {student}, and one alone can count: "
                "remove the others. Nothing was changed"
            )
    worths = (
        (name, _WORTH.match(head.strip()))
        for name, head in zip(known, heads, strict=True)
        if name in questions
    )
    return Entered(
        found,
        tuple(heads[place] for place in own),
        {name: said["points"] for name, said in worths if said},
        tuple(name for name in questions if name not in known),
    )


def _known(head: str, functions: Sequence[str], questions: Sequence[str]) -> str:
    """The name of the grader's column with this head; empty if it is not one."""
    head = head.strip()
    if head in (STUDENT, NUMBER, *questions):
        return head
    said = _WORTH.match(head)
    name = said["name"] if said else ""
    return name if name in (*functions, *questions, TOTAL, SUM) else ""


def _read_rows(path: Path) -> list[list[str]]:
    """The cells, between whichever of the usual delimiters the students have a head."""
    text = _decode(path)
    for delimiter in ",;\t":
        # Without `strict` a quote that is never closed would swallow the rows below.
        table = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            rows = [row for row in table if any(cell.strip() for cell in row)]
        except csv.Error:
            continue
        if rows and STUDENT in [head.strip() for head in rows[0]]:
            return rows
    raise ValueError(
        f"{path} is there, but is not a table that this grader wrote: no column "
        f"{STUDENT!r} can be read in it. It may hold marks of yours, so it is not "
        "written over: mend it, or move it away first"
    )


def _decode(path: Path) -> str:
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError(
            f"{path} is in an encoding that cannot be told. It may hold marks of "
            "yours, so it is not written over. Open it and save it as CSV UTF-8, then "
            "give the command again"
        )
    return text

"""The written answers of a submission, found by their cells' names or by headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from arcvq_lite.check.task import Question
from arcvq_lite.grading.cells import Cell

LONGEST = 20_000

_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*$")
_STUB = re.compile(r"^[*_]*your answer( here)?\.{0,3}[*_]*$", re.IGNORECASE)
_MARKS = re.compile(r"^\s*(<!--\s*)?### (BEGIN|END) SOLUTION.*$", re.MULTILINE)


def find_answers(
    cells: Sequence[Cell], questions: Iterable[Question]
) -> dict[str, str]:
    """The text under each question.

    An answer is the markdown cell that carries the question's name, with the cells
    below it up to the next heading, code or named cell. Where an editor has lost the
    names, it is what stands between the question's heading and the next one, with
    the question itself.

    Args:
        cells: of the submission.
        questions: of the assignment.

    Returns:
        By the questions' names; empty where nothing was written.
    """
    found = {}
    for question in questions:
        text = _named(cells, question.name) or _under_heading(cells, question.title)
        found[question.name] = text[:LONGEST]
    return found


def _named(cells: Sequence[Cell], name: str) -> str:
    pieces: list[str] = []
    within = False
    for cell in cells:
        if cell.question is not None:
            within = cell.question == name
        elif cell.kind == "code" or _begins_section(cell):
            within = False
        if within:
            pieces.append(cell.text)
    return _cleaned(pieces)


def _begins_section(cell: Cell) -> bool:
    return _HEADING.match(cell.text.lstrip().split("\n", 1)[0]) is not None


def _under_heading(cells: Sequence[Cell], title: str) -> str:
    """All words under the heading that ends in a title, the question's own too."""
    pieces: list[str] = []
    within = False
    for cell in cells:
        if cell.kind == "code" or cell.question is not None:
            within = False
            continue
        for line in cell.text.split("\n"):
            heading = _HEADING.match(line)
            if heading is not None:
                within = _plain(heading[1]).endswith(_plain(title))
            elif within:
                pieces.append(line)
    return _cleaned(["\n".join(pieces)])


def _cleaned(pieces: Iterable[str]) -> str:
    texts = (_MARKS.sub("", piece).strip() for piece in pieces)
    return "\n\n".join(text for text in texts if text and not _STUB.match(text))


def _plain(title: str) -> str:
    return " ".join(re.sub(r"[*_`.$]", "", title).casefold().split())

"""The written answers of a submission, found by their cells' names or by headings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from arcvq_lite.check.task import Question
from arcvq_lite.grading.cells import Cell

LONGEST = 20_000

_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*$")
_STUB = re.compile(r"^\s*[*_]*your answer( here)?[.:…]{0,3}[*_:]*\s*$", re.IGNORECASE)
_MARKS = re.compile(r"^\s*(<!--\s*)?### (BEGIN|END) SOLUTION.*$", re.MULTILINE)


def find_answers(
    cells: Sequence[Cell], questions: Iterable[Question]
) -> dict[str, str]:
    """The text under each question.

    An answer is the markdown cell that carries the question's name, with the cells
    below it up to the next heading, code or named cell. Where that cell is as it was
    handed out, or an editor has lost the names, it is what stands between the
    question's heading and the next one, after the words of the question itself. A
    question whose words are not known is left out where its named cell is there, and
    shown with the answer where it is not.

    Args:
        cells: of the submission.
        questions: of the assignment.

    Returns:
        By the questions' names; empty where nothing was written.
    """
    found = {}
    for question in questions:
        text = _named(cells, question.name)
        if not text:
            named = any(cell.question == question.name for cell in cells)
            text = _under_heading(cells, question, named=named)
        found[question.name] = text[:LONGEST]
    return found


def digest_of(words: Iterable[str]) -> str:
    """A question's words as `Question.asked` has them: whatever stands between them."""
    return hashlib.sha256(" ".join(words).encode("utf-8", "replace")).hexdigest()[:16]


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


def _under_heading(cells: Sequence[Cell], question: Question, *, named: bool) -> str:
    """What stands under a question's heading and is not the question.

    Args:
        cells: of the submission.
        question: that was asked.
        named: whether there is a cell of its name, though without an answer. Words
            that are not the question's may then be another wording of it.
    """
    body = section_under(cells, question.title)
    own = _after_the_question(body, question.asked)
    if own is None:
        return "" if named else body
    return own


def section_under(cells: Sequence[Cell], title: str) -> str:
    """All words under the heading that ends in a title, up to code or a named cell."""
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
            elif within and not _STUB.match(line):
                pieces.append(line)
    return _cleaned(["\n".join(pieces)])


def _after_the_question(body: str, asked: str) -> str | None:
    """What follows the words of the question; None if they do not come first."""
    words = list(re.finditer(r"\S+", body[:LONGEST]))
    running = hashlib.sha256()
    for place, word in enumerate(words):
        running.update((" " if place else "").encode())
        running.update(word[0].encode("utf-8", "replace"))
        if asked and running.hexdigest()[:16] == asked:
            return body[word.end() :].strip()
    return None


def _cleaned(pieces: Iterable[str]) -> str:
    texts = (_MARKS.sub("", piece).strip() for piece in pieces)
    return "\n\n".join(text for text in texts if text and not _STUB.match(text))


def _plain(title: str) -> str:
    return " ".join(re.sub(r"[*_`.$]", "", title).casefold().split())

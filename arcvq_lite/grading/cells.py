"""The cells of a file that was handed in, whatever wrote it and however badly."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

MOST_CHARACTERS = 1_000_000

_MARKER = re.compile(r"^#\s?%%(?P<rest>.*)$")
_PROMPT = re.compile(r"^# In\s?\[[\d ]*\]:\s*$")  # as nbconvert writes a notebook
_MARKDOWN = re.compile(r"\[(markdown|md)\]")
_QUESTION = re.compile(r"""\bquestion\s*=\s*["']([^"']+)["']""")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins alike
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class UnreadableError(ValueError):
    """A file that cannot be read, with a sentence for its author."""


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        kind: "code" or "markdown"; a cell of any other kind is left out.
        text: with line feeds alone between its lines.
        place: what names its lines, "cell 5, line " or "line ".
        line: the number that its first line has there.
        question: name of the written question that it answers, if its metadata says.
    """

    kind: Literal["code", "markdown"]
    text: str
    place: str
    line: int
    question: str | None = None

    def where(self, line: int) -> str:
        """How messages name a line of it, counted from 1."""
        return f"{self.place}{self.line + line - 1}"


@dataclass(frozen=True)
class ReadFile:
    """What a file holds.

    Args:
        cells: in order.
        remarks: sentences on how it had to be read.
    """

    cells: tuple[Cell, ...]
    remarks: tuple[str, ...] = ()


def read_cells(name: str, content: bytes) -> ReadFile:
    """Read a notebook or a Python file.

    Args:
        name: of the file; a notebook's ends in ".ipynb".
        content: its bytes.

    Raises:
        UnreadableError: if it is not text, or not a notebook of a known version, or
            longer than any answer is.
    """
    if not content.strip():
        raise UnreadableError("The file is empty.")
    text, remarks = _decode(content)
    if name.lower().endswith(".ipynb"):
        cells = tuple(_notebook_cells(_parse_notebook(text)))
    else:
        cells = tuple(_percent_cells(text))
    length = sum(len(cell.text) for cell in cells)
    if length > MOST_CHARACTERS:
        raise UnreadableError(
            f"The cells hold {length:,} characters; at most {MOST_CHARACTERS:,} are "
            "read."
        )
    return ReadFile(cells, remarks)


def _decode(content: bytes) -> tuple[str, tuple[str, ...]]:
    """The text, with line feeds alone, and remarks on its encoding."""
    encoding = next(
        (name for mark, name in _MARKS if content.startswith(mark)), "utf-8"
    )
    remarks: tuple[str, ...] = ()
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        # Every byte is a character of Latin-1, so that this cannot fail; code is
        # ASCII but for its strings and comments, which may come out wrong.
        text = content.decode("latin-1")
        remarks = ("The file is not UTF-8; it was read as Latin-1.",)
    else:
        if encoding.startswith(("utf-16", "utf-32")):
            remarks = (f"The file is in {encoding.upper()}; UTF-8 is expected.",)
    if "\0" in text:
        raise UnreadableError(
            "The file holds NUL bytes, so it is not a text file. Hand in the notebook "
            "or the .py file itself."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n"), remarks


def _parse_notebook(text: str) -> dict[str, Any]:
    try:
        notebook = json.loads(text)
    except RecursionError:
        raise UnreadableError("The notebook is nested too deeply to be one.") from None
    except ValueError:
        raise UnreadableError(
            "The notebook is damaged: what was handed in is not a whole notebook. Open "
            "it in JupyterLab, save it, and hand it in again."
        ) from None
    if not isinstance(notebook, dict):
        raise UnreadableError("The file is JSON, but not a notebook.")
    return notebook


def _notebook_cells(notebook: dict[str, Any]) -> Iterator[Cell]:
    """The cells of a notebook of format 4, of 3 or 2, or of a later one like 4."""
    sheets = notebook.get("worksheets")
    holders = sheets if isinstance(sheets, list) else [notebook]
    found = [
        cell
        for holder in holders
        if isinstance(holder, dict) and isinstance(holder.get("cells"), list)
        for cell in holder["cells"]
        if isinstance(cell, dict)
    ]
    if not found:
        version = notebook.get("nbformat", "no")
        raise UnreadableError(
            f"The notebook has no cells that can be read (it says version {version} "
            "of the format). Save it in JupyterLab, and hand it in again."
        )
    for number, cell in enumerate(found, 1):
        source = cell.get("source", cell.get("input", ""))
        lines = source if isinstance(source, list) else [source]
        words = [line for line in lines if isinstance(line, str)]
        if len(words) < len(lines):
            raise UnreadableError(f"The source of cell {number} is not text.")
        text = "".join(words).replace("\r\n", "\n").replace("\r", "\n")
        if "\0" in text:
            raise UnreadableError(f"Cell {number} holds NUL characters.")
        place = f"cell {number}, line "
        match cell.get("cell_type"):
            case "code":
                yield Cell("code", text, place, 1)
            case "markdown":
                yield Cell("markdown", text, place, 1, _question_of(cell))
            case "heading":  # of format 3
                yield Cell("markdown", f"# {text}", place, 1)


def _question_of(cell: dict[str, Any]) -> str | None:
    metadata = cell.get("metadata")
    named = metadata.get("question") if isinstance(metadata, dict) else None
    return named if isinstance(named, str) else None


def _percent_cells(text: str) -> Iterator[Cell]:
    """The cells of a percent file, or of any other as one; lines keep their numbers."""
    header, first, body = "", 1, list[str]()
    for number, line in enumerate([*text.split("\n"), "# %%"], 1):
        marker = _MARKER.match(line)
        if marker is None and not _PROMPT.match(line):
            body.append(line)
            continue
        if any(line.strip() for line in body):
            yield _percent_cell(header, Cell("code", "\n".join(body), "line ", first))
        header, first, body = marker["rest"] if marker else "", number + 1, []


def _percent_cell(header: str, cell: Cell) -> Cell:
    """The cell that a header makes of its lines."""
    if not _MARKDOWN.search(header):
        return cell
    named = _QUESTION.search(header)
    return replace(
        cell,
        kind="markdown",
        text=_uncommented(cell.text),
        question=named[1] if named else None,
    )


def _uncommented(text: str) -> str:
    """Markdown out of comments, or out of a string in triple quotes."""
    stripped = text.strip()
    for quotes in ('"""', "'''"):
        if len(stripped) >= 6 and stripped.startswith(quotes):
            return stripped.removeprefix(quotes).removesuffix(quotes).strip()
    return "\n".join(re.sub(r"^# ?", "", line) for line in text.split("\n")).strip()

"""A chapter as the rules see it: numbered cells in sections, with what they showed."""

import re
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from arcvq_lite.book.notebook_file import parse
from arcvq_lite.book.source import read_source
from arcvq_lite.book.tree import Chapter as Pair

FENCE = re.compile(r"^```.*?^```[^\n]*$", re.MULTILINE | re.DOTALL)
CODE_OR_MATH = re.compile(r"`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$", re.DOTALL)
HTML_TAG = re.compile(r"<[^>\n]+>")
TARGET = re.compile(r"(?<=\])\([^)]*\)")


@dataclass(frozen=True)
class Cell:
    """One cell; numbers count from 1, as in every message."""

    number: int
    kind: str
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)
    outputs: list[Any] = field(default_factory=list)

    @property
    def tags(self) -> list[str]:
        return self.metadata.get("tags", [])

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0]

    @property
    def plain(self) -> str:
        """Markdown without code and mathematics."""
        return CODE_OR_MATH.sub(" ", FENCE.sub(" ", self.text))

    @property
    def prose(self) -> str:
        """Markdown without code, mathematics, HTML tags and link targets."""
        return HTML_TAG.sub(" ", TARGET.sub("", self.plain))

    @property
    def shown(self) -> str:
        """What the cell printed and the text of what it displayed."""
        return "\n".join(
            output.get("text") or output.get("data", {}).get("text/plain", "")
            for output in self.outputs
        )

    def says(self, sentence: str) -> str:
        return f"cell {self.number} ({self.first_line[:50]!r}): {sentence}"


@dataclass(frozen=True)
class Chapter:
    """A chapter: its file's name without the ending, its folder and its cells."""

    name: str
    folder: Path
    cells: tuple[Cell, ...]

    @property
    def markdown(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "markdown"]

    @property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]

    @property
    def sections(self) -> dict[str, list[Cell]]:
        """Cells by the second-level heading above them; the first ones under ``""``."""
        found: dict[str, list[Cell]] = {"": []}
        title = ""
        for cell in self.cells:
            if cell.kind == "markdown" and cell.text.startswith("## "):
                title = cell.first_line.removeprefix("## ").strip()
            found.setdefault(title, []).append(cell)
        return found


def read_chapter(source: Path) -> Chapter:
    """Read a source, and the outputs of its notebook where that is built."""
    pair = Pair(source)
    cells = read_source(pair).cells
    built = []
    if pair.notebook.is_file():
        built = parse(pair.notebook.read_text(encoding="utf-8")).cells
    return Chapter(
        pair.name,
        source.parent,
        tuple(
            Cell(
                number,
                cell.cell_type,
                cell.source,
                cell.metadata,
                twin.get("outputs", []) if twin else [],
            )
            for number, (cell, twin) in enumerate(zip_longest(cells, built), start=1)
            if cell
        ),
    )

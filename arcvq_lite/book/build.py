"""Chapters become executed notebooks, one way: only the source is ever edited."""

from collections.abc import Sequence
from pathlib import Path

from arcvq_lite.book.cover import cover_png
from arcvq_lite.book.execute import run_cells
from arcvq_lite.book.notebook_file import serialise, write_aside
from arcvq_lite.book.record import write_record
from arcvq_lite.book.source import read_source
from arcvq_lite.book.tree import Chapter, select_chapters


def build(chapters: Sequence[str] = (), *, root: Path) -> list[Path]:
    """Execute chapters and write their notebooks; two builds give the same bytes.

    What each run cost is recorded beside them, see ``record``.

    Args:
        chapters: ``"03"``, ``"03_margins"`` or ``"chapters/03_margins.py"`` each; every
            chapter when empty.
        root: Top of the working tree, see ``tree.find_root``.

    Returns:
        The notebooks written, in the order built.

    Raises:
        ChapterError: A cell failed, wrote to stderr or showed a memory address. Its
            notebook stays as it was, and so do those of the chapters after it.
        ValueError: An unknown chapter, a source without its header, or a cell tagged
            ``cover`` that shows no picture.
    """
    return [_build_one(chapter) for chapter in select_chapters(chapters, root)]


def _build_one(chapter: Chapter) -> Path:
    notebook = read_source(chapter)
    cost = run_cells(notebook, chapter.name, chapter.source.parent)
    cover = cover_png(notebook)
    write_aside(serialise(notebook).encode(), chapter.notebook)
    if cover is not None:
        chapter.cover.parent.mkdir(parents=True, exist_ok=True)
        write_aside(cover, chapter.cover)
    write_record(chapter, cost)
    return chapter.notebook

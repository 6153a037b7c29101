"""Hold each chapter's source and notebook together, without running anything.

The comparison is exact: the builder writes notebooks from sources and nothing else may,
so any difference in a cell's kind, text, metadata or id is an edit that one of the two
has missed.
"""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from nbformat import NotebookNode

from arcvq_lite.book.cover import cover_png
from arcvq_lite.book.notebook_file import parse, serialise
from arcvq_lite.book.outputs import find_fault
from arcvq_lite.book.record import read_record
from arcvq_lite.book.source import describe_cell, read_source
from arcvq_lite.book.tree import Chapter, list_chapters


def check(*, root: Path) -> list[str]:
    """What is wrong between the sources and the notebooks of a working tree.

    Args:
        root: Top of the working tree, see ``tree.find_root``.

    Returns:
        One sentence a problem, each with what to do; empty when all is well.
    """
    chapters = list_chapters(root)
    problems = list(_strangers(root / "chapters", chapters))
    if not chapters:
        problems.append("chapters/ holds no chapter: add chapters/00_name.py")
    for chapter in chapters:
        problems.extend(_check_pair(chapter))
    if (root / "chapters" / "assignments").is_dir():
        # What the assignments ask takes the library, and that its seconds.
        from arcvq_lite.book.release import stale_copies

        problems.extend(stale_copies(root=root))
    return problems


def _strangers(folder: Path, chapters: list[Chapter]) -> Iterator[str]:
    sources = {chapter.source for chapter in chapters}
    notebooks = {chapter.notebook for chapter in chapters}
    for path in sorted(set(folder.glob("*.py")) - sources):
        yield f"chapters/{path.name} is not named NN_name.py: rename it"
    for path in sorted(set(folder.glob("*.ipynb")) - notebooks):
        yield (
            f"chapters/{path.name} has no source {path.stem}.py: "
            "restore the source, or delete the notebook"
        )


def _check_pair(chapter: Chapter) -> Iterator[str]:
    where = f"chapters/{chapter.notebook.name}"
    remedy = f"run `arcvq book build {chapter.number}`"
    if not chapter.notebook.is_file():
        yield f"{where} is missing beside its source: {remedy}"
        return
    text = chapter.notebook.read_text(encoding="utf-8")
    try:
        expected, found = read_source(chapter), parse(text)
    except ValueError as error:
        yield f"{where} cannot be compared with its source: {error}"
        return
    fault = (
        _find_drift(found, expected)
        or _find_unexecuted(found)
        or _find_bad_output(found)
        or _find_other_hand(text, found)
        or _find_stale_cover(found, chapter.cover)
        or _find_missing_record(chapter)
    )
    if fault:
        yield f"{where}: {fault}: {remedy}"


def _find_drift(found: NotebookNode, expected: NotebookNode) -> str | None:
    """The first difference between a notebook and its source, in words."""
    pairs = zip_longest(found.cells, expected.cells)
    for position, (cell, wanted) in enumerate(pairs):
        if cell is None:
            return f"{describe_cell(position, wanted)} is in the source only"
        where = describe_cell(position, cell)
        if wanted is None:
            return f"{where} is in the notebook only"
        if cell.cell_type != wanted.cell_type:
            return f"{where} is a {wanted.cell_type} cell in the source"
        if cell.source != wanted.source:
            return f"{where} differs from the source: {_first_change(cell, wanted)}"
        if cell.metadata != wanted.metadata:
            return (
                f"{where} has the metadata {dict(cell.metadata)}, "
                f"and {dict(wanted.metadata)} in the source"
            )
        if cell.get("id") != wanted.id:
            return f"{where} has the id {cell.get('id')!r}, built is {wanted.id!r}"
    if found.metadata != expected.metadata:
        return f"its metadata are {dict(found.metadata)}, not those of a build"
    return None


def _first_change(cell: NotebookNode, wanted: NotebookNode) -> str:
    lines = zip_longest(
        cell.source.splitlines(), wanted.source.splitlines(), fillvalue=""
    )
    changes = ((here, there) for here, there in lines if here != there)
    here, there = next(changes, ("", ""))
    return f"{here!r} here, {there!r} there"


def _find_unexecuted(found: NotebookNode) -> str | None:
    """Where the counts leave 1, 2, 3 …, which a run from top to bottom gives."""
    code = [(i, cell) for i, cell in enumerate(found.cells) if cell.cell_type == "code"]
    for count, (position, cell) in enumerate(code, start=1):
        where = describe_cell(position, cell)
        if cell.execution_count is None:
            return f"{where} has not been executed"
        if cell.execution_count != count:
            return f"{where} has the count {cell.execution_count} instead of {count}"
        for output in cell.outputs:
            if output.get("execution_count", count) != count:
                return f"{where} shows an output of another run"
    return None


def _find_bad_output(found: NotebookNode) -> str | None:
    for position, cell in enumerate(found.cells):
        for output in cell.get("outputs", []):
            if fault := find_fault(output):
                return f"{describe_cell(position, cell)} {fault}"
    return None


def _find_other_hand(text: str, found: NotebookNode) -> str | None:
    """Whether another program than the builder has written the file."""
    if text != serialise(found):
        return "it is not written as the builder writes it"
    return None


def _find_stale_cover(found: NotebookNode, cover: Path) -> str | None:
    """Whether the chapter's picture elsewhere is not the one in the notebook."""
    wanted = cover_png(found)
    if wanted is not None and (not cover.is_file() or cover.read_bytes() != wanted):
        return f"assets/figures/{cover.name} is not the picture of its cover cell"
    return None


def _find_missing_record(chapter: Chapter) -> str | None:
    """Whether nobody has recorded what the chapter's run costs."""
    try:
        record = read_record(chapter)
    except ValueError as error:
        return str(error)
    if record is None:
        return f"assets/results/chapters/{chapter.record.name} is missing"
    return None

"""The table of what each chapter's last build cost."""

from collections.abc import Mapping

from nbformat import NotebookNode

from arcvq_lite.book.card import title
from arcvq_lite.book.record import Record, read_record
from arcvq_lite.book.tree import Chapter

HEAD = (
    "| chapter | seconds | MiB | cores | processor | Python | PyTorch | date |",
    "|---|--:|--:|--:|---|---|---|---|",
)


def timetable(chapters: Mapping[Chapter, NotebookNode]) -> str:
    """Write the table in Markdown, to be included where ``chapters/`` is a neighbour.

    Args:
        chapters: Each chapter with its notebook, in the book's order.

    Raises:
        ValueError: A file does not hold the record that it should.
    """
    rows = [_row(chapter, notebook) for chapter, notebook in chapters.items()]
    return "\n".join([*HEAD, *rows, ""])


def _row(chapter: Chapter, notebook: NotebookNode) -> str:
    link = f"[{chapter.number} · {title(notebook)}](chapters/{chapter.notebook.name})"
    return f"| {' | '.join([link, *_cost(read_record(chapter))])} |"


def _cost(record: Record | None) -> list[str]:
    if record is None:
        return ["not recorded", *[""] * 6]
    memory = record.peak_memory_mib
    return [
        f"{record.seconds:.0f}",
        "" if memory is None else f"{memory:,}",
        str(record.cores),
        record.processor,
        record.python,
        record.torch,
        record.date,
    ]

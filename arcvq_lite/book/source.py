"""A chapter's source becomes the notebook it stands for, before anything runs.

A source is jupytext's ``py:percent`` and begins with exactly ``HEADER``, a blank line
and then its first cell. Markdown cells start with ``# %% [markdown]``, code cells with
``# %%``; tags and metadata follow on that line::

    # %% tags=["solution"] jupyter={"source_hidden": true}
"""

import hashlib
from collections import Counter

import jupytext
from nbformat import NotebookNode

from arcvq_lite.book.tree import Chapter

HEADER = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---
"""

METADATA: dict[str, dict[str, str]] = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    # No version: the notebook is the same from every Python that builds it.
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
    },
}


def read_source(chapter: Chapter) -> NotebookNode:
    """The unexecuted notebook of a chapter, with the ids and metadata it will keep.

    Raises:
        ValueError: The source does not begin with ``HEADER``.
    """
    return parse_source(chapter.name, chapter.source.read_text(encoding="utf-8"))


def parse_source(name: str, text: str) -> NotebookNode:
    """The unexecuted notebook of a source's text.

    Args:
        name: What the file is called, without its suffix.
        text: All of it.

    Raises:
        ValueError: The text does not begin with ``HEADER``.
    """
    if not text.startswith(HEADER):
        raise ValueError(
            f"{name}.py begins with {text[:40]!r}; a chapter begins with "
            f"exactly these lines:\n{HEADER}"
        )
    notebook: NotebookNode = jupytext.reads(text, fmt="py:percent")
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = METADATA
    _name_cells(name, notebook)
    return notebook


def _name_cells(chapter: str, notebook: NotebookNode) -> None:
    """Give each cell an id made from its words, so that an edit renames it alone."""
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        words = f"{chapter}\n{cell.cell_type}\n{cell.source}"
        cell.id = _digest(f"{words}\n{seen[words]}")
        seen[words] += 1


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def describe_cell(position: int, cell: NotebookNode) -> str:
    """How messages name a cell: its number from 1, its kind and its first line."""
    lines = cell.source.splitlines() or [""]
    return f"cell {position + 1} ({cell.cell_type}) {lines[0].strip()!r}"

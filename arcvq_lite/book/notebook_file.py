"""A notebook as text on disk: one way to write it, one way to read it back."""

import json
import os
from pathlib import Path

import nbformat.v4
from nbformat import NotebookNode
from nbformat.validator import iter_validate


def serialise(notebook: NotebookNode) -> str:
    """The one text of a notebook: keys sorted, indent 1, ending in a newline."""
    return str(nbformat.v4.writes(notebook)) + "\n"


def parse(text: str) -> NotebookNode:
    """The notebook in a text, as it stands there: nothing is mended on the way.

    Raises:
        ValueError: The text is not JSON, or not a notebook of format 4.
    """
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("nbformat") != 4:
        raise ValueError("it is not a notebook of format 4")
    for error in iter_validate(content):
        raise ValueError(f"it is not a valid notebook: {error.message[:200]}")
    return NotebookNode(nbformat.v4.to_notebook(content))


def write_aside(content: bytes, path: Path) -> None:
    """Write beside and rename, so that a reader finds the old file or the new one."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)

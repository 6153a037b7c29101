"""What a stored output may hold: what a reader sees, nothing of the moment it ran."""

import re
from collections.abc import Iterable, Iterator

from nbformat import NotebookNode

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")


def drop_widget_views(outputs: Iterable[NotebookNode]) -> None:
    """Take the widget's view from every output that also shows itself as HTML.

    A view names a model that lives in one kernel only; where that kernel is gone, a
    reader sees the HTML beside it. A view alone stays, for ``find_fault`` to find.
    """
    for output in outputs:
        if "text/html" in output.get("data", {}):
            output.data.pop(WIDGET_VIEW, None)


def find_fault(output: NotebookNode) -> str | None:
    """Why an output must not be stored, as the end of a sentence; None when it may."""
    if output.output_type == "error":
        return f"fails with {output.ename}: {output.evalue}"
    if output.get("name") == "stderr":
        return f"writes to stderr, where a chapter has nothing to say: {output.text}"
    if WIDGET_VIEW in output.get("data", {}):
        return (
            "holds a widget's view, which is nothing without its kernel: let a widget "
            "show HTML too, and a progress bar fall silent under TQDM_DISABLE"
        )
    for text in _texts(output):
        if address := _ADDRESS.search(text):
            line = next(line for line in text.splitlines() if address[0] in line)
            return f"shows a memory address: {line.strip()[:120]}"
    return None


def _texts(output: NotebookNode) -> Iterator[str]:
    if output.output_type == "stream":
        yield output.text
    for kind, content in output.get("data", {}).items():
        if kind.startswith("text/") and isinstance(content, str):
            yield content

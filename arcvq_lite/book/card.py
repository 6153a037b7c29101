"""What a chapter says of itself at its top: the title and the rows of its card."""

import re

from nbformat import NotebookNode

_TITLE = re.compile(r"# (\d\d) · (.+)")


def title(notebook: NotebookNode) -> str:
    """A chapter's title, without the number before it and as Markdown.

    Raises:
        ValueError: The first cell does not begin with ``# NN · Title``.
    """
    first_line = notebook.cells[0].source.partition("\n")[0]
    found = _TITLE.fullmatch(first_line.strip())
    if found is None:
        raise ValueError(
            f"a chapter's first line is '# NN · Title', here it is {first_line!r}"
        )
    return found[2]


def card_row(notebook: NotebookNode, name: str) -> str | None:
    """The text beside a name on a chapter's card; None where the card has no such row.

    Args:
        notebook: A chapter.
        name: Such as ``"The claim"``.
    """
    row = re.compile(rf"\| \*\*{re.escape(name)}\*\* \| (.+) \|")
    for line in notebook.cells[0].source.splitlines():
        if found := row.fullmatch(line.strip()):
            return found[1]
    return None

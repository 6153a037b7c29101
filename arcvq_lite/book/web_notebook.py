"""A notebook as the site shows it: what JupyterLab folds is folded there too."""

from copy import deepcopy

from nbformat import NotebookNode

# myst-nb's own words for a cell behind a line that opens it.
FOLDED = "hide-cell"

HOW_TO_RUN = """\
<div class="how-to-run">

`python3 start.py lab chapters/{place}` opens this notebook in JupyterLab, where you
can run and change it. [How that works]({top}jupyterlab.md).

</div>
"""


def for_the_web(notebook: NotebookNode, place: str) -> NotebookNode:
    """The notebook for Sphinx; the one given stays as it is.

    Args:
        notebook: As it was built.
        place: Where it lies below `chapters`, such as ``"03_margins.ipynb"``.
    """
    shown = deepcopy(notebook)
    _say_how_to_run(shown.cells[0], place)
    for cell in shown.cells:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            _fold(cell)
    return shown


def _say_how_to_run(first: NotebookNode, place: str) -> None:
    """Put a line with the command between the title and the card."""
    heading, _, rest = first.source.partition("\n")
    line = HOW_TO_RUN.format(place=place, top="../" * (place.count("/") + 1))
    first.source = f"{heading}\n\n{line}\n{rest}"


def _fold(cell: NotebookNode) -> None:
    tags = cell.metadata.get("tags", [])
    what = "a solution" if "solution" in tags else "the code"
    cell.metadata["tags"] = [*tags, FOLDED]
    cell.metadata["mystnb"] = {
        "code_prompt_show": f"Show {what}",
        "code_prompt_hide": f"Hide {what}",
    }

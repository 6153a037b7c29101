"""A chapter's cover: the picture of its cell tagged ``cover``, as a file of its own.

The README and the site show it, and so show nothing that the book did not make.
"""

import base64
import re

from nbformat import NotebookNode

COVER_TAG = "cover"
_PNG = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")


def cover_png(notebook: NotebookNode) -> bytes | None:
    """The PNG shown by the cell tagged ``cover``; None where no cell is.

    Raises:
        ValueError: The tagged cell shows no PNG.
    """
    for cell in notebook.cells:
        if COVER_TAG in cell.metadata.get("tags", []):
            for output in cell.outputs:
                if found := _PNG.search(output.get("data", {}).get("text/html", "")):
                    return base64.b64decode(found[1])
            raise ValueError("the cell tagged cover shows no Picture")
    return None

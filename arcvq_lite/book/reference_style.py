"""How the site's bibliography writes an entry: ArcFace keeps its capital letters.

The common style of BibTeX makes a sentence of a title and would write "Arcface".
"""

from typing import Any

from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style
from pybtex.style.template import field, sentence

NAME = "titles_as_they_are"


class TitlesAsTheyAre(Style):  # type: ignore[misc]
    """BibTeX's plain style; pybtex lets one differ by its methods."""

    def format_title(self, e: Any, which_field: str, as_sentence: bool = True) -> Any:
        """A title with every letter as it stands in the file."""
        title = field(which_field)
        return sentence[title] if as_sentence else title


def register_style() -> str:
    """Make the style known to pybtex, and return the name it is known by."""
    register_plugin("pybtex.style.formatting", NAME, TitlesAsTheyAre)
    return NAME

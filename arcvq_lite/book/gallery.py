"""The front page's gallery: each chapter's picture, title and claim."""

from collections.abc import Mapping

from nbformat import NotebookNode

from arcvq_lite.book.card import card_row, title
from arcvq_lite.book.tree import Chapter


def gallery(chapters: Mapping[Chapter, NotebookNode]) -> str:
    """Write the gallery in Markdown, to be included where ``chapters/`` is a neighbour.

    Args:
        chapters: Each chapter with its notebook, in the book's order.
    """
    cards = [_card(chapter, notebook) for chapter, notebook in chapters.items()]
    return "\n\n".join(['<div class="gallery">', *cards, "</div>", ""])


def _card(chapter: Chapter, notebook: NotebookNode) -> str:
    # The picture only adorns the link beside it, so it has no words of its own.
    picture = (
        f"![](assets/figures/{chapter.cover.name})"
        if chapter.cover.is_file()
        else f'<p class="no-picture" aria-hidden="true">{chapter.number}</p>'
    )
    link = f"[{title(notebook)}](chapters/{chapter.notebook.name})"
    parts = [
        '<div class="chapter-card">',
        picture,
        f'<span class="number">{chapter.number}</span> {link}',
        card_row(notebook, "The claim") or "",
        "</div>",
    ]
    return "\n\n".join(parts)

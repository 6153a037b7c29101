"""A page as data, and its two forms: Markdown with pictures, and one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from arcvq_lite.viz.picture import FIGURE_STYLE, caption_tag, data_uri, image_tag
from arcvq_lite.viz.style import CODES, INK, NEUTRAL, readable


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the page's title."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Sentences."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows under column names; the first cell of a row names it."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Plot:
    """A picture, with the name of its file, its words, and its size in CSS pixels."""

    name: str
    png: bytes
    alt: str
    caption: str
    size: tuple[int, int]


Block = Heading | Paragraph | Table | Plot

_STYLE = f"""
body {{ font: 1rem/1.5 system-ui, sans-serif; color: {INK}; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
h1, h2, h3 {{ color: {CODES}; line-height: 1.25; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 1rem 0;
  font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; color: {readable(NEUTRAL)}; padding-bottom: 0.3rem; }}
th, td {{ text-align: left; padding: 0.25rem 0.75rem 0.25rem 0; vertical-align: top;
  border-bottom: 1px solid #DEE2E6; }}
"""


def to_markdown(blocks: Sequence[Block]) -> str:
    """The page in Markdown; plots are links to files beside it."""
    return "\n\n".join(map(_in_markdown, blocks)) + "\n"


def to_html(blocks: Sequence[Block]) -> str:
    """The page as one HTML file that asks for nothing outside itself."""
    title = next(b.text for b in blocks if isinstance(b, Heading))
    body = "\n".join(map(_in_html, blocks))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _in_markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {text}"
        case Paragraph(text):
            return text
        case Table(caption, columns, rows):
            lines = [columns, ["---"] * len(columns), *rows]
            cells = [
                "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |"
                for line in lines
            ]
            return "\n".join([f"{caption}\n", *cells])
        case Plot(name, _, alt, caption, _):
            return f"![{alt}]({name}.png)\n\n{caption}"


def _in_html(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Table(caption, columns, rows):
            head = "".join(f'<th scope="col">{escape(c)}</th>' for c in columns)
            body = "".join(
                f'<tr><th scope="row">{escape(row[0])}</th>'
                + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
                + "</tr>\n"
                for row in rows
            )
            # A table that is wider than the page is scrolled, by keyboard too.
            return (
                f'<div class="wide" role="region" tabindex="0" '
                f'aria-label="{escape(caption)}"><table>'
                f"<caption>{escape(caption)}</caption>\n"
                f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
            )
        case Plot(_, png, alt, caption, size):
            image = image_tag(data_uri(png, "png"), alt, size)
            return (
                f'<figure style="{FIGURE_STYLE}">{image}{caption_tag(caption)}</figure>'
            )

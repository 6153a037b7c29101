"""The prose of a chapter: no filler, British spelling, terms bold once, sound links."""

import io
import re
import tokenize
from collections.abc import Iterator

from citation_rules import CITATION
from form_rules import PREDICT
from reading import Cell, Chapter

FILLERS = (
    "simply",
    "obviously",
    "as we can see",
    "note that",
    "in this section we will",
    "it is worth noting",
    "delve",
    "delves",
    "delving",
    "crucial",
    "crucially",
)
# American stems and their British ones. "Quantize" is the field's own word, and
# "Regularization" stands in the method's name, so neither is here.
SPELLINGS = {
    "analyz": "analys",
    "behavior": "behaviour",
    "center": "centre",
    "color": "colour",
    "emphasiz": "emphasis",
    "favor": "favour",
    "generaliz": "generalis",
    "gray": "grey",
    "initializ": "initialis",
    "labeled": "labelled",
    "maximiz": "maximis",
    "memoriz": "memoris",
    "minimiz": "minimis",
    "modeling": "modelling",
    "neighbor": "neighbour",
    "normaliz": "normalis",
    "optimiz": "optimis",
    "organiz": "organis",
    "parameteriz": "parameteris",
    "penaliz": "penalis",
    "realiz": "realis",
    "recogniz": "recognis",
    "stabiliz": "stabilis",
    "summariz": "summaris",
    "visualiz": "visualis",
}
LISTS_ALLOWED = {"Exercises", "Quiz", "References"}
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.) ", re.MULTILINE)
MOST_ITEMS = 6
BOLD = re.compile(r"\*\*([^*]+)\*\*")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]*)[^)]*\)")


def fillers(chapter: Chapter) -> Iterator[str]:
    """No word that says nothing, in prose or in comments."""
    pattern = re.compile(rf"\b({'|'.join(FILLERS)})\b", re.IGNORECASE)
    for cell in chapter.cells:
        for found in pattern.findall(" ".join(_words(cell).split())):
            yield cell.says(f"{found!r} says nothing")


def spelling(chapter: Chapter) -> Iterator[str]:
    """British spelling, except in titles under References and in authors' names."""
    pattern = re.compile(rf"\b(un|re)?({'|'.join(SPELLINGS)})\w*", re.IGNORECASE)
    quoted = chapter.sections.get("References", [])
    for cell in chapter.cells:
        if cell in quoted:
            continue
        for found in pattern.finditer(CITATION.sub(" ", _words(cell))):
            stem = found[2].lower()
            yield cell.says(f"{found[0]!r} is spelt {SPELLINGS[stem]}… here")


def _words(cell: Cell) -> str:
    if cell.kind == "markdown":
        return cell.prose
    lines = io.StringIO(cell.text).readline
    try:
        comments = [
            token.string.lstrip("# ")
            for token in tokenize.generate_tokens(lines)
            if token.type == tokenize.COMMENT
        ]
    except (tokenize.TokenError, SyntaxError):
        return ""
    return re.sub(r"`[^`]*`", " ", "\n".join(comments))


def bold(chapter: Chapter) -> Iterator[str]:
    """A term is bold where it is defined, and nowhere again."""
    seen: dict[str, Cell] = {}
    for cell in chapter.markdown:
        if cell is chapter.cells[0]:
            continue
        for found in BOLD.finditer(cell.prose):
            term = " ".join(found[1].lower().split())
            if re.fullmatch(r"\d+\.", term):
                continue
            if term in seen:
                first = seen[term].number
                yield cell.says(f"{term!r} was bold in cell {first} already")
            seen.setdefault(term, cell)


def lists(chapter: Chapter) -> Iterator[str]:
    """Outside predictions, exercises, quiz and references, paragraphs think."""
    items = [
        (cell, item)
        for title, cells in chapter.sections.items()
        if title not in LISTS_ALLOWED
        for cell in cells
        if cell.kind == "markdown" and cell.first_line != PREDICT
        for item in LIST_ITEM.findall(cell.plain)
    ]
    if len(items) > MOST_ITEMS:
        numbers = sorted({cell.number for cell, _ in items})
        yield f"{len(items)} list items, {MOST_ITEMS} are allowed: cells {numbers}"


def links(chapter: Chapter) -> Iterator[str]:
    """A relative link lands on a file; a picture has its words."""
    for cell in chapter.markdown:
        for picture, words, target in LINK.findall(cell.plain):
            if picture and not words.strip():
                yield cell.says(f"the picture {target} has no alternative text")
            if not _lands(target, chapter):
                yield cell.says(f"the link {target!r} leads nowhere")


def _lands(target: str, chapter: Chapter) -> bool:
    if target.startswith(("https://", "attachment:")):
        return True
    path = target.partition("#")[0]
    return bool(path) and (chapter.folder / path).exists()

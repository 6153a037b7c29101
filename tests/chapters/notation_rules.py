"""Notation: every letter of an equation is a row of the one list of symbols."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from reading import Chapter

MATHEMATICS = re.compile(r"\$\$(.+?)\$\$|\$([^$]+?)\$", re.DOTALL)
WORDS = re.compile(r"\\(?:text|mathrm|operatorname|begin|end|tag)\*?\{[^}]*\}")
GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta kappa lambda mu "
    "nu xi pi rho sigma tau phi varphi chi psi omega Gamma Delta Theta Lambda Sigma "
    "Phi Psi Omega ell nabla partial"
)
COMMAND = re.compile(r"\\[a-zA-Z]+")
SYMBOL = re.compile(rf"\\(?:{'|'.join(GREEK.split())})(?![a-zA-Z])|[a-zA-Z]")
ROW = re.compile(r"^\| \$(.+?)\$ \|.*\| ([^|]+) \|$", re.MULTILINE)


def symbols_of(mathematics: str) -> set[str]:
    r"""Letters and Greek letters: ``\hat z_i`` has ``z`` and ``i``."""
    left = WORDS.sub(" ", mathematics)
    greek = set()
    for command in COMMAND.findall(left):
        if SYMBOL.fullmatch(command):
            greek.add(command)
    return greek | set(re.findall(r"[a-zA-Z]", COMMAND.sub(" ", left)))


@cache
def notation(folder: Path) -> dict[str, set[str]]:
    """For each symbol of the list, the numbers of its chapters, or ``all``."""
    rows: dict[str, set[str]] = {}
    page = (folder / "notation.md").read_text(encoding="utf-8")
    for mathematics, chapters in ROW.findall(page):
        for symbol in symbols_of(mathematics):
            places = {place.strip() for place in chapters.split(",")}
            rows.setdefault(symbol, set()).update(places)
    return rows


def used_in(chapter: Chapter) -> dict[str, str]:
    """Each symbol of a chapter's mathematics, and the cell of its first appearance."""
    found: dict[str, str] = {}
    for cell in chapter.markdown:
        text = re.sub(r"`[^`]*`", " ", cell.text)
        for display, inline in MATHEMATICS.findall(text):
            for symbol in symbols_of(display or inline):
                found.setdefault(symbol, cell.says(f"uses {symbol}"))
    return found


def notation_is_listed(chapter: Chapter) -> Iterator[str]:
    """Every symbol of an equation is in chapters/notation.md, for this chapter."""
    number = chapter.name[:2]
    for symbol, place in sorted(used_in(chapter).items()):
        listed = notation(chapter.folder).get(symbol, set())
        if not listed & {number, "all"}:
            yield f"{place}, which chapters/notation.md does not list for {number}"


def notation_is_used(chapter: Chapter) -> Iterator[str]:
    """What chapters/notation.md lists for a chapter stands in its equations."""
    number = chapter.name[:2]
    used = used_in(chapter)
    for symbol, places in sorted(notation(chapter.folder).items()):
        if number in places and symbol not in used:
            yield f"chapters/notation.md lists {symbol} for {number}, which lacks it"

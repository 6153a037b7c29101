"""Numbers in the text come from the run, from a stored result, or from a citation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from citation_rules import CITATION
from reading import Cell, Chapter

# Sections whose numbers pose a task instead of reporting a result.
FREE = {"Exercises", "Quiz", "References"}
NUMBER = re.compile(r"(?<![\w.,])(\d[\d,_]*(?:\.\d+)?(?:e-?\d+)?)")
UNITS = r"\s?(?:%|‰|°|dB\b|nats?\b|bits?\b|rad(?:ians?)?\b|degrees?\b)"
CLAIM = re.compile(
    rf"(?<![\w.,/-])(\d[\d,]*\.\d+|\d[\d,]*(?={UNITS}))({UNITS})?", re.UNICODE
)
RESULTS = re.compile(r"\]\((?:\.\./)*(assets/results/[^)#]+\.json)")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Claim:
    """A number in prose that reports something, to the digits it has."""

    text: str
    is_share: bool

    def is_met_by(self, value: float) -> bool:
        """Whether a value, rounded as the claim is, is the claim."""
        digits = len(self.text.partition(".")[2])
        claimed = float(self.text.replace(",", ""))
        allowed = 0.5 * 10**-digits + 1e-9
        candidates = (value, 100 * value) if self.is_share else (value,)
        return any(abs(abs(it) - claimed) <= allowed for it in candidates)


def numbers(chapter: Chapter) -> Iterator[str]:
    """A number that claims a result was shown or written above it.

    It may also announce a setting that the next code cell writes down.
    """
    known: list[float] = []
    code = chapter.code
    free = {
        cell.number
        for title, cells in chapter.sections.items()
        if title in FREE
        for cell in cells
    }
    for cell in chapter.cells:
        if cell.kind == "code":
            known += values_in(cell.text) + values_in(cell.shown)
        elif cell.number > 1 and cell.number not in free:
            following = next((it for it in code if it.number > cell.number), cell)
            yield from _unfounded(cell, known, values_in(following.text))


def _unfounded(cell: Cell, known: list[float], announced: list[float]) -> Iterator[str]:
    mathematics = " ".join(re.findall(r"\$\$?[^$]+\$\$?|`[^`]+`", cell.text))
    known += values_in(re.sub(r"\\[,;:! ]|\{,\}", "", mathematics))
    witnesses = known + announced
    for path in RESULTS.findall(cell.text):
        witnesses += values_in((ROOT / path).read_text(encoding="utf-8"))
    for paragraph in cell.plain.split("\n\n"):
        if CITATION.search(" ".join(paragraph.split())):
            continue
        for claim in claims_in(paragraph):
            if not any(claim.is_met_by(value) for value in witnesses):
                yield cell.says(f"nothing above it shows the number {claim.text}")


def claims_in(prose: str) -> Iterator[Claim]:
    """Decimals, and whole numbers with a unit of measurement."""
    for found in CLAIM.finditer(prose):
        yield Claim(found[1], is_share=(found[2] or "").strip() == "%")


def values_in(text: str) -> list[float]:
    """Every number that a text shows."""
    plain = (it.replace(",", "").replace("_", "") for it in NUMBER.findall(text))
    return [float(it) for it in plain]

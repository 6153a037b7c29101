"""Citations: one bibliography, each work cited where its idea is, and listed once."""

import re
from collections.abc import Iterator

from bibliography import Work, works
from reading import Cell, Chapter

# "Lloyd 1982", "Kim and Yoo (2026)", "van den Oord et al. 2017"
NAME = r"(?:(?:van|von|de|der|den|De) )*[A-ZŁÉ][\w'’-]+"
CITATION = re.compile(
    rf"({NAME}(?: et al\.| and {NAME})?) \(?((?:19|20)\d\d)\b", re.UNICODE
)


def citations(chapter: Chapter) -> Iterator[str]:
    """What is cited stands in the bibliography, and under References."""
    known = {work.label for work in works().values()}
    listed = {work.label for work in _listed(chapter)}
    for cell, label in _cited(chapter):
        if label not in known:
            yield cell.says(f"{label!r} is not in assets/references.bib")
        elif label not in listed:
            yield cell.says(f"{label!r} is cited and not listed under References")


def references(chapter: Chapter) -> Iterator[str]:
    """Each item under References is the bibliography's line, cited in the text."""
    cited = {label for _, label in _cited(chapter)}
    labels = []
    for cell, item in _items(chapter):
        work = _work_of(item)
        if work is None:
            yield cell.says(f"{item[:70]!r}… is no line of assets/references.bib")
            continue
        labels.append(work.label)
        if work.label not in cited:
            yield cell.says(f"{work.label!r} is listed and nowhere cited")
    for label in {label for label in labels if labels.count(label) > 1}:
        yield f"{label!r} is listed twice"


def _cited(chapter: Chapter) -> Iterator[tuple[Cell, str]]:
    listing = chapter.sections.get("References", [])
    for cell in chapter.markdown:
        if cell not in listing:
            for name, year in CITATION.findall(" ".join(cell.prose.split())):
                yield cell, f"{name} {year}"


def _items(chapter: Chapter) -> Iterator[tuple[Cell, str]]:
    for cell in chapter.sections.get("References", []):
        for item in re.split(r"^- ", cell.text, flags=re.MULTILINE)[1:]:
            yield cell, " ".join(item.split())


def _work_of(item: str) -> Work | None:
    return next((w for w in works().values() if item.startswith(w.reference)), None)


def _listed(chapter: Chapter) -> list[Work]:
    found = (_work_of(item) for _, item in _items(chapter))
    return [work for work in found if work is not None]

"""The book's one bibliography: how an entry is cited, and how it stands in a list."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pybtex.database import Entry, parse_file
from pybtex.richtext import Text

BIBLIOGRAPHY = Path(__file__).resolve().parents[2] / "assets" / "references.bib"


@dataclass(frozen=True)
class Work:
    """One work; `label` cites it in a sentence, `reference` lists it."""

    authors: tuple[str, ...]
    title: str
    venue: str
    year: str
    url: str

    @property
    def label(self) -> str:
        """Surnames and year: "Lloyd 1982", "Kim and Yoo 2026", "Deng et al. 2019"."""
        first = self.authors[0]
        if len(self.authors) > 2:
            return f"{first} et al. {self.year}"
        return f"{' and '.join(self.authors)} {self.year}"

    @property
    def reference(self) -> str:
        """The line under References, without its bullet."""
        place = f"{self.venue} {self.year}"
        names = ", ".join(self.authors)
        return f"{names}: *{self.title}*, {place}, <{self.url}>"


@cache
def works() -> dict[str, Work]:
    """Every entry of the bibliography by its key."""
    entries = parse_file(str(BIBLIOGRAPHY), bib_format="bibtex").entries
    return {key: _work(entry) for key, entry in entries.items()}


def _work(entry: Entry) -> Work:
    fields = entry.fields
    return Work(
        authors=tuple(
            " ".join([*person.prelast_names, *person.last_names])
            for person in entry.persons["author"]
        ),
        title=str(Text.from_latex(fields["title"])),
        venue=fields.get("booktitle") or fields["journal"],
        year=fields["year"],
        url=fields["url"],
    )

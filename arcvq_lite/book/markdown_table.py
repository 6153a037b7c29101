"""Text and tables in Markdown that show each sign as it is."""

import re
from collections.abc import Iterable, Sequence

# What begins markup somewhere in CommonMark, in a table or in MyST.
_SIGNS = re.compile(r"[\\`*_{}\[\]<>|$~&#^]")


def literal(text: str) -> str:
    """A line of Markdown that shows a text, whatever signs are in it."""
    return _SIGNS.sub(r"\\\g<0>", " ".join(text.split()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of literal cells; a column without any is left out.

    Args:
        head: A name a column.
        rows: As many cells each.
    """
    kept = list(rows)
    used = [place for place in range(len(head)) if any(row[place] for row in kept)]
    lines = [[literal(row[place]) for place in used] for row in (head, *kept)]
    lines.insert(1, ["---"] * len(used))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

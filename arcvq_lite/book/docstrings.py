"""The library's docstrings as Sphinx reads them.

Docstrings are written for whoever reads the source: formulas stand indented as they
are, tables in Markdown, and a star is a star. Sphinx wants each marked in its own way.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

_SECTION = re.compile(r"(Args|Attributes|Examples?|Raises|Returns|Yields):$")
_CODE = re.compile(r"(``.+?``|`[^`]+`)")


def register_docstrings(app: Any) -> dict[str, bool]:
    """Let Sphinx read every docstring through ``mark_up``; its extension point.

    Args:
        app: Sphinx's application.
    """
    # Before napoleon, which takes the sections apart.
    app.connect("autodoc-process-docstring", _rewrite, priority=400)
    return {"parallel_read_safe": True}


def _rewrite(app: Any, kind: str, name: str, *rest: Any) -> None:
    lines: list[str] = rest[-1]
    lines[:] = mark_up(lines)


def mark_up(lines: Sequence[str]) -> list[str]:
    """Write a docstring in reStructuredText, its sections still in Google's manner.

    Args:
        lines: The docstring's lines, without common indentation.

    Returns:
        The lines, with formulas as literal blocks, tables as Sphinx's, and the signs
        that Sphinx would take for markup escaped.
    """
    return [line for block in _blocks(lines) for line in _mark_block(block)]


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Runs of lines between blank ones; a section goes on over blank lines."""
    block: list[str] = []
    for line in lines:
        in_section = bool(block) and _SECTION.match(block[0]) is not None
        goes_on = line.startswith(" ") or not line if in_section else bool(line)
        if block and not goes_on:
            yield block
            block = []
        if line or block:
            block.append(line)
    if block:
        yield block


def _mark_block(block: list[str]) -> list[str]:
    if _SECTION.match(block[0]):
        return [block[0], *map(_escape, block[1:])] + [""] * (block[-1] != "")
    if block[0].startswith("|"):
        return [*_table(block), ""]
    if block[0].startswith(" "):
        return ["::", "", *block, ""]
    # An indented second line would make the first one the name of a definition.
    return [*(_escape(line.strip()) for line in block), ""]


def _table(rows: Sequence[str]) -> list[str]:
    """A table of Markdown, its second line a rule, as a ``list-table``."""
    written = [".. list-table::", "   :header-rows: 1", ""]
    for row in [rows[0], *rows[2:]]:
        for column, text in enumerate(row.strip("| ").split("|")):
            mark = "     -" if column else "   * -"
            written.append(f"{mark} {_escape(text.strip())}")
    return written


def _escape(line: str) -> str:
    """Stars and bars as they stand; code and examples are not touched."""
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = _CODE.split(line)
    parts[::2] = [re.sub(r"([*|])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)

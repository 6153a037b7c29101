"""Docstrings reach Sphinx with their formulas, tables and stars as they were meant."""

import re
from collections import Counter
from pathlib import Path

import arcvq_lite
from arcvq_lite import viz
from arcvq_lite.book.docstrings import mark_up

API = Path(__file__).parents[2] / "assets" / "book" / "api"


def marked(text: str) -> str:
    return "\n".join(mark_up(text.splitlines())).strip()


def test_prose_stays_as_it_is() -> None:
    text = "One line.\n\nA paragraph of `code`\nand more."
    assert marked(text) == text


def test_an_indented_formula_is_shown_as_it_stands() -> None:
    text = "Line.\n\n    loss = a · b\n           + c * d\n\nMore."
    assert marked(text) == text.replace("\n    loss", "\n::\n\n    loss")


def test_a_continued_line_is_no_definition() -> None:
    assert marked("Source: a paper,\n    section 3.") == "Source: a paper,\nsection 3."


def test_stars_and_bars_are_escaped_except_in_code() -> None:
    assert marked("(B, *spatial), |x|, `*a`, ``|b|``") == (
        r"(B, \*spatial), \|x\|, `*a`, ``|b|``"
    )


def test_sections_keep_their_layout_and_examples_their_signs() -> None:
    text = (
        "Line.\n\nArgs:\n    x: rows (N, *).\n        More.\n    y: one.\n\n"
        "Example:\n    >>> f(*x)\n    1\n\n    >>> 2 | 3\n    3"
    )
    assert marked(text) == text.replace("(N, *)", r"(N, \*)")


def test_a_table_of_markdown_becomes_one_of_sphinx() -> None:
    text = "Line.\n\n| name | what |\n|---|---|\n| `a` | b * c |\n\nMore."
    assert marked(text) == (
        "Line.\n\n.. list-table::\n   :header-rows: 1\n\n"
        "   * - name\n     - what\n   * - `a`\n     - b \\* c\n\nMore."
    )


def test_every_public_name_has_its_place_in_the_reference() -> None:
    directive = re.compile(r"^\.\. auto(?:class|function|exception):: (\w+)", re.M)
    pages = [path.read_text(encoding="utf-8") for path in API.glob("*.md")]
    named = Counter(name for page in pages for name in directive.findall(page))
    assert named == Counter(arcvq_lite.__all__)


def test_whole_rooms_are_described_by_their_own_lists() -> None:
    checkers = (API / "check.md").read_text(encoding="utf-8")
    assert ".. automodule:: arcvq_lite.check\n   :members:\n" in checkers
    pictures = (API / "viz.md").read_text(encoding="utf-8")
    listed, widgets = re.findall(r":members:(.*)", pictures)
    colours = {name for name in viz.__all__ if name.isupper()}
    assert {name.strip() for name in listed.split(",")} == {*viz.__all__} - colours
    assert widgets == "", "all of them"

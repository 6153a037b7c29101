"""A page of HTML that asks for nothing outside itself, in the colours of the book.

Pages are trees, and the standard library writes them: every text and every attribute
that comes from a student is escaped by it, and there is no other way onto a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from arcvq_lite.viz.style import CODES, INK, LATENTS, NEUTRAL, WARNING, readable

Child = Element | str

_STYLE = f"""
:root {{ color-scheme: light dark; --ink: {INK}; --paper: #fff; --soft: #F1F3F5;
  --rule: #DEE2E6; --quiet: {readable(NEUTRAL)}; --codes: {CODES}; --fill: {CODES};
  --latents: {LATENTS}; --wrong: {readable(WARNING)}; --right: #0B6E64; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #DEE2E6; --paper: #16191D;
  --soft: #212529; --rule: #3B4148; --quiet: #ADB5BD; --codes: #8FBBE3;
  --fill: #4A86BE; --wrong: #F783AC; --right: #63D2C3; }} }}
* {{ box-sizing: border-box; }}
body {{ font: 1rem/1.55 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  overflow-wrap: break-word; }}
h1, h2, h3 {{ font-family: "Iowan Old Style", "Palatino Linotype", Palatino, Georgia,
  serif; color: var(--codes); line-height: 1.25; text-wrap: balance; }}
h1 {{ font-size: 2rem; margin: 0 0 0.5rem; }}
h2 {{ font-size: 1.5rem; margin: 2.5rem 0 0.75rem; padding-top: 1rem;
  border-top: 1px solid var(--rule); }}
h3 {{ font-size: 1.15rem; margin: 1.75rem 0 0.5rem; }}
a {{ color: var(--codes); }}
code, pre {{ font: 0.9em/1.5 ui-monospace, monospace; }}
pre {{ background: var(--soft); border-radius: 6px; padding: 0.6rem 0.9rem;
  overflow-x: auto; margin: 0.4rem 0; }}
.name {{ white-space: nowrap; }}
tbody th {{ overflow-wrap: normal; }}
.quiet {{ color: var(--quiet); }}
.numbers {{ display: flex; flex-wrap: wrap; gap: 0.5rem 2.5rem; margin: 1rem 0; }}
.numbers b {{ display: block; font-size: 1.7rem; line-height: 1.2; font-weight: 600;
  font-variant-numeric: tabular-nums; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 0.5rem 0;
  font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; color: var(--quiet); padding-bottom: 0.3rem; }}
th, td {{ text-align: left; padding: 0.3rem 0.9rem 0.3rem 0; vertical-align: top;
  border-bottom: 1px solid var(--rule); font-weight: normal; }}
thead th {{ color: var(--quiet); font-size: 0.9em; vertical-align: bottom; }}
.number {{ text-align: right; white-space: nowrap; }}
.bar {{ display: block; height: 0.5rem; min-width: 6rem; border-radius: 3px;
  background: linear-gradient(var(--fill) 0 0) 0 / var(--share) 100% no-repeat
  var(--rule); }}
.parts {{ list-style: none; padding: 0; margin: 0.5rem 0; }}
.parts li {{ display: grid; grid-template-columns: 1.5rem 1fr auto; gap: 0 0.5rem;
  padding: 0.45rem 0; border-bottom: 1px solid var(--rule); }}
.parts .why {{ grid-column: 2 / -1; white-space: pre-wrap; margin: 0.25rem 0 0.2rem;
  padding-left: 0.7rem; border-left: 3px solid var(--wrong); min-width: 0; }}
.mark {{ font-weight: 700; }}
.right .mark {{ color: var(--right); }}
.wrong .mark, .wrong .points {{ color: var(--wrong); }}
.absent .mark {{ color: var(--quiet); }}
.points {{ white-space: nowrap; font-variant-numeric: tabular-nums; }}
.task {{ display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: baseline;
  justify-content: space-between; }}
.task h3 {{ margin-bottom: 0.2rem; }}
.answer {{ white-space: pre-wrap; background: var(--soft); border-radius: 6px;
  padding: 0.7rem 1rem; margin: 0.5rem 0; }}
.note {{ border-left: 3px solid var(--latents); background: var(--soft);
  border-radius: 0 6px 6px 0; padding: 0.55rem 0.9rem; margin: 0.75rem 0; }}
.note > :first-child {{ margin-top: 0; }} .note > :last-child {{ margin-bottom: 0; }}
.histogram {{ display: flex; align-items: flex-end; gap: 3px; list-style: none;
  padding: 0; margin: 1rem 0 0.25rem; height: 11rem;
  border-bottom: 1px solid var(--quiet); }}
.histogram li {{ flex: 1; height: 100%; display: flex; flex-direction: column;
  justify-content: flex-end; text-align: center; font-size: 0.85em; }}
.histogram i {{ background: var(--fill); border-radius: 3px 3px 0 0;
  height: calc(var(--share) * 0.85); }}
.ranges {{ display: flex; gap: 3px; list-style: none; padding: 0; margin: 0;
  color: var(--quiet); font-size: 0.8em; }}
.ranges li {{ flex: 1; text-align: center; }}
.side {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr));
  gap: 0 1rem; }}
.side > * {{ min-width: 0; }}
.boxes {{ display: flex; flex-wrap: wrap; gap: 0.4rem 1.5rem; align-items: center;
  padding: 0; list-style: none; margin: 0.5rem 0 2rem; }}
.box {{ display: inline-block; width: 2.4rem; height: 1.7rem; margin-right: 0.4rem;
  border: 1.5px solid var(--quiet); border-radius: 4px; vertical-align: middle; }}
details {{ margin: 0.6rem 0; }}
summary {{ cursor: pointer; width: fit-content; color: var(--codes); }}
:focus-visible {{ outline: 2px solid var(--latents); outline-offset: 2px; }}
@media print {{ body {{ margin: 0; max-width: none; }}
  .entry, .parts li {{ break-inside: avoid; }} }}
"""


def element(tag: str, *children: Child, **attributes: str) -> Element:
    """An element with what it holds, in order.

    Args:
        tag: its name.
        children: elements and texts.
        attributes: by name, with `_` for `-`; `class_` is "class".
    """
    names = {
        name.rstrip("_").replace("_", "-"): text for name, text in attributes.items()
    }
    made = Element(tag, names)
    last: Element | None = None
    for child in children:
        if isinstance(child, Element):
            made.append(child)
            last = child
        elif last is None:
            made.text = (made.text or "") + child
        else:
            last.tail = (last.tail or "") + child
    return made


def page(title: str, body: Iterable[Child]) -> bytes:
    """A whole page.

    Args:
        title: of the window.
        body: what it shows.

    Returns:
        UTF-8.
    """
    html = Element("html", lang="en")
    head = SubElement(html, "head")
    SubElement(head, "meta", charset="utf-8")
    size = "width=device-width, initial-scale=1"
    SubElement(head, "meta", name="viewport", content=size)
    head.append(element("title", title))
    head.append(element("style", _STYLE))
    html.append(element("body", element("main", *body)))
    text = tostring(html, encoding="unicode", method="html")
    return f"<!doctype html>\n{text}\n".encode("utf-8", "replace")


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[Child]],
    *,
    numbers: Iterable[int] = (),
) -> Element:
    """A table, which is scrolled by itself where it is wider than the page.

    Args:
        caption: what it shows.
        heads: one for each column.
        rows: the first cell of each names it.
        numbers: columns whose cells are set to the right.
    """
    right = set(numbers)

    def cell(tag: str, place: int, child: Child, **more: str) -> Element:
        if place in right:
            more["class_"] = "number"
        return element(tag, child, **more)

    columns = [cell("th", i, head, scope="col") for i, head in enumerate(heads)]
    body = [
        element(
            "tr",
            cell("th", 0, row[0], scope="row"),
            *(cell("td", i, child) for i, child in enumerate(row[1:], 1)),
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *columns)),
        element("tbody", *body),
    )
    return element(
        "div", whole, class_="wide", role="region", tabindex="0", aria_label=caption
    )


def bar(share: float) -> Element:
    """A share of 1 as a bar, for the eye alone; its number stands beside it."""
    return element(
        "span", class_="bar", style=f"--share: {100 * share:.0f}%", aria_hidden="true"
    )


def figures(numbers: Iterable[tuple[str, str]]) -> Element:
    """Large figures in a row, each with what it is."""
    boxes = [element("div", element("b", number), what) for number, what in numbers]
    return element("div", *boxes, class_="numbers")

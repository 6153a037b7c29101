"""The form of a chapter: card, sections, parity cell, widget, tags, size."""

import re
from collections.abc import Iterator

from reading import FENCE, Cell, Chapter

FIELDS = (
    "You will be able to",
    "Before you start",
    "Data",
    "Time",
    "Widget",
    "The claim",
)
ENDING = (
    "Interpretation and limits",
    "Exercises",
    "Quiz",
    "Summary",
    "References",
    "Next",
)
TAGS = {
    "exercise",
    "hide-input",
    "moves-sliders",
    "cover",
    "nbval-ignore-output",
    "solution",
}
PREDICT = "### Predict, then drag"


def card(chapter: Chapter) -> Iterator[str]:
    """The first cell says what the chapter is, in six fields."""
    first = chapter.cells[0]
    number = chapter.name[:2]
    if first.kind != "markdown" or not first.text.startswith(f"# {number} · "):
        yield first.says(f"the first cell is the card, '# {number} · Title'")
    for name in FIELDS:
        if not re.search(rf"^\| \*\*{name}\*\* \| \S.* \|$", first.text, re.MULTILINE):
            yield first.says(f"the card lacks the row '| **{name}** | … |'")
    given = re.findall(r"^\| \*\*(.+?)\*\* \|", first.text, re.MULTILINE)
    if sorted(given) == sorted(FIELDS) and given != list(FIELDS):
        yield first.says(f"the card's rows come in the order {', '.join(FIELDS)}")
    for name in set(given) - set(FIELDS):
        yield first.says(f"the card has no field {name!r}")


def size(chapter: Chapter) -> Iterator[str]:
    """A chapter has 60 to 110 cells, and none is empty."""
    if not 60 <= len(chapter.cells) <= 110:
        yield f"{len(chapter.cells)} cells, 60 to 110 are wanted"
    for cell in chapter.cells:
        if not cell.text.strip():
            yield cell.says("is empty")


def sections(chapter: Chapter) -> Iterator[str]:
    """Rounds of ideas, then the experiment, then the same six sections."""
    for cell in chapter.markdown:
        for line in FENCE.sub("", cell.text).splitlines()[1:]:
            if re.match(r"#{1,3} ", line):
                yield cell.says(f"the heading {line!r} must begin a cell of its own")
        if cell is not chapter.cells[0] and cell.text.startswith("# "):
            yield cell.says("only the card has a first-level heading")
    titles = [title for title in chapter.sections if title]
    if tuple(titles[-len(ENDING) :]) != ENDING:
        yield f"the last sections are {titles[-len(ENDING) :]}, not {list(ENDING)}"
    before = titles[: -len(ENDING)]
    rounds = [title for title in before if not title.startswith("Experiment")]
    if len(rounds) < 3:
        yield f"{len(rounds)} sections before the experiment, 3 or more are wanted"
    if len(rounds) == len(before):
        yield "no section begins '## Experiment'"


def evidence(chapter: Chapter) -> Iterator[str]:
    """The experiment has its baseline and control; the limits tell three apart."""
    for title, cells in chapter.sections.items():
        text = "\n".join(cell.text for cell in cells).lower()
        wanted: tuple[str, ...] = ()
        if title.startswith("Experiment"):
            wanted = ("baseline", "negative control")
        if title == "Interpretation and limits":
            wanted = ("paper", "official code", "ours")
        for words in wanted:
            if words not in text:
                yield f"section {title!r} does not say {words!r}"


def parity(chapter: Chapter) -> Iterator[str]:
    """What was built in view equals the library."""
    if not any("torch.testing.assert_close(" in cell.text for cell in chapter.code):
        yield "no parity cell: none calls torch.testing.assert_close"


def figures(chapter: Chapter) -> Iterator[str]:
    """A chapter shows 5 to 12 figures, and one of them is its cover."""
    shown = [cell for cell in chapter.code if _pages(cell)]
    if not 5 <= len(shown) <= 12:
        yield f"{len(shown)} figures, 5 to 12 are wanted"
    covers = [cell.number for cell in chapter.code if "cover" in cell.tags]
    if len(covers) != 1:
        yield f"the tag cover is on the cells {covers}, one is wanted"


def widget(chapter: Chapter) -> Iterator[str]:
    """Questions, then the figure with its sliders, then the cell that moves them."""
    movers = [cell for cell in chapter.cells if "moves-sliders" in cell.tags]
    if not movers:
        yield "no cell is tagged moves-sliders"
    asks = [cell for cell in chapter.markdown if cell.first_line == PREDICT]
    for cell in asks:
        if len(re.findall(r"\?\s*$", cell.text, re.MULTILINE)) < 2:
            yield cell.says("asks fewer than two questions that end their line in '?'")
    for mover in movers:
        yield from _check_mover(mover, asks, chapter)


def _check_mover(mover: Cell, asks: list[Cell], chapter: Chapter) -> Iterator[str]:
    if mover.kind != "code" or "assert " not in mover.text:
        yield mover.says("a moves-sliders cell asserts what the move has changed")
    earlier = [cell.number for cell in asks if cell.number < mover.number]
    if not earlier:
        yield mover.says(f"no cell {PREDICT!r} stands before it")
        return
    between = chapter.cells[earlier[-1] : mover.number - 1]
    if not any(_has_player(cell) for cell in between):
        yield mover.says("no cell between the questions and it shows a SliderFigure")


def _has_player(cell: Cell) -> bool:
    return any("data-frames=" in page for page in _pages(cell))


def _pages(cell: Cell) -> list[str]:
    """The figures that a cell shows, as HTML."""
    found = (output.get("data", {}).get("text/html", "") for output in cell.outputs)
    return [page for page in found if "<figure" in page]


def tags(chapter: Chapter) -> Iterator[str]:
    """Only known tags; a solution is folded."""
    for cell in chapter.cells:
        for tag in sorted(set(cell.tags) - TAGS):
            yield cell.says(f"the tag {tag!r} is none of {sorted(TAGS)}")
        if "solution" in cell.tags and not is_folded(cell):
            yield cell.says('a solution is folded: jupyter={"source_hidden": true}')


def is_folded(cell: Cell) -> bool:
    """Whether JupyterLab opens the cell with its source hidden."""
    return cell.metadata.get("jupyter", {}).get("source_hidden") is True

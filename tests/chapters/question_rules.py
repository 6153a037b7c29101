"""Exercises that check themselves, and a quiz whose answers are folded."""

import re
from collections.abc import Iterator
from itertools import pairwise

from reading import Cell, Chapter

DIFFICULTY = re.compile(r"^\*Difficulty (●○○|●●○|●●●) · \d+ minutes?\*$", re.MULTILINE)
CHECKER = re.compile(r"\bcheck\.(\w+)\(")
QUESTION = re.compile(r"^\*\*(\d+)\.\*\* ", re.MULTILINE)
ANSWER = re.compile(
    r"^<details><summary>Answer</summary>\n\n.+?\n\n</details>$",
    re.MULTILINE | re.DOTALL,
)
RIGHT = "✓"


def exercises(chapter: Chapter) -> Iterator[str]:
    """Three to five exercises, each with difficulty, minutes, checker and solution."""
    cells = chapter.sections.get("Exercises", [])
    starts = [i for i, cell in enumerate(cells) if cell.text.startswith("### ")]
    if not 3 <= len(starts) <= 5:
        yield f"{len(starts)} exercises, 3 to 5 are wanted"
    for number, (start, stop) in enumerate(pairwise([*starts, len(cells)]), start=1):
        yield from _check_exercise(number, cells[start:stop])


def _check_exercise(number: int, cells: list[Cell]) -> Iterator[str]:
    title = cells[0]
    if not re.match(rf"### Exercise {number} · \S", title.text):
        yield title.says(f"an exercise begins '### Exercise {number} · Title'")
    if not DIFFICULTY.search(title.text):
        yield title.says("lacks the line '*Difficulty ●○○ · 10 minutes*'")
    if "exercise" not in title.tags:
        yield title.says("lacks the tag exercise")
    code = [cell for cell in cells if cell.kind == "code"]
    tried = [cell for cell in code if "exercise" in cell.tags]
    solved = [cell for cell in code if "solution" in cell.tags]
    asked = {name for cell in tried for name in CHECKER.findall(cell.text)}
    answered = {name for cell in solved for name in CHECKER.findall(cell.text)}
    if not asked:
        yield title.says("no cell tagged exercise calls check.<name>(…)")
    if not asked <= answered:
        yield title.says(f"no solution calls check.{min(asked - answered)}")
    if tried and solved and solved[0].number < tried[-1].number:
        yield title.says("the solution stands before the reader's own cell")
    for cell in tried:
        if RIGHT in cell.shown:
            yield cell.says("the unfinished exercise already counts as right")
    for cell in solved:
        if CHECKER.search(cell.text) and cell.shown.count(RIGHT) < len(
            CHECKER.findall(cell.text)
        ):
            yield cell.says(f"the checker does not say {RIGHT} to the solution")


def quiz(chapter: Chapter) -> Iterator[str]:
    """Six to ten numbered questions, each with one folded answer."""
    text = "\n\n".join(cell.text for cell in chapter.sections.get("Quiz", []))
    numbers = [int(number) for number in QUESTION.findall(text)]
    if not 6 <= len(numbers) <= 10:
        yield f"{len(numbers)} quiz questions, 6 to 10 are wanted"
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"quiz questions are numbered {numbers}"
    pieces = QUESTION.split(text)[1:]
    for number, piece in zip(pieces[::2], pieces[1::2], strict=True):
        if len(ANSWER.findall(piece)) != 1 or piece.count("<details>") != 1:
            yield (
                f"quiz question {number} has not exactly one answer between "
                "'<details><summary>Answer</summary>' and '</details>', "
                "with an empty line on either side"
            )
        if "?" not in piece.partition("<details>")[0]:
            yield f"quiz question {number} asks nothing: it has no '?'"

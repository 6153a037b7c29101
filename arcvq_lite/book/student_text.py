"""An assignment's source becomes the text that students get: solutions are taken out.

A solution stands between two lines of its own, ``### BEGIN SOLUTION`` and ``### END
SOLUTION``: in a code cell with ``task="function"`` in its header, where students get
a line that raises, and in a markdown cell with ``question="name"``, where they get a
place for their words.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from textwrap import wrap

from arcvq_lite.check.task import Assignment, Question, Task

_HEADER = re.compile(r"# %%(?: \[(?P<kind>\w+)\])?(?P<rest>.*)")
_NAMED = re.compile(r'\b(?P<role>task|question)="(?P<name>[^"]*)"')
_MARK = re.compile(r"(?P<indent> *|# )### (?P<which>BEGIN|END) SOLUTION")
_LOOKS_LIKE_A_MARK = re.compile(r"(BEGIN|END)[\s_-]*SOLUTION", re.IGNORECASE)
_HEADING = re.compile(r"# ## (?P<what>Task|Question) \d+\. (?P<title>.+)")

_STUB = "raise NotImplementedError"
_PLACE_FOR_WORDS = "*Your answer.*"


def student_text(source: str, assignment: Assignment, where: str) -> str:
    """The source without its solutions, with points, stars and minutes.

    Args:
        source: Text of ``aN_name.py``.
        assignment: What it asks, and what that is worth.
        where: How messages name the file.

    Raises:
        ValueError: A solution is not between two marks in the cell of a task or a
            question, a cell or a heading is missing or not of this assignment, or
            something like a mark is left; with the file and the line.
    """
    lines = list(_without_solutions(source.splitlines(), where))
    _check_cells(lines, assignment, where)
    return "\n".join(_with_worth(lines, assignment, where)) + "\n"


def _without_solutions(lines: Iterable[str], where: str) -> Iterator[str]:
    """The lines outside the marks, with a stand-in for what was between them."""
    cell, begun = "", 0
    for number, line in enumerate(lines, start=1):
        here = f"{where}, line {number}"
        if header := _HEADER.fullmatch(line):
            if begun:
                raise ValueError(f"{here}: the solution of line {begun} has no end")
            cell = header["rest"]
        mark = _MARK.fullmatch(line.rstrip())
        if mark is None:
            if _LOOKS_LIKE_A_MARK.search(line):
                raise ValueError(
                    f"{here}: {line.strip()!r} is not a mark; write `### BEGIN "
                    "SOLUTION` and `### END SOLUTION` on lines of their own"
                )
            if not begun:
                yield line
            continue
        if (mark["which"] == "BEGIN") == bool(begun):
            raise ValueError(f"{here}: {mark['which']} where the other mark is due")
        if begun:
            begun = 0
            continue
        named = _NAMED.search(cell)
        if named is None:
            raise ValueError(
                f"{here}: a solution in a cell that is no task's and no question's; "
                'name one in its header, as in `# %% task="function"`'
            )
        begun = number
        words = named["role"] == "question"
        yield mark["indent"] + (_PLACE_FOR_WORDS if words else _STUB)
    if begun:
        raise ValueError(f"{where}, line {begun}: this solution has no end")


def _check_cells(lines: list[str], assignment: Assignment, where: str) -> None:
    """Each task and question has one cell, with a place for an answer in it."""
    found: Counter[tuple[str, str]] = Counter()
    answered: set[tuple[str, str]] = set()
    current: tuple[str, str] | None = None
    for line in lines:
        if header := _HEADER.fullmatch(line):
            named = _NAMED.search(header["rest"])
            current = (named["role"], named["name"]) if named else None
            if current:
                found[current] += 1
        elif current and line.strip() in (_STUB, f"# {_PLACE_FOR_WORDS}"):
            answered.add(current)
    wanted = [("task", task.function) for task in assignment.tasks]
    wanted += [("question", question.name) for question in assignment.questions]
    for role, name in [*found, *wanted]:
        if (role, name) not in wanted:
            known = [each for kind, each in wanted if kind == role]
            raise ValueError(f"{where}: {role}={name!r} is not one of {known}")
        if found[role, name] != 1:
            raise ValueError(
                f"{where}: {found[role, name]} cells have {role}={name!r} in their "
                "header; there must be one"
            )
        if (role, name) not in answered:
            raise ValueError(
                f"{where}: the cell with {role}={name!r} has no solution between "
                "marks, so students would have no stub"
            )


def _with_worth(lines: list[str], assignment: Assignment, where: str) -> Iterator[str]:
    """The lines, with a line on points, stars and minutes below each heading."""
    due: dict[str, list[Task] | list[Question]] = {
        "Task": list(assignment.tasks),
        "Question": list(assignment.questions),
    }
    for line in lines:
        yield line
        heading = _HEADING.fullmatch(line)
        if heading is None:
            continue
        what, left = heading["what"], due[heading["what"]]
        if not left or left[0].title != heading["title"]:
            title = repr(left[0].title) if left else "none"
            raise ValueError(
                f"{where}: the heading {line[2:]!r} stands where the {what.lower()} "
                f"{title} is due"
            )
        yield from _worth(left.pop(0))
    for what, left in due.items():
        if left:
            raise ValueError(f"{where}: {what} {left[0].title!r} has no heading")


def _worth(thing: Task | Question) -> list[str]:
    """What stands below a heading, as lines of a markdown cell."""
    if isinstance(thing, Question):
        return [
            "#",
            f"# *{thing.points} points · {thing.minutes} minutes · read by a person*",
        ]
    stars = "●" * thing.difficulty + "○" * (3 - thing.difficulty)
    parts = ", ".join(f"{part.shows} ({part.points})" for part in thing.parts)
    return [
        "#",
        f"# *{thing.points} points · {stars} · {thing.minutes} minutes*",
        "#",
        *(f"# {line}" for line in wrap(f"Marked in parts: {parts}.", 86)),
    ]

"""Which of a student's files is graded, by a rule that can be told.

Of files that differ in a number at the end alone (`a1-2.ipynb`, `a1 (2).ipynb`) it is
the highest number. Of those left, one whose name has the assignment's name in it goes
before the others, then the one that was changed last, then a notebook before a Python
file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from arcvq_lite.grading.found_files import FoundFile
from arcvq_lite.grading.whose import mentions, without_try

_MANY = 10


@dataclass(frozen=True)
class Choice:
    """One file of a student, and the others.

    Args:
        file: that is graded.
        passed_over: of the kinds that are graded, in the order of their names.
        unwanted: of other kinds, in the order of their names.
        reasons: why it is this one; what is said of it, such as "was changed last".
    """

    file: FoundFile
    passed_over: tuple[FoundFile, ...]
    unwanted: tuple[FoundFile, ...]
    reasons: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was passed over and why; nothing where there was no choice."""
        if self.file.unwanted:
            return ()
        told = []
        if self.passed_over:
            told.append(
                f"{self.file.below} was graded, since it {' and '.join(self.reasons)}; "
                f"not {_listed(self.passed_over)}."
            )
        if self.unwanted:
            told.append(f"Not read: {_listed(self.unwanted)}.")
        if len(self.passed_over) + len(self.unwanted) >= _MANY:
            told.append(
                "If these are the files of a class, pass the folder or the zip that "
                "holds them to the command by itself."
            )
        return tuple(told)


def choose(files: Sequence[FoundFile], assignment: str) -> Choice:
    """Choose what is graded.

    Args:
        files: of one student, at least one.
        assignment: its name, such as "a1".
    """
    wanted = [file for file in files if not file.unwanted] or list(files)
    tries: dict[str, list[_Try]] = defaultdict(list)
    for file in wanted:
        each = _try_of(file)
        tries[each.base].append(each)
    latest = [
        max(alike, key=lambda each: (each.number, *_lateness(each.file)))
        for alike in tries.values()
    ]
    chosen = max(
        latest,
        key=lambda each: (
            mentions(each.file.parts[-1], assignment),
            *_lateness(each.file),
        ),
    )
    rivals = [each for each in (*tries[chosen.base], *latest) if each is not chosen]
    unwanted = [file for file in files if file not in wanted]
    return Choice(
        chosen.file,
        _by_name(file for file in wanted if file is not chosen.file),
        _by_name(unwanted),
        tuple(dict.fromkeys(_reason(chosen, each, assignment) for each in rivals)),
    )


class _Try(NamedTuple):
    file: FoundFile
    base: str
    number: int


def _try_of(file: FoundFile) -> _Try:
    return _Try(file, *without_try(file.parts[-1], alone=len(file.parts) == 1))


def _lateness(file: FoundFile) -> tuple[float, bool, str]:
    return file.changed, _is_notebook(file), file.shown


def _is_notebook(file: FoundFile) -> bool:
    return file.parts[-1].lower().endswith(".ipynb")


def _reason(chosen: _Try, other: _Try, assignment: str) -> str:
    """What the rule has for the one and against the other."""
    if chosen.base == other.base and chosen.number != other.number:
        return "has the highest number"
    if chosen.base != other.base and mentions(
        chosen.file.parts[-1], assignment
    ) != mentions(other.file.parts[-1], assignment):
        return f"has {assignment} in its name"
    if chosen.file.changed != other.file.changed:
        return "was changed last"
    if _is_notebook(chosen.file) != _is_notebook(other.file):
        return "is a notebook"
    return "comes last by its name"


def _by_name(files: Iterable[FoundFile]) -> tuple[FoundFile, ...]:
    return tuple(sorted(files, key=lambda file: file.shown))


def _listed(files: Sequence[FoundFile]) -> str:
    names = [file.below for file in files[:_MANY]]
    return ", ".join(names) + (" …" if len(files) > _MANY else "")

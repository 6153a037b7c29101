"""Whose a file is, by the names of the folder that holds it and of the file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import NamedTuple

# Anna Lee_1234567_assignsubmission_file_/work.ipynb, or with the file's name behind it.
_MOODLE = re.compile(
    r"^(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+(?:_(?P<file>.*))?$"
)
# leeanna_LATE_12345_67890_work.ipynb
_CANVAS = re.compile(
    r"^(?P<name>.+?)(?:_LATE)?_(?P<number>\d{3,})_\d{3,}_(?P<file>.+)$"
)
_COPY = re.compile(r"^(?P<base>.+?) ?\((?P<number>\d+)\)$")
_TRY = re.compile(r"^(?P<base>.+?)(?: ?\((?P<copy>\d+)\)|[-_ ]v?(?P<number>\d+))$")
_SUFFIXES = (".ipynb", ".py", ".zip")
_LONGEST = 120
# Letters that Unicode does not take apart.
_PLAIN_LETTERS = str.maketrans(
    dict(zip("đðħıłøŧ", "ddhilot", strict=True)) | {"æ": "ae", "œ": "oe", "þ": "th"}
)


class Owner(NamedTuple):
    """A student as the names show one; `number` is the platform's, or empty."""

    name: str
    number: str


def owner_of(
    parts: Sequence[str], assignment: str, words: Collection[str]
) -> Owner | None:
    """Whose a file is.

    Args:
        parts: the folders, outermost first, and the file.
        assignment: such as "a1".
        words: that may follow it in a file's name.

    Returns:
        None where no name is left.
    """
    label = parts[0] if len(parts) > 1 else without_suffix(parts[0])
    found = _MOODLE.match(label) or _CANVAS.match(label)
    if found is not None:
        return Owner(plain(found["name"])[:_LONGEST], found["number"])
    if len(parts) == 1:
        copy = _COPY.match(label)
        label = copy["base"] if copy else label
        label = _without_assignment(label, assignment, words) or label
    name = plain(label)[:_LONGEST]
    return Owner(name, "") if name.strip("._- ") else None


def is_the_assignments(name: str, assignment: str, words: Collection[str]) -> bool:
    """Whether a file's name is the assignment's own, so that it tells of nobody."""
    stem = plain(without_suffix(name))
    copy = _COPY.match(stem)
    return not _without_assignment(copy["base"] if copy else stem, assignment, words)


def without_try(name: str, *, alone: bool) -> tuple[str, int]:
    """A file's name without its suffix and the number of the try, and that number.

    Args:
        name: of the file.
        alone: it lies in no folder, so that a number without brackets may be part of
            a student's name.
    """
    stem = plain(without_suffix(name)).casefold()
    from_platform = _MOODLE.match(stem) or _CANVAS.match(stem)
    if from_platform is not None:
        stem = from_platform["file"] or ""
    elif alone:
        copy = _COPY.match(stem)
        return (copy["base"], int(copy["number"])) if copy else (stem, 0)
    found = _TRY.match(stem)
    if found is None:
        return stem, 0
    return found["base"], int((found["copy"] or found["number"])[:9])


def mentions(name: str, assignment: str) -> bool:
    """Whether a name has that of the assignment in it, as a word."""
    pattern = rf"(?<![a-z0-9]){re.escape(assignment.casefold())}(?![a-z0-9])"
    return re.search(pattern, name.casefold()) is not None


def without_suffix(name: str) -> str:
    """The name of a file that is of use here, without what it ends in."""
    stem, dot, suffix = name.rpartition(".")
    return stem if stem and dot + suffix.lower() in _SUFFIXES else name


def plain(name: str) -> str:
    """A name in one normal form, without control characters, on one line."""
    normal = unicodedata.normalize("NFC", name)
    shown = "".join(c if c.isprintable() else " " for c in normal)
    return " ".join(shown.split())


def letters(name: str) -> str:
    """A name as it is sorted and compared: without accents and capitals."""
    parts = unicodedata.normalize("NFKD", name.casefold().translate(_PLAIN_LETTERS))
    return "".join(c for c in parts if not unicodedata.combining(c))


def _without_assignment(stem: str, assignment: str, words: Collection[str]) -> str:
    """A file's stem without the assignment's name."""
    tail = "|".join(sorted(map(re.escape, words)))
    name = (
        rf"(?<![A-Za-z0-9]){re.escape(assignment)}(?:[-_ ](?:{tail}))?(?![A-Za-z0-9])"
    )
    return re.sub(name, "", stem, flags=re.IGNORECASE).strip("-_. ")

"""Who handed in what: files, folders and zips become one submission a student.

A student's name is that of the outermost folder that holds the file, or the file's own
where it lies in none. A zip counts as a folder. The folder or zip that was given holds
the class, and so does a single folder in it. Only where a file in it has no name but
the assignment's, or where several were given and this one holds a single file, is it
a student's. What Moodle and Canvas add to a name is taken away, and so is the
assignment's own name.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arcvq_lite.grading.cells import ReadFile, UnreadableError, read_cells
from arcvq_lite.grading.choosing import choose
from arcvq_lite.grading.found_files import FoundFile, find_files
from arcvq_lite.grading.whose import (
    Owner,
    is_the_assignments,
    letters,
    owner_of,
    without_suffix,
)


@dataclass(frozen=True)
class Submission:
    """What is graded of one student.

    Args:
        student: whose name is unlike all others of the class.
        file: that is graded, below what the command was given.
        digest: SHA-256 of the file, in hexadecimal; empty if it was not read.
        content: of the file, or a sentence for its author on why it was not read.
        choice: sentences on what was graded and what was passed over; none where
            there was but one file.
        number: the student's on the platform, by the name of the file; may be empty.
    """

    student: str
    file: str
    digest: str
    content: ReadFile | str
    choice: tuple[str, ...]
    number: str = ""


@dataclass(frozen=True)
class Intake:
    """All that was handed in.

    Args:
        submissions: ordered by student.
        left_out: sentences on files that are nobody's.
    """

    submissions: tuple[Submission, ...]
    left_out: tuple[str, ...]


def collect(
    given: Sequence[Path], assignment: str, words: Collection[str] = ()
) -> Intake:
    """Find the submissions of a class.

    Args:
        given: .ipynb and .py files, folders of them, and zips.
        assignment: its name, such as "a1".
        words: that may follow that name in a file's, such as "margins".

    Raises:
        FileNotFoundError: if something given is not there.
        ValueError: if nothing is given, or nothing is found in it.
    """
    if not given:
        raise ValueError("name the files, folders or zips that were handed in")
    by_owner: dict[Owner, list[FoundFile]] = defaultdict(list)
    left_out = []
    words = tuple(words)
    for path in given:
        files = _below_the_class(find_files(path), assignment, words)
        single = len(given) > 1 and _answers(files) == 1
        for file in files:
            parts = file.parts
            if len(parts) == 1 and parts[0] != path.name:
                named = not is_the_assignments(parts[0], assignment, words)
                parts = parts if named and not single else (_label(path), *parts)
            owner = owner_of(parts, assignment, words)
            if owner is None or file.nobodys:
                left_out.append(f"{file.shown}: {file.sentence}")
            else:
                by_owner[owner].append(file)
    if not by_owner:
        raise ValueError(
            f"there is nothing to grade in {', '.join(map(str, given))}: no .ipynb, no "
            ".py and no .zip"
        )
    names = _tell_apart(by_owner)
    submissions = [
        replace(_submission(names[owner], files, assignment), number=owner.number)
        for owner, files in by_owner.items()
    ]
    return Intake(
        tuple(sorted(submissions, key=lambda one: (letters(one.student), one.student))),
        tuple(sorted(left_out)),
    )


def _below_the_class(
    files: list[FoundFile], assignment: str, words: Collection[str]
) -> list[FoundFile]:
    """The files without the single folder that holds them, if that is not a student."""
    while _answers(files) > 1 and len({file.parts[0] for file in files}) == 1:
        inner = [replace(file, parts=file.parts[1:]) for file in files]
        if any(not file.parts for file in inner) or any(
            len(file.parts) == 1
            and is_the_assignments(file.parts[0], assignment, words)
            for file in inner
        ):
            break
        files = inner
    return files


def _label(given: Path) -> str:
    """The name of what was given, if it is "." too, without a suffix."""
    return without_suffix(os.path.basename(os.path.abspath(given)))


def _answers(files: Iterable[FoundFile]) -> int:
    return sum(not file.unwanted for file in files)


def _tell_apart(owners: Iterable[Owner]) -> dict[Owner, str]:
    """A name for each, with the platform's number where two share one."""
    sharing: dict[str, list[Owner]] = defaultdict(list)
    for owner in owners:
        sharing[owner.name].append(owner)
    return {
        owner: owner.name
        if len(alike) == 1 or not owner.number
        else f"{owner.name} ({owner.number})"
        for alike in sharing.values()
        for owner in alike
    }


def _submission(
    student: str, files: Sequence[FoundFile], assignment: str
) -> Submission:
    choice = choose(files, assignment)
    chosen = choice.file
    content: ReadFile | str = chosen.sentence
    digest = ""
    if isinstance(chosen.content, bytes):
        digest = hashlib.sha256(chosen.content).hexdigest()
        try:
            content = read_cells(chosen.parts[-1], chosen.content)
        except UnreadableError as error:
            content = str(error)
    return Submission(student, chosen.shown, digest, content, choice.sentences)

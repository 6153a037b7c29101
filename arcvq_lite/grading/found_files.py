"""The files in what was given to the grader, read without following or unpacking."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from arcvq_lite.grading.archive import (
    MEGABYTE,
    MISNAMED,
    UNWANTED,
    Allowance,
    RefusedError,
    read_archive,
)
from arcvq_lite.grading.whose import plain, without_suffix

_ANSWERS = (".ipynb", ".py")
# What operating systems and Python leave beside files.
_DEBRIS = {"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini", "__init__.py"}
_LARGEST = Allowance().file


@dataclass(frozen=True)
class FoundFile:
    """One file.

    Args:
        parts: folders below what was given, outermost first, then the file's name; a
            zip counts as a folder.
        shown: how messages name it.
        changed: seconds since 1970.
        content: its bytes, or a sentence on why it was not read.
    """

    parts: tuple[str, ...]
    shown: str
    changed: float
    content: bytes | str

    @property
    def below(self) -> str:
        """Its name below the outermost folder, which is the student's."""
        return "/".join(self.parts[1:] or self.parts)

    @property
    def sentence(self) -> str:
        """Why it was not read; empty if it was."""
        return self.content if isinstance(self.content, str) else ""

    @property
    def unwanted(self) -> bool:
        """Whether it is of a kind that nobody asked for."""
        return self.content == UNWANTED

    @property
    def nobodys(self) -> bool:
        """Whether its name tells nothing that makes it somebody's answer."""
        return len(self.parts) == 1 and self.content in (UNWANTED, MISNAMED)


def find_files(given: Path) -> list[FoundFile]:
    """All files in a file, a folder or a zip.

    Args:
        given: follows a link; nothing below it does.

    Raises:
        FileNotFoundError: if it is not there.
    """
    if given.is_dir():
        below = list(_in_folder(given))
    elif given.is_file():
        below = [_read(given, (given.name,), given.name)]
    else:
        raise FileNotFoundError(
            f"there is no {given}; name notebooks, .py files, folders of them or a zip"
        )
    if given.is_file() and _is_zip(given.name):
        opened = list(_in_zip(below[0], Allowance()))
    else:
        opened = below
    return [inner for file in opened for inner in _opened_once(file)]


def _in_folder(folder: Path) -> Iterator[FoundFile]:
    for root, folders, names in os.walk(folder):
        inner = Path(root).relative_to(folder).parts
        links = [name for name in folders if Path(root, name).is_symlink()]
        folders[:] = sorted(
            set(folders) - set(links) - {n for n in folders if _debris(n)}
        )
        for name in sorted([*names, *links]):
            if not _debris(name):
                parts = (*inner, name)
                shown = "/".join((Path(os.path.abspath(folder)).name, *parts))
                yield _read(Path(root, name), parts, shown)


def _read(path: Path, parts: Sequence[str], shown: str) -> FoundFile:
    """A file of the disk; a link is one only if the command was given it."""
    found = FoundFile(tuple(parts), plain(shown), 0.0, UNWANTED)
    try:
        state = path.stat() if len(parts) == 1 and parts[0] == shown else path.lstat()
        if stat.S_ISLNK(state.st_mode):
            return replace(found, content="It is a link, so it was not followed.")
        if not _wanted(path):
            return found
        if not stat.S_ISREG(state.st_mode):
            return replace(found, content="It is not a plain file.")
        # A zip may hold a whole class; what comes out of it is limited.
        if state.st_size > _LARGEST and not _is_zip(path.name):
            longest = (
                f"It is longer than {_LARGEST // MEGABYTE} MB, so it was not read."
            )
            return replace(found, content=longest)
        return replace(found, changed=state.st_mtime, content=path.read_bytes())
    except OSError as error:
        return replace(found, content=f"It cannot be read: {error.strerror}.")


def _in_zip(holder: FoundFile, allowance: Allowance) -> Iterator[FoundFile]:
    """The files of a zip, or itself with a sentence if it is refused."""
    if isinstance(holder.content, str):
        yield holder
        return
    try:
        for entry in read_archive(holder.content, _wanted, allowance):
            parts = entry.path.parts
            if entry.content == MISNAMED:
                parts = parts[-1:]  # the others say nothing of whose it is
            if any(_debris(part) for part in parts):
                continue
            shown = plain(f"{holder.shown}/{entry.path}")
            yield FoundFile(parts, shown, entry.changed, entry.content)
    except RefusedError as error:
        yield replace(holder, content=str(error))


def _opened_once(file: FoundFile) -> Iterator[FoundFile]:
    """A file, or those of a zip that lies among them; a zip in that one is refused."""
    if not _is_zip(file.parts[-1]) or isinstance(file.content, str):
        yield file
        return
    # A student's zip has an allowance of its own, so that it cannot use up another's.
    allowance = Allowance(entries=2_000, total=128 * MEGABYTE)
    label = (*file.parts[:-1], without_suffix(file.parts[-1]))
    empty = True
    for inner in _in_zip(file, allowance):
        empty = False
        if inner is not file and inner.shown == file.shown:
            yield inner  # refused as a whole
        elif _is_zip(inner.parts[-1]):
            deep = "It is a zip within a zip within a zip, so it was not opened."
            yield replace(inner, parts=(*label, *inner.parts), content=deep)
        else:
            yield replace(inner, parts=(*label, *inner.parts))
    if empty:
        yield replace(file, content="The zip holds no files.")


def _wanted(path: PurePosixPath | Path) -> bool:
    return path.suffix.lower() in _ANSWERS or _is_zip(path.name)


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def _debris(name: str) -> bool:
    return name.startswith(".") or normalize("NFC", name) in _DEBRIS

"""A disk on paper that can be struck at any moment, and what a save leaves on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from arcvq_lite.check.verdict import WrongAnswerError, ask

NAME = "weights.pt"
OLD, NEW = "the old weights", "the new weights"


class StruckError(BaseException):
    """The power is gone; no `except Exception` of an answer may catch it."""


class PaperDisk:
    """A disk that keeps what was synced, and is struck after a number of actions.

    A file's content is safe once `sync(name)` has returned; before that a strike
    leaves half of it. Names are safe once `sync_folder()` has returned; before that
    a strike keeps any of the renames and removals or none.

    Args:
        files: what is safe at first, by name.
        strike: after how many actions the power goes; None for never.
    """

    def __init__(self, files: dict[str, str], strike: int | None) -> None:
        self._files = {name: [content, True] for name, content in files.items()}
        self._safe_names = dict(self._files)
        self._left = strike
        self.actions: list[str] = []

    def write(self, name: str, content: str) -> None:
        """Make a file, or make an old one anew, in place."""
        file = self._files.get(name)
        if file is None:
            self._files[name] = [content, False]
        else:
            file[:] = [content, False]
        self._act("write")

    def sync(self, name: str) -> None:
        """Wait until the content of a file is safe.

        Raises:
            FileNotFoundError: if there is none.
        """
        self._find(name)[1] = True
        self._act("sync")

    def rename(self, old: str, new: str) -> None:
        """Give a file another name; one that had that name is gone.

        Raises:
            FileNotFoundError: if there is no file `old`.
        """
        self._find(old)
        self._files[new] = self._files.pop(old)
        self._act("rename")

    def remove(self, name: str) -> None:
        """Take a file away.

        Raises:
            FileNotFoundError: if there is none.
        """
        self._find(name)
        del self._files[name]
        self._act("remove")

    def sync_folder(self) -> None:
        """Wait until the names are safe."""
        self._safe_names = dict(self._files)
        self._act("sync_folder")

    def after_a_strike(self, name: str) -> list[str | None]:
        """What may be read under a name: with the latest names, and the safe ones."""
        return [_left_of(names.get(name)) for names in (self._files, self._safe_names)]

    def _find(self, name: str) -> list[Any]:
        if name not in self._files:
            raise FileNotFoundError(f"the disk has no file {name!r}")
        return self._files[name]

    def _act(self, action: str) -> None:
        self.actions.append(action)
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                raise StruckError


def strikes(save: Callable[[PaperDisk, str, str], Any]) -> Iterator[PaperDisk]:
    """The disk after a save that nothing disturbed, then struck after each action.

    Args:
        save: (disk, name, content), which puts the content under the name.
    """
    undisturbed = _saved(save, None)
    yield undisturbed
    for strike in range(1, len(undisturbed.actions) + 1):
        yield _saved(save, strike)


def judge_save(answer: Any) -> None:
    """Hold an answer to what a save must leave.

    Raises:
        WrongAnswerError: if a strike may leave no file or half a file, or the new
            content is not safe when the save returns.
    """

    def save(disk: PaperDisk, name: str, content: str) -> None:
        def attempt(*given: Any) -> bool:
            answer(*given)
            return True  # a save returns nothing, and has been attempted

        ask(attempt if callable(answer) else answer, disk, name, content)

    done, *struck = strikes(save)
    if not done.actions:
        raise WrongAnswerError("Not attempted yet: the disk was not touched.")
    now, safe = done.after_a_strike(NAME)
    if now not in (NEW, _torn(NEW)):
        raise WrongAnswerError(
            f"After the save {NAME!r} holds {now!r}, not the content given."
        )
    for disk in struck:
        _judge_strike(disk)
    if safe != NEW:
        raise WrongAnswerError(
            "When your function has returned, a strike may still bring the old file "
            "back: the new name is not safe before sync_folder()."
        )


def _judge_strike(disk: PaperDisk) -> None:
    where = f"Struck after {', '.join(disk.actions)}"
    for found in disk.after_a_strike(NAME):
        if found is None:
            raise WrongAnswerError(
                f"{where}: there is no file {NAME!r} any more. Put the new one in its "
                "place by one rename, and remove nothing first."
            )
        if found == _torn(NEW) and "rename" in disk.actions:
            raise WrongAnswerError(
                f"{where}: the name points to half a file. Sync the content before "
                "the rename."
            )
        if found not in (OLD, NEW):
            raise WrongAnswerError(
                f"{where}: {NAME!r} holds half a file. Write beside it under another "
                "name, not over it."
            )


def _saved(save: Callable[[PaperDisk, str, str], Any], strike: int | None) -> PaperDisk:
    disk = PaperDisk({NAME: OLD}, strike)
    with suppress(StruckError):
        save(disk, NAME, NEW)
    return disk


def _left_of(file: list[Any] | None) -> str | None:
    if file is None:
        return None
    content, safe = file
    return str(content) if safe else _torn(content)


def _torn(content: str) -> str:
    return content[: len(content) // 2]

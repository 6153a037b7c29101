"""Nursery: where submissions are run, each function in a process of its own.

    with Nursery(Limits(), hidden=[submissions, results]) as nursery:
        for sentence in nursery.protections.sentences(): ...
        with nursery.admit(source.units) as examinee:
            examine_part(task.parts[0], examinee, seed=0)

One nursery serves one thread and one submission at a time; several may run side by
side, each of which holds torch in memory once.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

from arcvq_lite.grading import kernel
from arcvq_lite.grading.clearing import clear_away
from arcvq_lite.grading.errors import NurseryError, UnsupportedSystemError
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.line import Line, LineBrokenError
from arcvq_lite.grading.means import MEANS, protections_from
from arcvq_lite.grading.nursery_folder import nursery_folder
from arcvq_lite.grading.processes import resident_bytes
from arcvq_lite.grading.protections import Protections
from arcvq_lite.grading.readable import solutions_of
from arcvq_lite.grading.remote_examinee import RemoteExaminee, Unit
from arcvq_lite.grading.ward import Pipes, Ward

_STARTS = 25  # of the nursery's own process, of which a submission may end one


class Nursery:
    """A place where functions run that nobody has read.

    Args:
        limits: on each submission.
        hidden: files and folders that no submission may read, such as the others';
            the solutions always are.
        ready: modules that are imported beforehand, once for all submissions.
        means: names of the means by which processes are set apart, for a test of what
            is left without the others.

    Raises:
        UnsupportedSystemError: on entry, where the system cannot fork processes.
        NurseryError: on entry, where the nursery's process cannot be started.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        hidden: Sequence[Path] = (),
        ready: Sequence[str] = (),
        means: Sequence[str] = MEANS,
    ) -> None:
        self.limits = Limits() if limits is None else limits
        self._hidden = [*solutions_of(_package()), *map(Path, hidden)]
        self._ready = list(ready)
        self._means = list(means)
        self._starts = 0
        self._line: Line | None = None
        self._user: int | None = None
        self._stack = ExitStack()
        self._protections: Protections | None = None

    @property
    def protections(self) -> Protections:
        """What is denied to submissions here, as was found when the nursery began."""
        if self._protections is None:
            raise NurseryError("the nursery is not open; enter it with `with` first")
        return self._protections

    def __enter__(self) -> Self:
        if not hasattr(os, "fork"):
            raise UnsupportedSystemError(
                f"submissions cannot be run apart on {sys.platform}: grade on Linux, "
                "in the Windows Subsystem for Linux or in a Linux container"
            )
        with ExitStack() as stack:
            self._base = stack.enter_context(nursery_folder())
            os.chmod(self._base, 0o711)
            (self._base / "home").mkdir()
            stack.callback(self._close_line)
            self._open_line()
            if not {"landlock", "proc"} & set(self._found) and kernel.IS_LINUX:
                # Nothing else keeps a process of the same user out of this memory.
                kernel.set_readable_by_others(False)
                stack.callback(kernel.set_readable_by_others, True)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._protections = None
        self._stack.close()

    @contextmanager
    def admit(self, units: Sequence[Unit]) -> Iterator[RemoteExaminee]:
        """Take in a submission; when it leaves, nothing of it is left.

        Args:
            units: the statements that define its functions, each with its place.
        """
        work = self._new_work()
        try:
            examinee = RemoteExaminee(
                units, work, self.limits, bear=self._bear, user=self._user
            )
            try:
                yield examinee
            finally:
                examinee.close()
        finally:
            clear_away(work)

    def _new_work(self) -> Path:
        work = self._base / f"work-{secrets.token_hex(8)}"
        work.mkdir(mode=0o700)
        if self._user is not None:
            os.chown(work, self._user, self._user)
        return work

    def _open_line(self) -> Line:
        self._starts += 1
        if self._starts > _STARTS:
            raise NurseryError("the nursery's process was ended again and again")
        line = Line(self._base, _package())
        self._line = line
        trial = self._new_work()
        try:
            told = line.begin(
                {
                    "packages": str(Path(torch.__file__).resolve().parents[1]),
                    "ready": self._ready,
                    "limits": asdict(self.limits),
                    "hidden": [str(path.resolve()) for path in self._hidden],
                    "means": self._means,
                    "work": str(trial),
                }
            )
        except LineBrokenError as error:
            raise NurseryError(f"the nursery did not start: {error}") from error
        finally:
            with suppress(FileNotFoundError):
                clear_away(trial)
        self._found: list[str] = told["means"]
        self._user = told["user"]
        self._born_with = resident_bytes(line.process)
        self._protections = protections_from(
            frozenset(self._found), told["lacking"], told["landlock"]
        )
        return line

    def _close_line(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _bear(self, work: Path) -> Ward:
        line = self._line or self._open_line()
        requests, to_requests = os.pipe()
        from_replies, replies = os.pipe()
        life, to_life = os.pipe()
        pipes = Pipes(to_requests, from_replies, to_life)
        try:
            told = line.ask({"work": str(work)}, (requests, replies, life))
        except LineBrokenError as error:
            for end_of_pipe in (to_requests, from_replies, to_life):
                os.close(end_of_pipe)
            self._close_line()
            raise NurseryError(f"no process could be made: {error}") from error
        finally:
            for end_of_pipe in (requests, replies, life):
                os.close(end_of_pipe)
        return Ward(
            line.process,
            told["born"],
            pipes,
            self.limits,
            born_with=self._born_with,
            own=work,
            bury=self._bury,
        )

    def _bury(self) -> int | None:
        if self._line is None:
            return None
        try:
            ended: int | None = self._line.read()["ended"]
        except LineBrokenError:
            # The nursery itself was ended; the next process gets a new one.
            self._close_line()
            return None
        return ended


def _package() -> Path:
    return Path(__file__).resolve().parents[1]

"""A submission's functions, as a test asks them: through a pipe, with a clock."""

from __future__ import annotations

import os
import secrets
import signal
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from torch import Tensor

from arcvq_lite.check.examinee import CannotBeTriedError, NotAttemptedError, Value
from arcvq_lite.check.verdict import WrongAnswerError
from arcvq_lite.grading.errors import NurseryError
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.ward import LostError, Ward

_LONGEST = 800  # characters of a sentence
_NAME = 60  # characters of a program's
_GREETING = 60.0  # seconds


class Unit(Protocol):
    """A piece of what was handed in, to be run by itself."""

    @property
    def text(self) -> str:
        """Python."""
        ...

    @property
    def where(self) -> str:
        """The place that it comes from."""
        ...


class RemoteExaminee:
    """Functions of a submission, each in a process of its own.

    A process that has ended is followed by a new one when the next part asks. After a
    time-out there is none for that function: what loops for ever costs its time once.

    Args:
        units: what defines the functions, in order.
        work: a folder that is all theirs.
        limits: on each process.
        bear: makes a process that works in a folder.
        user: to whom the folders must belong, where the processes are another user.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        work: Path,
        limits: Limits,
        *,
        bear: Callable[[Path], Ward],
        user: int | None,
    ) -> None:
        self._units = [(unit.text, unit.where) for unit in units]
        self._work = work
        self._limits = limits
        self._bear = bear
        self._user = user
        self._folder = work
        self._ward: Ward | None = None
        self._function = ""
        self._barred: dict[str, str] = {}
        self._barred_altogether = ""
        self._seconds = limits.seconds_a_submission

    @property
    def folder(self) -> Path:
        """An empty folder for the part that was opened last.

        A test writes in it before its first call, if at all: afterwards the function
        may have put something in the way.
        """
        return self._folder

    def open_part(self) -> None:
        """Begin a part: its folder is new and empty."""
        os.chmod(self._work, stat.S_IRWXU)
        self._folder = self._work / f"part-{secrets.token_hex(4)}"
        self._folder.mkdir(mode=stat.S_IRWXU)
        if self._user is not None:
            os.chown(self._folder, self._user, self._user)

    def call(self, function: str, *arguments: Value, **options: Value) -> Value:
        """What the function returns."""
        given = {"arguments": list(arguments), "options": options}
        return self._ask(function, {"kind": "call", **given})

    def differentiate(
        self,
        function: str,
        arguments: Sequence[Value],
        *,
        with_respect_to: Sequence[int],
        upstream: Value = None,
    ) -> tuple[Value, list[Tensor | None]]:
        """What the function returns, and the gradients that flow back through it."""
        request = {
            "kind": "differentiate",
            "arguments": list(arguments),
            "with_respect_to": list(with_respect_to),
            "upstream": upstream,
        }
        reply = self._ask(function, request)
        wanted = [arguments[position].shape for position in with_respect_to]
        if isinstance(reply, tuple) and len(reply) == 2 and isinstance(reply[1], list):
            value, gradients = reply
            fits = len(gradients) == len(wanted) and all(
                gradient is None
                or (isinstance(gradient, Tensor) and gradient.shape == shape)
                for gradient, shape in zip(gradients, wanted, strict=True)
            )
            if fits:
                return value, gradients
        raise self._lost("garbled")

    def call_short_of_space(
        self, room: int, function: str, *arguments: Value, **options: Value
    ) -> bool:
        """Whether the function returned while no file could exceed `room` bytes."""
        given = {"arguments": list(arguments), "options": options, "room": room}
        request = {"kind": "call_short_of_space", **given}
        try:
            return self._ask(function, request) is True
        except _EndedError:
            return False

    def close(self) -> None:
        """End the process that is there, if there is one."""
        if self._ward is not None:
            ward, self._ward = self._ward, None
            ward.end()

    def _ask(self, function: str, request: dict[str, Value]) -> Value:
        barred = self._barred_altogether or self._barred.get(function)
        if barred:
            raise WrongAnswerError(barred)
        seconds = self._limits.seconds_a_call
        began = time.monotonic()
        try:
            ward = self._ward_of(function)
            request = {**request, "function": function}
            answer = ward.ask(request, min(seconds, self._seconds))
        except LostError as lost:
            raise self._lost(lost.reason) from lost
        finally:
            self._seconds -= time.monotonic() - began
            if self._seconds <= 0:
                most = f"{self._limits.seconds_a_submission:g} s"
                self._barred_altogether = f"Your functions have used up {most} in all."
        return self._value(answer)

    def _value(self, answer: dict[str, Value]) -> Value:
        kind, sentence = answer.get("kind"), answer.get("sentence", "")
        if kind == "value" and "value" in answer:
            return answer["value"]
        if isinstance(sentence, str) and kind == "program":
            raise StartedProgramError(_clean(sentence)[:_NAME])
        if kind == "memory":
            raise WrongAnswerError(self._used_memory())
        if isinstance(sentence, str) and kind == "absent":
            raise NotAttemptedError(_clean(sentence))
        if isinstance(sentence, str) and kind == "wrong":
            raise WrongAnswerError(_clean(sentence))
        if isinstance(sentence, str) and kind == "untriable":
            raise CannotBeTriedError(_clean(sentence))
        raise self._lost("garbled")

    def _ward_of(self, function: str) -> Ward:
        if self._ward is not None and self._function == function:
            return self._ward
        self.close()
        self._function = function
        ward = self._ward = self._bear(self._work)
        try:
            ward.ask({"kind": "greet"}, _GREETING)
        except LostError as lost:
            status = self._end()
            raise NurseryError(
                f"a process could not be set apart ({lost.reason}, status {status})"
            ) from lost
        seconds = self._limits.seconds_to_load
        try:
            ward.ask({"kind": "load", "units": self._units}, seconds)
        except LostError as lost:
            wrong = self._lost(lost.reason, loading=True)
            self._barred_altogether = str(wrong)
            raise wrong from lost
        return ward

    def _end(self) -> int | None:
        ward, self._ward = self._ward, None
        return None if ward is None else ward.end()

    def _lost(self, reason: str, *, loading: bool = False) -> WrongAnswerError:
        """End the process; what is to be said of it."""
        status = self._end()
        limits = self._limits
        what = "What you handed in" if loading else "Your function"
        seconds = limits.seconds_to_load if loading else limits.seconds_a_call
        if _ended_by_clock(status):
            reason = "time"
        sentences = {
            "time": f"{what} did not return within {seconds:g} s.",
            "memory": self._used_memory(),
            "processes": f"{what} started more than {limits.processes} processes.",
            "space": f"{what} wrote more than {4 * limits.file_mb} MB into files.",
            "garbled": "What came back from your function's process was no reply; "
            "something wrote into what the grader speaks through.",
            "ended": f"{what} ended its process{_how(status)}.",
        }
        if reason == "time":
            self._barred[self._function] = sentences[reason]
        kind = _EndedError if reason == "ended" else WrongAnswerError
        return kind(sentences[reason])

    def _used_memory(self) -> str:
        return f"Your function used more memory than {self._limits.memory_mb:,} MB."


class StartedProgramError(WrongAnswerError):
    """Raised where a function tried to start a program.

    Attributes:
        program: its name, as the submission's own process has told it.
    """

    def __init__(self, program: str) -> None:
        super().__init__(
            f"Your function tried to start a program ({program}), which no submission "
            "may."
        )
        self.program = program


class _EndedError(WrongAnswerError):
    """Raised where a function ended its own process, or the kernel did."""


def _ended_by_clock(status: int | None) -> bool:
    if status is None or not os.WIFSIGNALED(status):
        return False
    return os.WTERMSIG(status) == signal.SIGXCPU


def _how(status: int | None) -> str:
    if status is None:
        return ""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with suppress(ValueError):
            return f" (signal {number}, {signal.Signals(number).name})"
        return f" (signal {number})"
    return f" (exit status {os.WEXITSTATUS(status)})"


def _clean(sentence: str) -> str:
    """What a submission said, without what could upset a terminal or a page."""
    plain = [
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}"
        for c in sentence
    ]
    return "".join(plain)[:_LONGEST]

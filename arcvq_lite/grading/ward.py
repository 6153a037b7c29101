"""A ward: one submission's process as the grader sees it, by clock and by scales."""

from __future__ import annotations

import os
import secrets
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from arcvq_lite.check.examinee import Value
from arcvq_lite.grading.clearing import bytes_below
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.processes import (
    descendants,
    resident_bytes,
    seconds_in_queue,
)
from arcvq_lite.grading.wire import (
    HEAD,
    Allowance,
    MalformedError,
    from_bytes,
    lengths,
    to_bytes,
)

Reason = Literal["time", "memory", "processes", "space", "ended", "garbled"]

_LOOK = 0.1  # seconds between two looks at what a process uses
_PATIENCE = 10  # times the seconds allowed, however busy the machine is
_SPACE_LOOKS = 5  # of these between two looks at its files


class LostError(Exception):
    """Raised where a process will give no more answers.

    Attributes:
        reason: why.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class _Clock:
    """Seconds of the clock, without those in which a process had no processor.

    So a mark does not depend on what else the machine has to do, up to a bound.
    """

    def __init__(self, process: int, seconds: float) -> None:
        self._process = process
        self._seconds = seconds
        self._began = time.monotonic()
        self._queued = seconds_in_queue(process)

    def left(self) -> float:
        passed = time.monotonic() - self._began
        if passed < self._seconds or passed >= _PATIENCE * self._seconds:
            return self._seconds - passed
        queued = seconds_in_queue(self._process) - self._queued
        return self._seconds - passed + max(queued, 0.0)


@dataclass(frozen=True)
class Pipes:
    """The grader's ends: requests and life are written to, replies are read."""

    requests: int
    replies: int
    life: int


class Ward:
    """A process that answers requests, while it keeps within its limits.

    Args:
        nursery: the number of the process that it descends from.
        process: its own number.
        pipes: to it.
        limits: beyond which it is lost.
        born_with: bytes of memory that it shares with the nursery.
        own: the folder that it writes in.
        bury: has it and all its descendants ended and says how it ended.
    """

    def __init__(
        self,
        nursery: int,
        process: int,
        pipes: Pipes,
        limits: Limits,
        *,
        born_with: int,
        own: Path,
        bury: Callable[[], int | None],
    ) -> None:
        self._nursery = nursery
        self._process = process
        self._pipes = pipes
        self._limits = limits
        self._born_with = born_with
        self._own = own
        self._bury = bury
        self._allowance = Allowance(tensor_bytes=limits.reply_mb * 2**20)
        self._looks = 0
        os.set_blocking(pipes.requests, False)
        os.set_blocking(pipes.replies, False)

    def ask(self, request: dict[str, Value], seconds: float) -> dict[str, Value]:
        """What it answers to a request.

        Raises:
            LostError: if there is no answer in time, or none that is one.
            UnsendableError: if the request is no plain value.
        """
        nonce = secrets.token_hex(8)
        frame = to_bytes({**request, "nonce": nonce}, self._allowance)
        clock = _Clock(self._process, seconds)
        self._send(frame, clock)
        try:
            answer = self._receive(clock)
        except MalformedError as error:
            raise LostError("garbled") from error
        if not isinstance(answer, dict) or answer.get("nonce") != nonce:
            raise LostError("garbled")
        return answer

    def end(self) -> int | None:
        """End it with all that it has started; how it ended, where that is known."""
        for end_of_pipe in (self._pipes.requests, self._pipes.replies):
            os.close(end_of_pipe)
        os.close(self._pipes.life)
        return self._bury()

    def _send(self, frame: bytes, clock: _Clock) -> None:
        view = memoryview(frame)
        while view:
            self._await(self._pipes.requests, select.POLLOUT, clock)
            try:
                view = view[os.write(self._pipes.requests, view) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as error:
                raise LostError("ended") from error

    def _receive(self, clock: _Clock) -> Value:
        frame = bytearray()
        self._fill(frame, HEAD.size, clock)
        self._fill(frame, sum(lengths(bytes(frame), self._allowance)), clock)
        return from_bytes(frame, self._allowance)

    def _fill(self, frame: bytearray, count: int, clock: _Clock) -> None:
        while count:
            self._await(self._pipes.replies, select.POLLIN, clock)
            try:
                part = os.read(self._pipes.replies, min(count, 2**20))
            except BlockingIOError:
                continue
            if not part:
                raise LostError("ended")
            frame += part
            count -= len(part)

    def _await(self, end_of_pipe: int, event: int, clock: _Clock) -> None:
        poll = select.poll()
        poll.register(end_of_pipe, event)
        while True:
            left = clock.left()
            if left <= 0:
                raise LostError("time")
            if poll.poll(1000 * min(left, _LOOK)):
                return
            self._look()

    def _look(self) -> None:
        """Be sure that it keeps within its limits.

        Raises:
            LostError: if it does not.
        """
        family = descendants(self._nursery)
        sizes = [resident_bytes(pid) - self._born_with for pid in family]
        if sum(size for size in sizes if size > 0) > self._limits.memory_mb * 2**20:
            raise LostError("memory")
        if len(family) > self._limits.processes:
            raise LostError("processes")
        self._looks += 1
        if self._looks % _SPACE_LOOKS:
            return
        if bytes_below(self._own) > 4 * self._limits.file_mb * 2**20:
            raise LostError("space")

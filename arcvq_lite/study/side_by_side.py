"""Runs side by side: a process each, as many at a time as there are cores."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from tqdm import tqdm

from arcvq_lite.study.run_process import Assignment, make_run


@dataclass(frozen=True)
class Outcome:
    """How one run ended.

    Attributes:
        assignment: what it was to do.
        failure: why it has no result; None if it has one.
    """

    assignment: Assignment
    failure: str | None


def make_runs(assignments: Sequence[Assignment], jobs: int) -> Iterator[Outcome]:
    """Make runs, `jobs` at a time; one that fails does not stop the others.

    The processes end with the iterator, however that ends: by Ctrl-C, by an error,
    or because this process was killed. A run that was not finished then leaves no
    result.

    Args:
        assignments: what to do, in this order.
        jobs: how many at a time.

    Yields:
        How each ended, as it does.
    """
    waiting, running = deque(assignments), list[_Running]()
    total = sum(item.plan.setting.budget.steps for item in assignments)
    bar = tqdm(total=total, unit="step", unit_scale=True, leave=False, disable=None)
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_Running.start(waiting.popleft()))
            wait([end for run in running for end in run.waited_for()])
            for run in running:
                bar.update(run.news())
            ended = [run for run in running if run.process.exitcode is not None]
            running = [run for run in running if run not in ended]
            for run in ended:
                bar.update(run.news())
                yield Outcome(run.assignment, run.failure())
    finally:
        for run in running:
            run.process.kill()
            run.process.join()
        bar.close()


@dataclass(eq=False)
class _Running:
    """A process, the pipe on which it reports, and how far it has come."""

    assignment: Assignment
    process: BaseProcess
    pipe: Connection
    done: int = 0
    talking: bool = True

    @classmethod
    def start(cls, assignment: Assignment) -> _Running:
        context = _context()
        assignment.files.failure.unlink(missing_ok=True)
        pipe, far_end = context.Pipe(duplex=False)
        process = context.Process(
            target=make_run, args=(assignment, far_end), daemon=True
        )
        process.start()
        far_end.close()
        return cls(assignment, process, pipe)

    def waited_for(self) -> list[Any]:
        return [self.process.sentinel, *([self.pipe] if self.talking else [])]

    def news(self) -> int:
        """How many updates were made since it was asked last."""
        before = self.done
        with contextlib.suppress(EOFError, OSError):
            while self.talking and self.pipe.poll():
                # Until its end is closed.
                self.talking = False
                self.done = self.pipe.recv()
                self.talking = True
        return self.done - before

    def failure(self) -> str | None:
        """Why there is no result; written down, if the process could not do it."""
        self.pipe.close()
        files, status = self.assignment.files, self.process.exitcode
        if status == 0:
            return None
        reason = files.read_failure()
        if reason is None:
            by = f"signal {-status}" if status and status < 0 else f"status {status}"
            reason = f"the process ended with {by}; memory may have run out"
            files.write_failure(reason)
        return reason


def _context() -> Any:
    """A fork of a server that has imported torch once, or a fresh interpreter."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # The second takes every process seconds when it measures for the first time.
    context.set_forkserver_preload(
        [make_run.__module__, "torchmetrics.functional.image"]
    )
    return context

"""The marks of a class: every submission is examined once, whatever the others do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue

import torch

from arcvq_lite.data.progress_bar import Progress, unwatched
from arcvq_lite.grading.errors import NurseryError
from arcvq_lite.grading.examination import StoppedError, cleaned, examine, give_up
from arcvq_lite.grading.file_names import file_stems
from arcvq_lite.grading.gradebook import (
    PartResult,
    Result,
    load_result,
    save_result,
)
from arcvq_lite.grading.identity import identify
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.nursery import Nursery
from arcvq_lite.grading.paper import Paper
from arcvq_lite.grading.protections import Protections
from arcvq_lite.grading.submissions import Submission
from arcvq_lite.processor import usable_cores
from arcvq_lite.written_aside import remove_partials


@dataclass(frozen=True)
class ClassMarks:
    """What a class brought.

    Args:
        results: ordered by student.
        examined: how many of them were not there from an earlier time.
        protections: in force while they were made.
    """

    results: tuple[Result, ...]
    examined: int
    protections: Protections


@dataclass(frozen=True)
class _Work:
    submission: Submission
    identity: str
    path: Path


def grade_class(
    submissions: Sequence[Submission],
    paper: Paper,
    folder: Path,
    *,
    seed: int = 0,
    jobs: int | None = None,
    limits: Limits | None = None,
    hidden: Sequence[Path] = (),
    progress: Progress = unwatched,
) -> ClassMarks:
    """Examine the submissions of which there is no result yet.

    Args:
        submissions: of a class, each student's one.
        paper: what is asked of them.
        folder: of the results, one file a student; each is written whole, so that a
            grader that was killed goes on where it was.
        seed: of all numbers in the tests.
        jobs: submissions side by side; as many as there are cores by default.
        limits: of what each may use.
        hidden: files and folders that no submission may read.
        progress: told how many are done.

    Raises:
        ValueError: if jobs is not positive.
        NurseryError: if submissions cannot be run on this machine.
    """
    limits = limits or Limits()
    jobs = usable_cores() if jobs is None else jobs
    if jobs < 1:
        raise ValueError(f"jobs={jobs} must be at least 1")
    folder.mkdir(parents=True, exist_ok=True)
    remove_partials(folder)
    stems = file_stems(each.student for each in submissions)
    results: dict[str, Result] = {}
    waiting = []
    for each in submissions:
        identity = identify(each, paper, seed=seed, limits=limits)
        path = folder / f"{stems[each.student]}.json"
        known = load_result(path, identity)
        if known is None:
            waiting.append(_Work(each, identity, path))
        else:
            results[each.student] = known
    classroom = _Classroom(paper, seed, limits, (*hidden, folder))
    done, total = len(results), len(submissions)

    def keep(result: Result) -> None:
        results[result.student] = result
        progress(len(results), total)

    progress(done, total)
    protections = classroom.examine_all(waiting, min(jobs, max(len(waiting), 1)), keep)
    ordered = tuple(
        replace(
            _with_points(results[each.student], paper),
            number=each.number,
            choice=tuple(map(cleaned, each.choice)),
        )
        for each in submissions
    )
    return ClassMarks(ordered, len(waiting), protections)


class _Classroom:
    """Threads that examine submissions, each in a nursery of its own."""

    def __init__(
        self, paper: Paper, seed: int, limits: Limits, hidden: Sequence[Path]
    ) -> None:
        self._paper = paper
        self._seed = seed
        self._limits = limits
        self._hidden = [path.resolve() for path in hidden]
        self._stopped = threading.Event()

    def examine_all(
        self, work: Sequence[_Work], jobs: int, keep: Callable[[Result], None]
    ) -> Protections:
        """Examine all; `keep` is called in this thread, in whatever order they end."""
        waiting: SimpleQueue[_Work] = SimpleQueue()
        ended: SimpleQueue[Result | BaseException] = SimpleQueue()
        for each in work:
            waiting.put(each)
        with ExitStack() as stack:
            first = stack.enter_context(self._nursery())
            protections = first.protections
            if work:
                # Sums of floats then have one order, and the cores are the jobs'.
                stack.callback(torch.set_num_threads, torch.get_num_threads())
                torch.set_num_threads(1)
            threads = [
                threading.Thread(
                    target=self._work_off,
                    args=(waiting, ended, first if job == 0 else None),
                    daemon=True,
                )
                for job in range(jobs if work else 0)
            ]
            try:
                for thread in threads:
                    thread.start()
                for _ in work:
                    result = ended.get()
                    if isinstance(result, BaseException):
                        raise result
                    keep(result)
            finally:
                self._stopped.set()
                for thread in threads:
                    thread.join()
        return protections

    def _nursery(self) -> Nursery:
        return Nursery(self._limits, hidden=self._hidden)

    def _work_off(
        self,
        waiting: SimpleQueue[_Work],
        ended: SimpleQueue[Result | BaseException],
        nursery: Nursery | None,
    ) -> None:
        """Examine what waits until nothing does."""
        try:
            with ExitStack() as stack:
                if nursery is None:
                    nursery = stack.enter_context(self._nursery())
                while not self._stopped.is_set():
                    work = waiting.get_nowait()
                    try:
                        result = self._examined(work, nursery)
                    except NurseryError:
                        # What a submission did to this nursery it may do again, so it
                        # has one more try in a new one, which the next then have.
                        nursery = stack.enter_context(self._nursery())
                        result = self._examined_at_last(work, nursery)
                    save_result(result, work.path)
                    ended.put(result)
        except (Empty, StoppedError):
            pass
        except BaseException as error:
            ended.put(error)

    def _examined(self, work: _Work, nursery: Nursery) -> Result:
        try:
            return examine(
                work.submission,
                self._paper,
                nursery,
                seed=self._seed,
                identity=work.identity,
                stopped=self._stopped.is_set,
            )
        except (NurseryError, StoppedError):
            raise
        except Exception as error:
            return give_up(work.submission, self._paper, error)

    def _examined_at_last(self, work: _Work, nursery: Nursery) -> Result:
        try:
            return self._examined(work, nursery)
        except NurseryError as error:
            return give_up(work.submission, self._paper, error)


def _with_points(result: Result, paper: Paper) -> Result:
    """A result with the points that the parts have now."""
    tasks = [
        replace(task, title=each.task.title, parts=_revalued(task.parts, each.points))
        for task, each in zip(result.tasks, paper.tasks, strict=True)
    ]
    return replace(result, tasks=tuple(tasks))


def _revalued(
    parts: Sequence[PartResult], points: Sequence[float]
) -> tuple[PartResult, ...]:
    return tuple(
        replace(part, points=worth) for part, worth in zip(parts, points, strict=True)
    )

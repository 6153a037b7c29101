"""What the marks of a class say together, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

from arcvq_lite import __version__
from arcvq_lite.grading.gradebook import PartResult, Result
from arcvq_lite.grading.histogram import Histogram, histogram
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.paper import Paper
from arcvq_lite.grading.protections import Protections
from arcvq_lite.grading.similarity import Pair


@dataclass(frozen=True)
class PartReport:
    """How a class met one part.

    Args:
        shows: what an answer with the property can do.
        points: that it is worth.
        right: how many have it.
        fault: how its test failed, where it did and nobody has it; else empty.
    """

    shows: str
    points: float
    right: int
    fault: str = ""


@dataclass(frozen=True)
class TaskReport:
    """How a class met one task.

    Args:
        number: of the task in the assignment, from 1.
        function: that was asked for.
        title: of the task.
        difficulty: of 1 to 3 stars.
        points: that it is worth.
        mean: of the points given.
        full: how many got all points.
        parts: in order.
    """

    number: int
    function: str
    title: str
    difficulty: int
    points: float
    mean: float
    full: int
    parts: tuple[PartReport, ...]

    @property
    def share(self) -> float:
        """The mean as a share of the points."""
        return self.mean / self.points if self.points else 0.0


@dataclass(frozen=True)
class ClassReport:
    """A class.

    Args:
        results: ordered by student.
        tasks: hardest first.
        histogram: of the graded points.
        mean: of the graded points.
        median: of the graded points.
        pairs: that share unusual structure.
        left_out: sentences on files that are nobody's.
        protections: that were in force.
        settings: everything else that the marks depend on, in words.
    """

    results: tuple[Result, ...]
    tasks: tuple[TaskReport, ...]
    histogram: Histogram
    mean: float
    median: float
    pairs: tuple[Pair, ...]
    left_out: tuple[str, ...]
    protections: Protections
    settings: tuple[tuple[str, str], ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """Sentences on tests that failed in a way of their own and let nobody pass."""
        return tuple(
            f"nobody passed part {place} of {task.function}, whose test failed: "
            f"{part.fault}"
            for task in sorted(self.tasks, key=lambda task: task.number)
            for place, part in enumerate(task.parts, 1)
            if part.fault
        )

    @property
    def unattempted(self) -> int:
        """How many handed in nothing that could be examined."""
        return sum(not result.attempted for result in self.results)


def report_class(
    results: Sequence[Result],
    paper: Paper,
    *,
    pairs: Sequence[Pair],
    left_out: Sequence[str],
    protections: Protections,
    seed: int,
    limits: Limits,
) -> ClassReport:
    """Put the results of a class together.

    Args:
        results: one or more.
        paper: that they were graded by.
        pairs: of `find_pairs`.
        left_out: files that are nobody's.
        protections: in force.
        seed: of all numbers.
        limits: of what a submission may use.
    """
    got = [result.got for result in results]
    tasks = [_task_report(results, paper, place) for place in range(len(paper.tasks))]
    settings = (
        ("seed", str(seed)),
        ("own tests", "yes" if paper.digest else "none"),
        ("time for a call", f"{limits.seconds_a_call:g} s"),
        ("time for a submission", f"{limits.seconds_a_submission:g} s"),
        ("memory", f"{limits.memory_mb} MB"),
        ("arcvq_lite", __version__),
    )
    return ClassReport(
        results=tuple(results),
        tasks=tuple(sorted(tasks, key=lambda task: task.share)),
        histogram=histogram(got, paper.graded_points),
        mean=round(mean(got), 2),
        median=round(median(got), 2),
        pairs=tuple(pairs),
        left_out=tuple(left_out),
        protections=protections,
        settings=settings,
    )


def report_json(report: ClassReport, paper: Paper) -> dict[str, Any]:
    """The report for other programs; what is on the page and no more."""
    return {
        "assignment": paper.assignment.name,
        "points": paper.graded_points,
        "mean": report.mean,
        "median": report.median,
        "unattempted": report.unattempted,
        "histogram": asdict(report.histogram),
        "settings": dict(report.settings),
        "tasks": [asdict(task) for task in report.tasks],
        "students": [
            {
                "student": result.student,
                "file": result.file,
                "got": result.got,
                "tasks": {task.function: task.got for task in result.tasks},
                "for_a_person": result.for_a_person,
                "choice": result.choice,
            }
            for result in report.results
        ],
        "similar": [asdict(pair) for pair in report.pairs],
        "left_out": report.left_out,
        "protections": [
            asdict(protection) | {"held": protection.held}
            for protection in report.protections.each
        ],
    }


def _task_report(results: Sequence[Result], paper: Paper, place: int) -> TaskReport:
    each = paper.tasks[place]
    brought = [result.tasks[place] for result in results]
    parts = tuple(
        PartReport(
            part.shows,
            points,
            sum(task.parts[number].outcome == "right" for task in brought),
            _fault([task.parts[number] for task in brought]),
        )
        for number, (part, points) in enumerate(
            zip(each.task.parts, each.points, strict=True)
        )
    )
    return TaskReport(
        number=place + 1,
        function=each.task.function,
        title=each.task.title,
        difficulty=each.task.difficulty,
        points=each.total,
        mean=round(mean(task.got for task in brought), 2),
        full=sum(task.got == each.total for task in brought),
        parts=parts,
    )


def _fault(met: Sequence[PartResult]) -> str:
    """How the test of one part failed, if it let nobody pass."""
    if any(part.outcome == "right" for part in met):
        return ""
    faults = [part.note for part in met if part.outcome == "unexamined"]
    return next(iter(faults), "")

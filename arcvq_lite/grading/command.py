"""What `arcvq grade` does: lines of text, then a status."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from filelock import FileLock, Timeout

from arcvq_lite.check.assignments import ASSIGNMENTS
from arcvq_lite.check.task import Assignment
from arcvq_lite.data.progress_bar import progress_bar
from arcvq_lite.grading.cells import read_cells
from arcvq_lite.grading.class_page import STUDENTS, WRITTEN, class_page
from arcvq_lite.grading.class_report import ClassReport, report_class, report_json
from arcvq_lite.grading.errors import NurseryError
from arcvq_lite.grading.examination import find_source
from arcvq_lite.grading.file_names import file_stems
from arcvq_lite.grading.grade_class import grade_class
from arcvq_lite.grading.gradebook import as_json
from arcvq_lite.grading.grades_table import check_table, entered_marks, write_table
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.marks_folder import check_folder
from arcvq_lite.grading.paper import Paper, set_paper
from arcvq_lite.grading.points import written
from arcvq_lite.grading.similarity import find_pairs
from arcvq_lite.grading.student_page import student_page
from arcvq_lite.grading.submissions import Submission, collect
from arcvq_lite.grading.written_page import written_page
from arcvq_lite.written_aside import written_aside

Lines = Generator[str, None, int]

RESULTS, TABLE = "results", "grades.csv"


def grade(
    assignment: str,
    submissions: list[Path],
    *,
    out: Path,
    tests: Path | None = None,
    handout: Path | None = None,
    seed: int = 0,
    jobs: int | None = None,
    time: float = 10.0,
    memory: int = 1024,
) -> Lines:
    """Grade what a class handed in.

    Stopped or killed, it goes on where it was. Run again, it writes the same bytes.

    Args:
        assignment: a1, a2, a3 or a4.
        submissions: notebooks, Python files, folders of them, and zips.
        out: the folder of the marks.
        tests: a folder of your own with more tests (a1.py) and other points
            (points.toml).
        handout: the file that students began with, of which nothing counts as
            similar.
        seed: of all numbers in the tests; keep it to yourself.
        jobs: submissions side by side; as many as there are cores by default.
        time: seconds that one call of a function may take.
        memory: megabytes that a submission may use.

    Yields:
        What is found, and where the pages are.

    Returns:
        0 when all is graded, 1 when the grader failed at a submission.

    Raises:
        ValueError: if an argument is refused; it says why.
        FileNotFoundError: if something named is not there.
    """
    asked = _assignment(assignment)
    paper = set_paper(asked, tests)
    limits = Limits(seconds_a_call=time, memory_mb=memory)
    given = _statements_of(handout, paper)
    intake = collect(submissions, asked.name, _words(asked))
    students = [each.student for each in intake.submissions]
    check_folder(out, asked.name)
    doubts = check_table(out / TABLE, paper, students)
    out.mkdir(parents=True, exist_ok=True)
    found = len(intake.submissions)
    yield f"{asked.name}: {found} submission{'s' if found != 1 else ''}"
    try:
        with (
            FileLock(out / ".lock", timeout=0),
            progress_bar("grading") as progress,
        ):
            marks = grade_class(
                intake.submissions,
                paper,
                out / RESULTS,
                seed=seed,
                jobs=jobs,
                limits=limits,
                hidden=[*submissions, out, *([tests] if tests else [])],
                progress=progress,
            )
            report = report_class(
                marks.results,
                paper,
                pairs=find_pairs(_statements(intake.submissions, paper), given),
                left_out=intake.left_out,
                protections=marks.protections,
                seed=seed,
                limits=limits,
            )
            write_all(report, paper, out, seed=seed)
    except Timeout:
        raise ValueError(
            f"--out {out}: another process grades there; wait for it, or name another"
        ) from None
    except NurseryError as error:
        raise ValueError(
            f"submissions cannot be run on this machine: {error}"
        ) from error
    yield f"graded now: {marks.examined}, known before: {found - marks.examined}"
    yield from (f"warning: {TABLE}: {doubt}" for doubt in doubts)
    yield from _told(report, paper, out)
    failed = any(
        part.outcome == "failed"
        for result in marks.results
        for task in result.tasks
        for part in task.parts
    )
    return 1 if failed else 0


def write_all(report: ClassReport, paper: Paper, out: Path, *, seed: int) -> None:
    """Write the table and all pages; a page of a student who is no more is removed.

    Args:
        report: of the class.
        paper: that it was graded by.
        out: the folder of the marks.
        seed: of the order of the written answers.
    """
    stems = file_stems(result.student for result in report.results)
    marks = entered_marks(out / TABLE, paper, stems)
    pages = {
        f"{STUDENTS}/{stems[result.student]}.html": student_page(
            result, paper, marks[result.student]
        )
        for result in report.results
    }
    for question, points in paper.questions:
        pages[f"{WRITTEN}/{question.name}.html"] = written_page(
            question, points, report.results, paper, seed=seed
        )
    pages["report.html"] = class_page(report, paper, stems)
    pages["report.json"] = as_json(report_json(report, paper))
    for folder in (STUDENTS, WRITTEN):
        (out / folder).mkdir(exist_ok=True)
        for stale in (out / folder).glob("*.html"):
            if f"{folder}/{stale.name}" not in pages:
                stale.unlink()
    for name, content in pages.items():
        with written_aside(out / name) as file:
            file.write(content)
    write_table(report.results, paper, out / TABLE)


def _told(report: ClassReport, paper: Paper, out: Path) -> Lines:
    total = written(paper.graded_points)
    yield f"mean {report.mean:g}, median {report.median:g}, of {total} graded points"
    hardest = report.tasks[0]
    alike = sum(task.share == hardest.share for task in report.tasks) - 1
    yield (
        f"hardest: task {hardest.number}, {hardest.title}, mean {hardest.mean:g} of "
        f"{hardest.points:g}{f'; {alike} more are alike' if alike else ''}"
    )
    flagged = sum(bool(result.for_a_person) for result in report.results)
    flagged += len(report.left_out)
    yield f"for you to look at: {flagged}; pairs that are similar: {len(report.pairs)}"
    yield from (f"warning: {fault}" for fault in report.faults)
    if report.protections.advice:
        yield f"warning: {report.protections.advice}"
    if not report.protections.complete:
        for protection in report.protections.each:
            if not protection.held:
                yield f"warning: this machine cannot deny {protection.against}"
    yield f"open {out / 'report.html'}; the marks are in {out / TABLE}"
    return 0


def _assignment(name: str) -> Assignment:
    short = name.lower().partition("_")[0]  # a1_margins, as its files are called
    if short not in ASSIGNMENTS:
        raise ValueError(
            f"there is no assignment {name!r}; there are {', '.join(ASSIGNMENTS)}"
        )
    return ASSIGNMENTS[short]


def _words(assignment: Assignment) -> list[str]:
    """Words that may follow the assignment's name in a file's name."""
    return re.findall(r"[a-z0-9]+", assignment.title.casefold())


def _statements(
    submissions: Sequence[Submission], paper: Paper
) -> Mapping[str, list[str]]:
    """Texts of what is graded, by student."""
    sources = {each.student: find_source(each, paper) for each in submissions}
    return {
        student: [unit.text for unit in source.units]
        for student, source in sources.items()
        if source is not None
    }


def _statements_of(handout: Path | None, paper: Paper) -> list[str]:
    if handout is None:
        return []
    if not handout.is_file():
        beside = [path.name for path in handout.parent.glob("*") if path.is_file()]
        near = get_close_matches(handout.name, sorted(beside), 1)
        meant = f"; did you mean {handout.with_name(near[0])}?" if near else ""
        raise FileNotFoundError(f"--handout {handout}: there is no such file{meant}")
    content = read_cells(handout.name, handout.read_bytes())
    stub = Submission("", handout.name, "", content, ())
    return _statements([stub], paper)[""]

"""The page of a class, for the instructor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote
from xml.etree.ElementTree import Element

from arcvq_lite.grading.class_report import ClassReport, TaskReport
from arcvq_lite.grading.page import Child, bar, element, figures, page, table
from arcvq_lite.grading.paper import Paper
from arcvq_lite.grading.points import written
from arcvq_lite.grading.student_page import graded_file

STUDENTS, WRITTEN = "students", "written"


def class_page(report: ClassReport, paper: Paper, stems: Mapping[str, str]) -> bytes:
    """The page.

    Args:
        report: of the class.
        paper: that it was graded by.
        stems: of the students' files, by student.
    """
    title = f"{paper.assignment.name.upper()} {paper.assignment.title}: the class"
    return page(title, [element("h1", title), *_body(report, paper, stems)])


def _body(
    report: ClassReport, paper: Paper, stems: Mapping[str, str]
) -> Iterator[Child]:
    total = written(paper.graded_points)
    yield figures(
        [
            (str(len(report.results)), _submissions(report)),
            (f"{report.mean:g}", f"mean, of {total} graded points"),
            (f"{report.median:g}", "median"),
        ]
    )
    if not report.protections.complete:
        warning = "Not everything is denied to submissions on this machine: see below."
        yield element("div", element("p", warning), class_="note")
    yield from _histogram(report)
    yield from _for_a_person(report, stems)
    yield from _tasks(report)
    yield from _similar(report)
    yield from _written(paper)
    yield from _students(report, paper, stems)
    yield from _made(report)


def _submissions(report: ClassReport) -> str:
    many = report.unattempted
    without = f", {many} of them without a readable attempt" if many else ""
    return f"submissions{without}"


def _histogram(report: ClassReport) -> Iterator[Child]:
    most = max(report.histogram.counts)
    bars, ranges = [], []
    for low, high, count in report.histogram.bars:
        spoken = f"{count} with {written(low)} to {written(high)} points"
        fill = element("i", style=f"--share: {100 * count / most:.0f}%")
        bars.append(element("li", str(count) if count else "", fill, title=spoken))
        ranges.append(element("li", written(low)))
    yield element("h2", "Totals of the graded part")
    yield element("ol", *bars, class_="histogram", aria_label="Submissions by points")
    yield element("ol", *ranges, class_="ranges", aria_hidden="true")
    yield element(
        "p", "Submissions by graded points; each bar begins at its number.",
        class_="quiet",
    )  # fmt: skip


def _for_a_person(report: ClassReport, stems: Mapping[str, str]) -> Iterator[Child]:
    """What cost most, first: tests, files without an answer, then all the others."""
    yield element("h2", "For you to look at")
    flagged = [result for result in report.results if result.for_a_person]
    if not flagged and not report.left_out and not report.faults:
        yield element("p", "Nothing: every file was read and every test ran.")
    if report.faults:
        yield element("h3", "Tests that let nobody pass")
        yield _listed(f"{fault[0].upper()}{fault[1:]}" for fault in report.faults)
        yield element("p", "Correct them, and give the command again.", class_="quiet")
    for result in sorted(flagged, key=lambda result: result.attempted):
        yield element("h3", _link(result.student, stems))
        yield _listed(result.for_a_person)
    if report.left_out:
        yield element("h3", "Files that are nobody's")
        yield _listed(report.left_out)
    yield from _choices(report, stems)


def _choices(report: ClassReport, stems: Mapping[str, str]) -> Iterator[Child]:
    chosen = [result for result in report.results if result.choice]
    if not chosen:
        return
    many = f"{len(chosen)} student{'s' if len(chosen) > 1 else ''}"
    items = [
        element("li", _link(result.student, stems), f": {' '.join(result.choice)}")
        for result in chosen
    ]
    yield element(
        "details",
        element("summary", f"Several files came from {many}"),
        element("ul", *items),
    )


def _listed(sentences: Iterable[str]) -> Element:
    return element("ul", *(element("li", sentence) for sentence in sentences))


def _tasks(report: ClassReport) -> Iterator[Child]:
    yield element("h2", "Tasks, hardest first")
    yield table(
        "Points per task",
        ["task", "difficulty", "", "mean", "of", "full marks"],
        [
            [
                _task_name(task),
                element("span", "★" * task.difficulty, title=f"{task.difficulty} of 3"),
                bar(task.share),
                f"{task.mean:g}",
                written(task.points),
                str(task.full),
            ]
            for task in report.tasks
        ],
        numbers=[3, 4, 5],
    )
    for task in report.tasks:
        rows = [
            [part.shows, written(part.points), str(part.right)] for part in task.parts
        ]
        yield element(
            "details",
            element("summary", f"{task.number}. {task.title}, part by part"),
            table(task.title, ["part", "points", "right"], rows, numbers=[1, 2]),
        )


def _task_name(task: TaskReport) -> Element:
    code = element("code", task.function, class_="quiet")
    return element("span", f"{task.number}. {task.title}", element("br"), code)


def _similar(report: ClassReport) -> Iterator[Child]:
    yield element("h2", "Similar submissions")
    yield element(
        "p",
        "Pairs that share structure which few others have, whatever the names are. "
        "It is a hint to read both passages, and proves nothing: two students may "
        "have learned from the same page. No mark depends on it.",
        class_="quiet",
    )
    if not report.pairs:
        yield element("p", "None.")
    for pair in report.pairs:
        first, second = pair.students
        columns = [
            element("div", element("h3", student), element("pre", passage))
            for student, passage in zip(pair.students, pair.passages, strict=True)
        ]
        summary = f"{first} and {second}: {100 * pair.share:.0f} % in common"
        yield element(
            "details",
            element("summary", summary),
            element("div", *columns, class_="side"),
        )


def _written(paper: Paper) -> Iterator[Child]:
    if not paper.questions:
        return
    yield element("h2", "Written answers")
    yield element("p", "One page a question, with the rubric and boxes for marks:")
    items = [
        element(
            "li",
            element("a", question.title, href=f"{WRITTEN}/{quote(question.name)}.html"),
            f", {written(points)} points",
        )
        for question, points in paper.questions
    ]
    yield element("ul", *items)


def _students(
    report: ClassReport, paper: Paper, stems: Mapping[str, str]
) -> Iterator[Child]:
    yield element("h2", "Students")
    numbers = [f"task {number}" for number in range(1, len(paper.tasks) + 1)]
    heads = ["student", "total", *numbers, "graded file"]
    yield table(
        f"Graded points, of {written(paper.graded_points)}",
        heads,
        [
            [
                _link(result.student, stems),
                element("b", written(result.got)),
                *(written(task.got) for task in result.tasks),
                graded_file(result),
            ]
            for result in report.results
        ],
        numbers=range(1, len(heads) - 1),
    )


def _made(report: ClassReport) -> Iterator[Child]:
    yield element("h2", "How the marks were made")
    yield element("h3", "What was denied to submissions")
    yield _listed(report.protections.sentences())
    if report.protections.advice:
        yield element("p", f"Advice: {report.protections.advice}.")
    yield element("h3", "Settings")
    yield table("The marks depend on these", ["setting", ""], report.settings)


def _link(student: str, stems: Mapping[str, str]) -> Element:
    href = f"{STUDENTS}/{quote(stems[student])}.html"
    return element("a", student, href=href, class_="name")

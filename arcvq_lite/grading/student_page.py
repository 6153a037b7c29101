"""A student's page: what every part brought, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from arcvq_lite.grading.gradebook import Outcome, PartResult, Result, TaskResult
from arcvq_lite.grading.marks import total_of
from arcvq_lite.grading.page import Child, bar, element, figures, page
from arcvq_lite.grading.paper import Paper
from arcvq_lite.grading.points import add, written

# Of the others a person has to judge.
_MARKS: dict[Outcome, str] = {"right": "✓", "wrong": "✗", "absent": "–"}


def student_page(
    result: Result, paper: Paper, marks: Mapping[str, float] | None = None
) -> bytes:
    """One page for one student, to be handed out as it is.

    Args:
        result: of the student; nothing that is for the instructor alone is shown.
        paper: that the student was graded by.
        marks: of the written questions, by name, so far as there are any.
    """
    title = f"{_named(paper)}: {result.student}"
    return page(title, _body(result, paper, marks or {}))


def _named(paper: Paper) -> str:
    return f"{paper.assignment.name.upper()} {paper.assignment.title}"


def _body(result: Result, paper: Paper, marks: Mapping[str, float]) -> Iterator[Child]:
    yield element("p", _named(paper), class_="quiet")
    yield element("h1", result.student)
    yield figures(
        [
            (written(result.got), f"of {written(result.points)} points of the tasks"),
            *_in_all(result, paper, marks),
        ]
    )
    yield bar(result.got / result.points if result.points else 0.0)
    yield element("p", "Graded file: ", graded_file(result), class_="quiet")
    if result.remarks:
        sentences = [element("p", remark) for remark in result.remarks]
        yield element("div", *sentences, class_="note")
    yield element("h2", "Tasks")
    for task in result.tasks:
        yield from _task(task)
    if paper.questions:
        yield from _questions(result, paper, marks)


def graded_file(result: Result) -> Element:
    """The name of the file; where it lay shows when a pointer rests on it."""
    name = result.file.rpartition("/")[2]
    return element("code", name, title=result.file)


def _task(task: TaskResult) -> Iterator[Child]:
    yield element(
        "div",
        element("h3", task.title),
        element("span", f"{written(task.got)} of {written(task.points)}"),
        class_="task",
    )
    yield element("code", task.function, class_="quiet")
    said: set[str] = set()
    items = []
    for part in task.parts:
        # What one mistake costs is said once, where it is met first.
        known = part.sentence and part.sentence in said
        said.add(part.sentence)
        items.append(_part(part, "For the same reason." if known else part.sentence))
    if said - {""} or task.got:
        yield element("ul", *items, class_="parts")


def _part(part: PartResult, sentence: str) -> Element:
    mark = _MARKS.get(part.outcome, "?")
    children = [
        element("span", mark, class_="mark", aria_hidden="true"),
        element("span", part.shows),
        element(
            "span", f"{written(part.got)} of {written(part.points)}", class_="points"
        ),
    ]
    if sentence:
        children.append(element("div", sentence, class_="why"))
    return element("li", *children, class_=part.outcome)


def _in_all(
    result: Result, paper: Paper, marks: Mapping[str, float]
) -> Iterator[tuple[str, str]]:
    """The final mark, once every written answer has its own."""
    total = total_of(result, marks, paper) if paper.questions else None
    if total is not None:
        most = add([result.points, *(points for _, points in paper.questions)])
        yield written(total), f"of {written(most)} in all"


def _questions(
    result: Result, paper: Paper, marks: Mapping[str, float]
) -> Iterator[Child]:
    yield element("h2", "Written answers")
    yield element(
        "p",
        "A person marks these. They are shown as they were found in your file.",
        class_="quiet",
    )
    for question, points in paper.questions:
        answer = result.answers.get(question.name, "")
        yield element(
            "div",
            element("h3", question.title),
            _mark(marks[question.name], points)
            if question.name in marks
            else element("span", f"{written(points)} points", class_="quiet"),
            class_="task",
        )
        if answer:
            yield element("div", answer, class_="answer")
        else:
            yield element("p", "No answer was found.", class_="quiet")


def _mark(mark: float, points: float) -> Element:
    return element("span", f"{written(mark)} of {written(points)}")

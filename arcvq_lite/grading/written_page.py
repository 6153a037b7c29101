"""A question's page for the marker: every answer under the rubric, with empty boxes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from arcvq_lite.check.task import Question
from arcvq_lite.grading.gradebook import Result
from arcvq_lite.grading.page import Child, element, page, table
from arcvq_lite.grading.paper import Paper
from arcvq_lite.grading.points import share, written


def written_page(
    question: Question,
    points: float,
    results: Sequence[Result],
    paper: Paper,
    *,
    seed: int,
) -> bytes:
    """One page with all answers to one question.

    Args:
        question: that was asked.
        points: that it is worth.
        results: of the class.
        paper: that holds the question.
        seed: of the order of the answers, another for each question, so that nobody
            is always read first.
    """
    shuffled = list(results)
    random.Random(f"{seed} {question.name}").shuffle(shuffled)
    name = paper.assignment.name.upper()
    title = f"{name}, written: {question.title}"
    return page(title, _body(question, points, shuffled, title))


def _body(
    question: Question, points: float, results: Sequence[Result], title: str
) -> Iterator[Child]:
    worth = share(points, [part for part, _ in question.rubric])
    answered = [r for r in results if r.answers.get(question.name)]
    silent = sorted(r.student for r in results if not r.answers.get(question.name))
    yield element("h1", title)
    yield element(
        "p",
        f"{written(points)} points. {len(answered)} of {len(results)} answered. The "
        "order is shuffled. Enter the marks in the column ",
        element("code", question.name),
        " of grades.csv.",
        class_="quiet",
    )
    yield table(
        "Rubric",
        ["what a full answer says", "points"],
        [
            [says, written(part)]
            for part, (_, says) in zip(worth, question.rubric, strict=True)
        ],
        numbers=[1],
    )
    yield element("h2", "Answers")
    for number, result in enumerate(answered, 1):
        boxes = [
            element("li", element("span", class_="box"), f"of {written(part)}")
            for part in worth
        ]
        total = element(
            "li",
            element("span", class_="box"),
            element("b", f"of {written(points)}"),
            f" · {result.student}",
        )
        yield element(
            "section",
            element("h3", f"Answer {number}"),
            element("div", result.answers[question.name], class_="answer"),
            element("ul", *boxes, total, class_="boxes"),
            class_="entry",
        )
    if silent:
        yield element("h2", "No answer was found")
        yield element("p", ", ".join(silent))

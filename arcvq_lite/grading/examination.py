"""The examination of one submission: every part of every task, whatever happens."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace

from arcvq_lite.check.examinee import CannotBeTriedError
from arcvq_lite.check.verdict import WrongAnswerError
from arcvq_lite.grading.gradebook import Outcome, PartResult, Result, TaskResult
from arcvq_lite.grading.nursery import Nursery
from arcvq_lite.grading.paper import Paper, PaperTask
from arcvq_lite.grading.sitting import Sitter, UnexaminedError, examine_part
from arcvq_lite.grading.source_units import Source, find_units
from arcvq_lite.grading.submissions import Submission
from arcvq_lite.grading.written_answers import find_answers

LONGEST = 2_000

_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_FOLDER = re.compile(
    r"/[^\s'\"]*arcvq-nursery-[^\s'\"/]+(/work-[0-9a-f]+)?(/part-[0-9a-f]+)?"
)

_WORDS: dict[Outcome, str] = {
    "unexamined": "a test met a reply that it did not foresee; part {part} got nothing",
    "untried": "this machine cannot try part {part}; give its points by hand",
}


class StoppedError(Exception):
    """Raised where the instructor has stopped the grader."""


def examine(
    submission: Submission,
    paper: Paper,
    nursery: Nursery,
    *,
    seed: int,
    identity: str,
    stopped: Callable[[], bool] = lambda: False,
) -> Result:
    """Examine one submission.

    Args:
        submission: that was handed in.
        paper: all that is asked.
        nursery: where its functions run.
        seed: of all numbers.
        identity: of `identify`.
        stopped: whether to leave off, asked before each part.

    Raises:
        StoppedError: if it was stopped.
        NurseryError: if no submission can be run any longer.
    """
    if isinstance(submission.content, str):
        return _refused(submission, submission.content, paper, identity)
    cells = submission.content.cells
    functions = [each.task.function for each in paper.tasks]
    source = find_units(cells, functions)
    remarks = [*submission.content.remarks, *source.broken]
    for_a_person = [*submission.remarks, *remarks]
    if not source.units:
        for_a_person.append("No function of the assignment was found in the file.")
    with nursery.admit(source.units) as examinee:
        tasks = tuple(
            TaskResult(
                each.task.function,
                each.task.title,
                tuple(_parts(each, examinee, seed, stopped)),
            )
            for each in paper.tasks
        )
    for_a_person += _doubts(tasks)
    answers = find_answers(cells, [question for question, _ in paper.questions])
    return Result(
        student=submission.student,
        file=submission.file,
        tasks=tasks,
        answers=answers,
        remarks=tuple(map(cleaned, remarks)),
        for_a_person=tuple(map(cleaned, for_a_person)),
        identity=identity,
    )


def give_up(submission: Submission, paper: Paper, error: BaseException) -> Result:
    """The result where the grader itself failed, which is for the instructor to see."""
    said = "".join(traceback.format_exception_only(error)).strip()
    result = _all_alike(
        submission,
        paper,
        "failed",
        "The grader failed here, which is not your fault; your instructor knows.",
    )
    return replace(
        result, for_a_person=(cleaned(f"The grader failed here: {said}"),), identity=""
    )


def find_source(submission: Submission, paper: Paper) -> Source | None:
    """What is run of a submission; None if its file could not be read."""
    if isinstance(submission.content, str):
        return None
    functions = [each.task.function for each in paper.tasks]
    return find_units(submission.content.cells, functions)


def cleaned(sentence: str) -> str:
    """A sentence without control characters and of a bounded length.

    What is another in every run, such as an address in memory or the name of a
    working folder, is left out, so that the same submission gets the same page.
    """
    settled = _ADDRESS.sub("0x…", _FOLDER.sub("…", sentence))
    kept = "".join(c if c.isprintable() or c == "\n" else "�" for c in settled)
    return kept if len(kept) <= LONGEST else f"{kept[:LONGEST]} …"


def _parts(
    each: PaperTask, examinee: Sitter, seed: int, stopped: Callable[[], bool]
) -> Iterator[PartResult]:
    for part, points in zip(each.task.parts, each.points, strict=True):
        if stopped():
            raise StoppedError
        outcome: Outcome = "right"
        sentence = ""
        try:
            examine_part(part, examinee, seed=seed)
        except UnexaminedError as error:
            outcome, sentence = "unexamined", str(error)
        except WrongAnswerError as error:
            outcome, sentence = "wrong", str(error)
        except CannotBeTriedError as error:
            outcome = "untried"
            sentence = f"This could not be tried where you were graded: {error}."
        yield PartResult(part.shows, points, outcome, cleaned(sentence))


def _refused(
    submission: Submission, sentence: str, paper: Paper, identity: str
) -> Result:
    result = _all_alike(submission, paper, "wrong", sentence)
    told = (*submission.remarks, f"The file could not be read. {sentence}")
    return replace(result, for_a_person=tuple(map(cleaned, told)), identity=identity)


def _all_alike(
    submission: Submission, paper: Paper, outcome: Outcome, sentence: str
) -> Result:
    """A result with one outcome for all parts, and the sentence once, above them."""
    tasks = tuple(
        TaskResult(
            each.task.function,
            each.task.title,
            tuple(
                PartResult(part.shows, points, outcome)
                for part, points in zip(each.task.parts, each.points, strict=True)
            ),
        )
        for each in paper.tasks
    )
    answers = {question.name: "" for question, _ in paper.questions}
    remarks = (cleaned(sentence),)
    return Result(submission.student, submission.file, tasks, answers, remarks, (), "")


def _doubts(tasks: tuple[TaskResult, ...]) -> Iterator[str]:
    for task in tasks:
        for number, part in enumerate(task.parts, 1):
            if part.outcome in _WORDS:
                words = _WORDS[part.outcome].format(part=number)
                yield f"{task.function}: {words}. {part.sentence}".strip()

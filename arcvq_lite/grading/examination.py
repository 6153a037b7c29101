"""The examination of one submission: every part of every task, whatever happens."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence

from arcvq_lite.check.assignments import ASSIGNMENTS
from arcvq_lite.check.examinee import CannotBeTriedError, NotAttemptedError
from arcvq_lite.check.verdict import WrongAnswerError
from arcvq_lite.grading.cells import Cell
from arcvq_lite.grading.gradebook import Outcome, PartResult, Result, TaskResult
from arcvq_lite.grading.nursery import Nursery
from arcvq_lite.grading.paper import Paper, PaperTask
from arcvq_lite.grading.remote_examinee import StartedProgramError
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
    answers = find_answers(cells, [question for question, _ in paper.questions])
    if not source.units:
        remarks.append(_nothing_found(cells, source, paper))
        tasks = _all_alike(paper, "absent")
    else:
        with nursery.admit(source.units) as examinee:
            tasks = tuple(
                TaskResult(
                    each.task.function,
                    each.task.title,
                    tuple(_parts(each, examinee, source.lost, seed, stopped)),
                )
                for each in paper.tasks
            )
    for_a_person = [*remarks, *_doubts(tasks)]
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
    return Result(
        student=submission.student,
        file=submission.file,
        tasks=_all_alike(paper, "failed"),
        answers={question.name: "" for question, _ in paper.questions},
        remarks=(
            "The grader failed here, which is not your fault; your instructor knows.",
        ),
        for_a_person=(cleaned(f"The grader failed here: {said}"),),
        identity="",
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


def _nothing_found(cells: Sequence[Cell], source: Source, paper: Paper) -> str:
    """What is said of a file without any of the functions."""
    own = paper.assignment.name
    told = f"No function of {own.upper()} was found in what was handed in"
    for other in ASSIGNMENTS.values():
        asked = {task.function for task in other.tasks}
        if other.name != own and find_units(cells, asked).units:
            return f"{told}; it looks like {other.name.upper()}."
    return f"{told}, for what has them is not Python." if source.lost else f"{told}."


def _parts(
    each: PaperTask,
    examinee: Sitter,
    lost: Mapping[str, str],
    seed: int,
    stopped: Callable[[], bool],
) -> Iterator[PartResult]:
    where = lost.get(each.task.function)
    for part, points in zip(each.task.parts, each.points, strict=True):
        if stopped():
            raise StoppedError
        outcome: Outcome = "right"
        sentence = note = ""
        try:
            examine_part(part, examinee, seed=seed)
        except UnexaminedError as error:
            outcome, sentence, note = "unexamined", str(error), error.fault
        except StartedProgramError as error:
            outcome, sentence = "wrong", str(error)
            note = f"it tried to start a program ({error.program})"
        except WrongAnswerError as error:
            outcome = "absent" if isinstance(error, NotAttemptedError) else "wrong"
            sentence = str(error).replace("Not attempted yet", "Not attempted", 1)
            if outcome == "absent" and where:
                sentence = (
                    f"{each.task.function} could not be used: it begins in {where}, in "
                    "a cell that is not Python."
                )
        except CannotBeTriedError as error:
            outcome = "untried"
            sentence = f"This could not be tried where you were graded: {error}."
        yield PartResult(part.shows, points, outcome, cleaned(sentence), cleaned(note))


def _refused(
    submission: Submission, sentence: str, paper: Paper, identity: str
) -> Result:
    return Result(
        student=submission.student,
        file=submission.file,
        tasks=_all_alike(paper, "absent"),
        answers={question.name: "" for question, _ in paper.questions},
        remarks=(cleaned(sentence),),
        for_a_person=(cleaned(f"The file could not be read. {sentence}"),),
        identity=identity,
    )


def _all_alike(paper: Paper, outcome: Outcome) -> tuple[TaskResult, ...]:
    """One outcome for all parts; why stands once, above them all."""
    return tuple(
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


def _doubts(tasks: tuple[TaskResult, ...]) -> Iterator[str]:
    for task in tasks:
        tried = {part.note: None for part in task.parts if part.outcome == "wrong"}
        yield from (f"{task.function}: {note}." for note in tried if note)
        for number, part in enumerate(task.parts, 1):
            if part.outcome in _WORDS:
                words = _WORDS[part.outcome].format(part=number)
                yield f"{task.function}: {words}. {part.note or part.sentence}"

"""The tests of the assignments tell right from wrong, and see which part is wrong.

The answers stand in ``aN_wrong.py`` and ``aN_styles.py`` of this folder, the reference
solutions in ``chapters/assignments``.
"""

import time
from collections import Counter
from importlib import import_module
from pathlib import Path

import jupytext
import pytest
import torch
from answers import Right, Wrong, function_in

from arcvq_lite import check
from arcvq_lite.check.assignments import ASSIGNMENTS
from arcvq_lite.check.examinee import CannotBeTriedError, NotAttemptedError
from arcvq_lite.check.in_place import examine_part
from arcvq_lite.check.task import Task
from arcvq_lite.check.verdict import WrongAnswerError

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
SEEDS = (0, 1, 2)
TASKS = {
    task.function: task
    for assignment in ASSIGNMENTS.values()
    for task in assignment.tasks
}
WRONG: list[Wrong] = []
RIGHT: list[Right] = []
for assignment_name in ASSIGNMENTS:
    WRONG += import_module(f"{assignment_name}_wrong").WRONG
    RIGHT += import_module(f"{assignment_name}_styles").RIGHT
STUB = "def {name}(*arguments, **options):\n    raise NotImplementedError\n"


def references() -> dict[str, str]:
    """The source of every task's solution, with the imports of its notebook."""
    found = {}
    for name in ASSIGNMENTS:
        (path,) = (CHAPTERS / "assignments").glob(f"{name}_*.py")
        cells = jupytext.read(path, fmt="py:percent").cells
        code = [cell for cell in cells if cell.cell_type == "code"]
        starts = ("import ", "from ")
        heads = [cell.source for cell in code if cell.source.startswith(starts)]
        for cell in code:
            if "task" in cell.metadata:
                found[cell.metadata["task"]] = "\n".join([*heads, cell.source])
    return found


REFERENCES = references()


def verdicts(task: Task, answer: object, seed: int) -> list[WrongAnswerError | None]:
    """For each part None where it is earned, the error where it is lost."""
    found: list[WrongAnswerError | None] = []
    for part in task.parts:
        try:
            examine_part(part, {task.function: answer}, seed=seed)
        except CannotBeTriedError:
            pytest.skip("this system cannot limit the length of a file")
        except WrongAnswerError as wrong:
            found.append(wrong)
        else:
            found.append(None)
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda w: f"{w.function}: {w.name}")
def test_a_wrong_answer_loses_the_part_that_is_wrong(wrong: Wrong, seed: int) -> None:
    answer = function_in(wrong.source, wrong.function)
    found = verdicts(TASKS[wrong.function], answer, seed)
    lost = [number for number, error in enumerate(found) if error is not None]
    assert lost, "full marks for a wrong answer"
    assert lost[0] == wrong.part, found
    sentence = str(found[lost[0]])
    assert sentence.endswith((".", "?", "!")), sentence
    assert not isinstance(found[lost[0]], NotAttemptedError)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("right", RIGHT, ids=lambda r: f"{r.function}: {r.name}")
def test_a_right_answer_in_another_style_gets_full_marks(
    right: Right, seed: int
) -> None:
    answer = function_in(right.source, right.function)
    assert not any(verdicts(TASKS[right.function], answer, seed))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", TASKS)
def test_the_reference_gets_full_marks(name: str, seed: int) -> None:
    answer = function_in(REFERENCES[name], name)
    assert not any(verdicts(TASKS[name], answer, seed))


@pytest.mark.parametrize("name", TASKS)
def test_an_empty_stub_gets_nothing(name: str) -> None:
    answer = function_in(STUB.format(name=name), name)
    found = verdicts(TASKS[name], answer, 0)
    assert {str(error) for error in found} == {"Not attempted yet."}
    assert all(isinstance(error, NotAttemptedError) for error in found)


def raises(*_: object, **__: object) -> None:
    raise ZeroDivisionError("out of chalk")


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "Not attempted yet"),
        (..., "Not attempted yet"),
        (raises, "raised ZeroDivisionError: out of chalk"),
        (7, "must be a function, got int"),
        (lambda: 1, "raised TypeError"),
        (lambda *_, **__: None, ""),
        (lambda *_, **__: "four", ""),
        (lambda *_, **__: [torch.zeros(0), {}], ""),
        (lambda *_, **__: torch.full((2, 3), torch.nan), ""),
        (lambda *_, **__: object(), "of the type object"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_answer_breaks_a_checker(name: str, answer: object, words: str) -> None:
    before = torch.get_rng_state()
    verdict = getattr(check, name)(answer)
    assert not verdict.passed
    assert words in verdict.message
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", TASKS)
def test_a_checker_answers_at_once(name: str) -> None:
    answer = function_in(REFERENCES[name], name)
    begin = time.process_time()
    verdict = getattr(check, name)(answer)
    assert verdict.passed, verdict
    assert time.process_time() - begin < 2


def test_every_part_is_lost_by_a_wrong_answer() -> None:
    parts = {
        (task.function, number)
        for task in TASKS.values()
        for number in range(len(task.parts))
    }
    lost = {(wrong.function, wrong.part) for wrong in WRONG}
    assert lost == parts


def test_every_task_is_answered_in_two_other_styles() -> None:
    styles = Counter(right.function for right in RIGHT)
    assert styles.keys() == TASKS.keys()
    assert min(styles.values(), default=2) >= 2


def test_names_of_answers_are_not_used_twice() -> None:
    names = Counter((answer.function, answer.name) for answer in [*WRONG, *RIGHT])
    assert max(names.values(), default=1) == 1


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_an_assignment_is_worth_a_hundred_points(name: str) -> None:
    assignment = ASSIGNMENTS[name]
    assert assignment.name == name
    assert assignment.points == 100
    assert 4 <= len(assignment.tasks) <= 7
    assert all(2 <= len(task.parts) <= 4 for task in assignment.tasks)
    minutes = [thing.minutes for thing in (*assignment.tasks, *assignment.questions)]
    assert 180 <= sum(minutes) <= 360
    for question in assignment.questions:
        assert sum(points for points, _ in question.rubric) == question.points


def test_task_names_are_their_own() -> None:
    every = [task.function for a in ASSIGNMENTS.values() for task in a.tasks]
    assert len(set(every)) == len(every)
    assert set(every) <= set(check.__all__)

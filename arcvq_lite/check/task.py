"""Assignment, Task and Part: what is asked, what it is worth, how it is examined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from arcvq_lite.check.examinee import Examinee

# Raises WrongAnswerError with a sentence that says what is wrong and shows the smallest
# failing example; returns where all is well. All that is random in it comes from the
# generator, so that a grader's seed decides the numbers of every test.
Examination = Callable[[Examinee, torch.Generator], None]


@dataclass(frozen=True)
class Part:
    """One property of an answer that is worth points of its own.

    Args:
        points: that it is worth, all or none.
        shows: what an answer with this property can do, for the student's page.
        examine: raises `WrongAnswerError` where the answer has not got it.
    """

    points: int
    shows: str
    examine: Examination


@dataclass(frozen=True)
class Task:
    """One function to write.

    Args:
        function: its name, and that of its checker.
        title: of its section.
        difficulty: of 1 to 3 stars.
        minutes: that a student needs, about.
        parts: whose points are the task's.
    """

    function: str
    title: str
    difficulty: Literal[1, 2, 3]
    minutes: int
    parts: tuple[Part, ...]

    @property
    def points(self) -> int:
        """The sum of the parts' points."""
        return sum(part.points for part in self.parts)


@dataclass(frozen=True)
class Question:
    """One short answer in words, marked by a person with a rubric.

    Args:
        name: of its cell.
        title: of its section.
        points: that it is worth.
        minutes: that a student needs, about.
        rubric: what a full answer says, with the points of each thing.
        asked: hash of the words that were handed out, by which a grader tells an
            answer from its question; empty if it is not known.
    """

    name: str
    title: str
    points: int
    minutes: int
    rubric: tuple[tuple[int, str], ...]
    asked: str = ""


@dataclass(frozen=True)
class Assignment:
    """What is handed out together: tasks and questions worth 100 points.

    Args:
        name: such as "a1".
        title: of the notebook.
        after: number of the chapter that it follows.
        tasks: to be marked by the grader.
        questions: to be marked by a person.
    """

    name: str
    title: str
    after: int
    tasks: tuple[Task, ...]
    questions: tuple[Question, ...]

    @property
    def points(self) -> int:
        """Of all tasks and questions."""
        worth: tuple[Task | Question, ...] = (*self.tasks, *self.questions)
        return sum(each.points for each in worth)

"""Answers to the assignments, right and wrong, as a student would write them."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Wrong:
    """A known mistake.

    Args:
        name: what the mistake is, in a few words.
        function: whose task it answers.
        source: the function's text, with its imports.
        part: index of the first part of the task that it must lose.
    """

    name: str
    function: str
    source: str
    part: int


@dataclass(frozen=True)
class Right:
    """A right answer in another style than the reference's.

    Args:
        name: the style.
        function: whose task it answers.
        source: the function's text, with its imports.
    """

    name: str
    function: str
    source: str


def function_in(source: str, name: str) -> Any:
    """The function of that name after running a source."""
    module = ModuleType("submission")
    exec(compile(source, f"<{name}>", "exec"), module.__dict__)
    return module.__dict__[name]

"""Answers to the assignments, right and wrong, as a student would write them."""

from dataclasses import dataclass
from textwrap import dedent, indent
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


HEAD = """\
import math
import torch
from torch.nn import functional as F

"""


def mistake(function: str, signature: str, part: int, name: str, body: str) -> Wrong:
    """A known mistake, of which only the function's body is written down."""
    lines = indent(dedent(body).strip(), "    ")
    return Wrong(name, function, f"{HEAD}def {function}({signature}):\n{lines}\n", part)


def style(name: str, function: str, text: str) -> Right:
    """A right answer, of which the imports are left out."""
    return Right(name, function, HEAD + dedent(text).strip() + "\n")


def function_in(source: str, name: str) -> Any:
    """The function of that name after running a source."""
    module = ModuleType("submission")
    exec(compile(source, f"<{name}>", "exec"), module.__dict__)
    return module.__dict__[name]

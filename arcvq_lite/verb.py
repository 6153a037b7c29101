"""A verb of the program `arcvq`, and how a function of a module becomes one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_origin, get_type_hints

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


class Verb(NamedTuple):
    """One thing that the program does.

    Args:
        words: What is typed, such as ``"book build"``.
        summary: One line for the help.
        run: Takes the parsed arguments and returns the exit status.
        declare: Adds the verb's arguments to a parser; None where `run` takes the
            words themselves, because it has a parser of its own.
        extra: The extra of the package that brings all that the verb needs.
        example: Words behind the verb that make sense; may be empty.
    """

    words: str
    summary: str
    run: Callable[[Any], int]
    declare: Callable[[ArgumentParser], None] | None = lambda parser: None
    extra: str = "lab"
    example: str = ""


def say(text: str) -> None:
    """Write a line for the user."""
    sys.stdout.write(f"{text}\n")


def lines_verb(
    words: str,
    summary: str,
    module: str,
    subject: str = "",
    extra: str = "lab",
    example: str = "",
) -> Verb:
    """A verb that is a function of a module: a generator of lines, then a status.

    Args:
        words: Its last is the function's name.
        summary: One line for the help.
        module: Where the function is.
        subject: What to say of the first argument, after "; " of the second and so on,
            if no other goes without `--`; empty if all without a default do. A bool
            among them is a `--` without a value.
        extra: See `Verb`.
        example: See `Verb`.
    """

    def declare(parser: ArgumentParser) -> None:
        said = subject.split("; ") if subject else []
        hints = dict(list(get_type_hints(command()).items())[: len(said)])
        for (name, hint), words in zip(hints.items(), said, strict=True):
            if hint is bool:
                parser.add_argument(f"--{name}", action="store_true", help=words)
                continue
            nargs = {list: "+", Sequence: "*"}.get(get_origin(hint))
            kind = str if hint in (str, Sequence[str]) else Path
            parser.add_argument(name, type=kind, nargs=nargs, help=words)
        parser.add_function_arguments(command(), as_positional=not said, skip={*hints})

    def run(arguments: Namespace) -> int:
        lines = command()(**arguments.as_dict())
        while True:
            try:
                say(next(lines))
            except StopIteration as end:
                return int(end.value)

    def command() -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(import_module(module), words.split()[-1])
        return found

    return Verb(words, summary, run, declare, extra, example)

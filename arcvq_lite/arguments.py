"""Words that were typed as arguments, or one sentence on why they are none."""

from __future__ import annotations

import re
from argparse import SUPPRESS, Action, ArgumentError, HelpFormatter
from collections.abc import Sequence
from difflib import get_close_matches

from jsonargparse import ArgumentParser, Namespace

_MISSING = "the following arguments are required: "
_WRONG_TYPE = re.compile(
    r'key "(?P<key>\w+)": (?P<wanted>.*)(?:Got|Given) value: (?P<value>.*)$'
)
_UNKNOWN = "unrecognized arguments: "


class PlainHelp(HelpFormatter):
    """Help in words: of an argument's type and default only what a reader may need."""

    def _get_help_string(self, action: Action) -> str:
        words = (action.help or "").rstrip(".").replace("%", "%%")
        shown = action.default not in (None, SUPPRESS, False, [])
        if not shown or not action.option_strings or "default" in words:
            return words
        return f"{words} (default: %(default)s)"


def new_parser(program: str, summary: str, example: str = "") -> ArgumentParser:
    """A parser that raises where words are refused, see `parse`.

    Args:
        program: what is typed before the arguments.
        summary: what it does.
        example: words behind the program that make sense; may be empty.
    """
    return ArgumentParser(
        prog=program,
        description=summary,
        epilog=f"For example: {program} {example}" if example else None,
        formatter_class=PlainHelp,
        exit_on_error=False,
    )


def parse(parser: ArgumentParser, words: Sequence[str]) -> Namespace:
    """The arguments that words mean.

    Raises:
        ValueError: if they are refused; it says why, and what to type.
    """
    try:
        arguments: Namespace = parser.parse_args(list(words))
    except ArgumentError as error:
        advice = parser.epilog or f"see `{parser.prog} --help`"
        raise ValueError(
            f"{_said(parser, str(error))}; {advice[0].lower()}{advice[1:]}"
        ) from None
    return arguments


def _said(parser: ArgumentParser, refusal: str) -> str:
    """A refusal with the words that would have to be typed."""
    if refusal.startswith(_MISSING):
        names = refusal.removeprefix(_MISSING).split(", ")
        return f"missing: {', '.join(_typed(parser, name) for name in names)}"
    if refusal.startswith(_UNKNOWN):
        unknown = refusal.removeprefix(_UNKNOWN).split()[0]
        options = [word for each in parser._actions for word in each.option_strings]
        near = get_close_matches(unknown.partition("=")[0], options, 1)
        meant = f", did you mean {near[0]}?" if near else ""
        return f"there is no argument {unknown}{meant}"
    found = _WRONG_TYPE.search(" ".join(refusal.split()))
    for kind, words in (("int", "a whole number"), ("float", "a number")):
        if found is not None and f"<class '{kind}'>" in found["wanted"]:
            typed = _typed(parser, found["key"]).split()[0]
            return f"{typed} {found['value']} is not {words}"
    return refusal


def _typed(parser: ArgumentParser, name: str) -> str:
    """An argument as it is typed: `--out OUT`, or SUBMISSIONS where no `--` goes."""
    for action in parser._actions:
        if name in (action.dest, *action.option_strings) and action.option_strings:
            return f"{action.option_strings[-1]} {action.dest.upper()}"
    return name.upper()

"""The program `arcvq`: one table of verbs, each with its options and what it does.

A verb is one entry of `VERBS`: its words, a line for the help, a function that adds
its arguments to a parser, and a function that runs it. Whatever a verb imports, it
imports when it runs, so that the help stays quick.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from arcvq_lite.verb import Verb, lines_verb, say

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

PROGRAM = "arcvq"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        argv: The words after the program's name; those of the process by default.

    Returns:
        The exit status: 0 when all is well, 1 when something is found wanting, 2 when
        the request itself cannot be met.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        say(_overview(VERBS))
        return 0
    if words[0] == "--version":
        from arcvq_lite import __version__

        say(f"{PROGRAM} {__version__}")
        return 0
    verb = _find_verb(words)
    if verb is None:
        return _answer_unknown(words)
    try:
        return verb.run(_arguments(verb, words[len(verb.words.split()) :]))
    except ModuleNotFoundError as error:
        remedy = f'install "arcvq-lite[{verb.extra}]"'
        _complain(f"{verb.words} needs {error.name}, which is missing: {remedy}")
        return 2
    except (ConnectionError, FileNotFoundError, ValueError) as error:
        _complain(f"{verb.words}: {error}")
        return 2
    except KeyboardInterrupt:
        return 130


def _find_verb(words: Sequence[str]) -> Verb | None:
    """The verb that the first words spell."""
    for verb in VERBS:
        spelled = verb.words.split()
        if list(words[: len(spelled)]) == spelled:
            return verb
    return None


def _arguments(verb: Verb, words: list[str]) -> Namespace | list[str]:
    if verb.declare is None:
        return words
    from arcvq_lite.arguments import new_parser, parse

    parser = new_parser(f"{PROGRAM} {verb.words}", verb.summary, verb.example)
    verb.declare(parser)
    return parse(parser, words)


def _answer_unknown(words: Sequence[str]) -> int:
    """Show a group of verbs its members, and any other word its nearest verb."""
    members = [verb for verb in VERBS if verb.words.split()[0] == words[0]]
    asked_for_help = words[1:2] in ([], ["-h"], ["--help"])
    if members and asked_for_help:
        say(_overview(members))
        return 0 if len(words) > 1 else 2
    typed = " ".join(words[:2]) if members else words[0]
    known = [verb.words for verb in (members or VERBS)]
    groups = [name.split()[0] for name in known]
    near = difflib.get_close_matches(typed, known + groups, n=1, cutoff=0.5)
    hint = f"did you mean `{PROGRAM} {near[0]}`?" if near else f"see `{PROGRAM} --help`"
    _complain(f"there is no verb `{typed}`; {hint}")
    return 2


def _overview(verbs: Sequence[Verb]) -> str:
    """The help: every verb with one line."""
    width = max(len(verb.words) for verb in VERBS)
    lines = [f"  {verb.words:<{width}}  {verb.summary}" for verb in verbs]
    usage = f"usage: {PROGRAM} VERB [arguments]\n\nverbs:"
    more = f"`{PROGRAM} VERB --help` shows a verb's arguments."
    return "\n".join([usage, *lines, "", more])


def _complain(text: str) -> None:
    one_line = " ".join(text.split())
    sys.stderr.write(f"{PROGRAM}: {one_line}\n")


def _check(arguments: Namespace) -> int:
    from arcvq_lite.installation import inspect_installation

    findings = inspect_installation()
    for finding in findings:
        mark = "[ok]" if finding.ok else f"[missing: {finding.remedy}]"
        say(f"{mark} {finding.name}: {finding.detail}")
    return 0 if all(finding.ok for finding in findings) else 1


def _declare_names(kind: str, such_as: str, parser: ArgumentParser) -> None:
    parser.add_argument(
        f"{kind}s",
        nargs="*",
        default=[],
        metavar=kind,
        help=f"such as {such_as}; every {kind} when none is named",
    )


def _book(verb: str, arguments: Namespace) -> int:
    from arcvq_lite.book import commands

    run: Callable[..., int] = getattr(commands, verb)
    return run(arguments, say, _complain)


def _train(words: list[str]) -> int:
    from arcvq_lite.training.command import main as train

    return train(words, say, _complain)


def _declare_run(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="run.folder of the training run")
    parser.add_argument("--once", action="store_true", help="show it once and leave")
    parser.add_argument(
        "--every", type=float, default=5.0, help="seconds between two looks"
    )


def _watch(arguments: Namespace) -> int:
    from arcvq_lite.training.watch import watch

    return watch(say=say, **arguments.as_dict())


_DATA = "arcvq_lite.data.commands"
_of_run = partial(
    lines_verb,
    module="arcvq_lite.evaluation.commands",
    subject="the run's folder",
    extra="scale",
)
_of_study = partial(
    lines_verb,
    module="arcvq_lite.study.commands",
    subject="a shipped study, or a YAML file",
)

VERBS = (
    Verb("check", "Show what is installed and what is missing.", _check),
    Verb(
        "book build",
        "Execute chapters and write their notebooks.",
        partial(_book, "build"),
        partial(_declare_names, "chapter", "03 or 03_margins"),
    ),
    Verb(
        "book check", "Compare each notebook with its source.", partial(_book, "check")
    ),
    Verb(
        "book release",
        "Write the assignments' copies for students.",
        partial(_book, "release"),
        partial(_declare_names, "assignment", "a1"),
    ),
    Verb(
        "book site",
        "Make web pages of the notebooks.",
        partial(_book, "site"),
        extra="book",
    ),
    Verb(
        "train",
        "Train a VQ-VAE, a VQGAN, a hyperspherical VAE or a prior.",
        _train,
        None,
        extra="scale",
    ),
    Verb("watch", "Show how a training run is doing.", _watch, _declare_run),
    _of_run("evaluate", "Score a run's reconstructions of a whole set."),
    _of_run("reconstruct", "Show pictures beside what comes back.", subject="images"),
    _of_run("encode", "Write the tokens of a set of images."),
    _of_run("decode", "Write the images that a token file stands for."),
    lines_verb(
        "sample",
        "Draw new pictures from a prior over tokens.",
        "arcvq_lite.evaluation.sampling_commands",
        "the prior's run folder",
        extra="scale",
    ),
    _of_study("study run", "Make the runs of a study that are not finished."),
    _of_study("study report", "Write what the finished runs of a study say."),
    lines_verb(
        "bench",
        "Measure time and memory beside other ways.",
        "arcvq_lite.bench.commands",
        "such as margin_loss, all when none is named; only the time of a few",
        extra="dev",
    ),
    lines_verb(
        "grade",
        "Mark what a class handed in.",
        "arcvq_lite.grading.command",
        "a1, a2, a3 or a4; notebooks, Python files, folders or zips",
        example="a1 handed-in.zip --out marks/a1",
    ),
    lines_verb("data index", "Make tar shards ready for random access.", _DATA),
    lines_verb("data verify", "Decode all images, name the unusable ones.", _DATA),
    lines_verb("data shard", "Write a set of images as tar shards.", _DATA),
)

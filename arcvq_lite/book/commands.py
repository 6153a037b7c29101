"""The verbs of `arcvq` for the book: each takes its arguments and how to speak."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arcvq_lite.book.tree import find_root

if TYPE_CHECKING:
    from jsonargparse import Namespace

Speak = Callable[[str], None]


def build(arguments: Namespace, say: Speak, complain: Speak) -> int:
    """`book build`: 1 where a chapter does not run."""
    from arcvq_lite.book.build import build
    from arcvq_lite.book.execute import ChapterError

    root = find_root()
    try:
        written = build(arguments.chapters, root=root)
    except ChapterError as error:
        complain(f"book build: {error}")
        return 1
    for notebook in written:
        say(f"built {notebook.relative_to(root)}")
    return 0


def check(arguments: Namespace, say: Speak, complain: Speak) -> int:
    """`book check`: 1 where a notebook or a student's copy is not its source's."""
    from arcvq_lite.book.check import check

    problems = check(root=find_root())
    for problem in problems:
        say(problem)
    if not problems:
        say("every notebook is the one that its source builds")
    return 1 if problems else 0


def release(arguments: Namespace, say: Speak, complain: Speak) -> int:
    """`book release`."""
    from arcvq_lite.book.release import release

    root = find_root()
    for path in release(arguments.assignments, root=root):
        say(f"wrote {path.relative_to(root)}")
    return 0


def site(arguments: Namespace, say: Speak, complain: Speak) -> int:
    """`book site`: 1 where Sphinx is not content."""
    from arcvq_lite.book.site import SiteError, build_site

    root = find_root()
    say("making the pages, which takes about half a minute")
    try:
        front_page = build_site(root / "build" / "site", root=root)
    except SiteError as error:
        complain(f"book site: {error}")
        return 1
    say(f"the site is built; open {front_page}")
    return 0

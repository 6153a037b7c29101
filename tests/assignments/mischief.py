"""How a hostile submission is written down, and collected with others."""

from dataclasses import dataclass
from textwrap import dedent, indent

_IMPORTS = """import ctypes, gc, os, signal, socket, struct, subprocess, sys
import threading, time
import torch
"""


@dataclass(frozen=True)
class Hostile:
    """A submission, and whether its answers are right after all.

    Names in capitals stand for what the test knows: SECRET, a file with a solution;
    PACKAGE, the folder that `arcvq_lite` lies in; TARGET, a file outside that does not
    exist; PORT, that somebody listens on; VARIABLE, of the instructor's environment.
    """

    name: str
    source: str
    right: bool


class Mischief(list):
    """Hostile submissions, each of which defines ``double``."""

    def wrong(self, name, body, before=""):
        """Add one whose answers are worth nothing."""
        self._add(name, body, before, right=False)

    def right(self, name, body, before=""):
        """Add one whose body may fail; the right answer follows it."""
        tried = f"try:\n{indent(dedent(body).strip(), '    ')}\n"
        tried += "except Exception:\n    pass\nreturn 2 * x"
        self._add(name, tried, before, right=True)

    def _add(self, name, body, before, *, right):
        function = f"def double(x):\n{indent(dedent(body).strip(), '    ')}\n"
        source = f"{_IMPORTS}{dedent(before).strip()}\n\n{function}"
        self.append(Hostile(name, source, right))

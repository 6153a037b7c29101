"""All that a submission's marks depend on, as one hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

import torch

from arcvq_lite import __version__
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.paper import Paper
from arcvq_lite.grading.submissions import Submission

_ROOMS = ("check", "grading")


def identify(submission: Submission, paper: Paper, *, seed: int, limits: Limits) -> str:
    """SHA-256 over the submission, the tests, the seed and the limits.

    Points are not among it: they may change, and nothing is examined anew.

    Args:
        submission: its student, file and content.
        paper: the assignment and the instructor's own tests.
        seed: of all numbers.
        limits: of what a submission may use.
    """
    read = submission.content
    content = {
        "student": submission.student,
        "file": submission.file,
        "sha256": submission.digest,
        "refused": read if isinstance(read, str) else "",
        "assignment": paper.assignment.name,
        "tests": paper.digest,
        "definition": _definition(),
        "seed": seed,
        "limits": asdict(limits),
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _definition() -> str:
    """The version of the assignments' tests and of the grader itself."""
    digest = hashlib.sha256(f"{__version__} {torch.__version__}".encode())
    package = Path(__file__).parents[1]
    for room in _ROOMS:
        for file in sorted((package / room).rglob("*.py")):
            digest.update(file.relative_to(package).as_posix().encode() + b"\0")
            digest.update(file.read_bytes())
    return digest.hexdigest()

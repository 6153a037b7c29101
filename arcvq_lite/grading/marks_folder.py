"""The folder of the marks: it holds one assignment, and no other is graded into it."""

from __future__ import annotations

import json
from pathlib import Path

REPORT = "report.json"


def check_folder(out: Path, assignment: str) -> None:
    """Refuse a folder that holds the marks of another assignment.

    Args:
        out: the folder, which need not be there.
        assignment: that is to be graded, such as "a1".

    Raises:
        ValueError: if it holds another.
    """
    try:
        held = json.loads((out / REPORT).read_bytes())["assignment"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return  # no report, or not one of ours: the table is looked at as well
    if isinstance(held, str) and held != assignment:
        raise ValueError(
            f"{out} holds {held.upper()}, and you ask for {assignment.upper()}: name "
            "another --out. Nothing was changed"
        )

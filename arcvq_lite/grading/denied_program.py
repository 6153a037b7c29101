"""The program that was not allowed to start, where `subprocess` says so."""

from __future__ import annotations

import traceback
from pathlib import Path


def denied_program(error: BaseException | None) -> str:
    """The name of the program; empty if the exception is of another kind.

    Args:
        error: what a submission's function raised.
    """
    if not isinstance(error, PermissionError):
        return ""
    last = traceback.extract_tb(error.__traceback__)[-1]
    starts = (Path(last.filename).name, last.name) == (
        "subprocess.py",
        "_execute_child",
    )
    return Path(str(error.filename)).name if starts else ""

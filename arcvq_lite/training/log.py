"""RunLog: one JSON object a logged step, and in a file of its own what clocks say."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

LOG = "log.jsonl"
CLOCK = "clock.jsonl"


class LogError(RuntimeError):
    """A run's log does not fit its checkpoint."""


class RunLog:
    """The rows of a run, the authority on what it did.

    `log.jsonl` holds nothing that depends on when or how fast the run went: two runs
    of the same options on the same machine write the same bytes, and one that was
    killed and resumed cuts the file back to where its checkpoint left it, so that it
    ends with those bytes too. Times, rates and memory go to `clock.jsonl`, which is
    only added to, as each of them happened.

    Args:
        folder: of the run.
        length: bytes of the log to keep; 0 begins a new one.

    Raises:
        LogError: if the log is shorter than that.
    """

    def __init__(self, folder: Path, length: int = 0) -> None:
        path = folder / LOG
        self._log = path.open("ab")
        found = self._log.seek(0, os.SEEK_END)
        if found < length:
            self._log.close()
            raise LogError(
                f"{path} has {found} bytes, and the checkpoint was saved when it had "
                f"{length}; put the log back, or train into another folder"
            )
        self._log.truncate(length)
        self._clock = (folder / CLOCK).open("ab")

    def append(self, row: dict[str, Any], clock: dict[str, Any]) -> None:
        """Write a row and what clocks said of it; a reader sees both at once."""
        for file, content in ((self._log, row), (self._clock, clock)):
            file.write(json.dumps(content).encode() + b"\n")
            file.flush()

    def settled_length(self) -> int:
        """The bytes of the log, once they are on the disk."""
        self._log.flush()
        os.fsync(self._log.fileno())
        return self._log.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Close both files."""
        self._log.close()
        self._clock.close()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a log that may be growing; an unfinished last line is left out."""
    if not path.is_file():
        return []
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines() if line.strip()]

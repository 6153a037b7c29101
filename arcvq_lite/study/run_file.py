"""The files of a run: its result, what it cost, or why there is none."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arcvq_lite.study.identity import Identity, difference, hash_of
from arcvq_lite.training.history import History
from arcvq_lite.written_aside import written_aside

RUNS = "runs"


class OtherConfigurationError(ValueError):
    """A run's file is of another configuration; says in what, and what to do."""


@dataclass(frozen=True)
class RunResult:
    """A finished run as its file holds it.

    Attributes:
        identity: everything that determines the rows.
        history: the rows.
    """

    identity: Identity
    history: History


@dataclass(frozen=True)
class RunFiles:
    """Where one run's files lie in the folder of a study.

    Args:
        folder: of the study.
        name: of the run.
    """

    folder: Path
    name: str

    @property
    def result(self) -> Path:
        """The rows, and what determines them: the same bytes whenever they are made."""
        return self.folder / RUNS / f"{self.name}.json"

    @property
    def cost(self) -> Path:
        """Wall time and memory, apart, since they are never the same twice."""
        return self.folder / RUNS / f"{self.name}.cost.json"

    @property
    def failure(self) -> Path:
        """Why the last try gave no result."""
        return self.folder / RUNS / f"{self.name}.failed.json"

    def write_result(self, result: RunResult) -> None:
        """Put the result in place whole, and take away what an earlier try left."""
        _write(
            self.result,
            {
                "hash": hash_of(result.identity),
                "identity": result.identity,
                "steps": result.history.steps,
                "columns": {
                    name: [_as_json(value) for value in values]
                    for name, values in result.history.columns.items()
                },
            },
        )
        self.failure.unlink(missing_ok=True)

    def write_cost(self, cost: dict[str, Any]) -> None:
        """Write what the run took."""
        _write(self.cost, cost)

    def write_failure(self, reason: str) -> None:
        """Write why there is no result."""
        _write(self.failure, {"reason": reason})

    def read_result(self) -> RunResult | None:
        """The result, if the run is finished.

        Raises:
            OtherConfigurationError: if the file was changed after it was written.
            ValueError: if it is no result at all.
        """
        if not self.result.is_file():
            return None
        try:
            stored = json.loads(self.result.read_text("utf-8"))
            columns = {
                name: [math.nan if value is None else value for value in values]
                for name, values in stored["columns"].items()
            }
            history = History(stored["steps"], columns)
            identity: Identity = stored["identity"]
            kept = stored["hash"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.result} is no result of a run ({error}); remove it, and "
                "arcvq study run makes it again"
            ) from error
        if hash_of(identity) != kept:
            raise OtherConfigurationError(
                f"{self.result} does not fit its own hash, so it was changed by hand; "
                "remove it, and arcvq study run makes it again"
            )
        return RunResult(identity, history)

    def read_cost(self) -> dict[str, Any]:
        """What the run took; empty if it is not known."""
        return _read(self.cost)

    def read_failure(self) -> str | None:
        """Why the last try gave no result; None if none has failed."""
        reason: str | None = _read(self.failure).get("reason")
        return reason

    def check(self, result: RunResult, identity: Identity) -> None:
        """Refuse a result that is of another configuration.

        Raises:
            OtherConfigurationError: naming the first option that differs.
        """
        differs = difference(result.identity, identity)
        if differs is not None:
            raise OtherConfigurationError(
                f"{self.result} is of another configuration: {differs}; pass another "
                f"folder as --out, or remove the files in {self.result.parent} that "
                "the new configuration replaces"
            )


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    with written_aside(path) as file:
        file.write(f"{text}\n".encode())


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    stored: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return stored


def _as_json(value: float) -> float | None:
    """Infinity and NaN, which JSON does not have, as null."""
    return value if math.isfinite(value) else None

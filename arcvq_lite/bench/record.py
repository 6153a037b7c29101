"""What a benchmark found, kept as one JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from arcvq_lite.bench.benchmark import Measure
from arcvq_lite.bench.machine import Machine
from arcvq_lite.written_aside import written_aside


@dataclass(frozen=True)
class Entry:
    """What one contestant took.

    Args:
        name: Of the contestant.
        seconds: Of one call, in every round; empty if it did not run.
        median: Of the seconds; None if it did not run.
        memory_mib: Extra peak memory of a call; None if it was not measured.
        difference: From the first compared contestant, relative to the largest entry;
            None if it has no result to compare.
        missing: Why it did not run; None if it did.
    """

    name: str
    seconds: tuple[float, ...]
    median: float | None
    memory_mib: float | None
    difference: float | None
    missing: str | None


@dataclass(frozen=True)
class Verdict:
    """A target and what was found.

    Args:
        of: Name of the contestant that is judged.
        against: Name of the other; None if the figures are seconds or MiB.
        measure: "seconds" or "memory".
        at_most: What was asked.
        found: The median; None if it could not be measured.
        low: The lower quartile.
        high: The upper quartile.
        met: Whether the median is at most what was asked; None without a median.
    """

    of: str
    against: str | None
    measure: Measure
    at_most: float
    found: float | None
    low: float | None
    high: float | None
    met: bool | None


@dataclass(frozen=True)
class GrowthFound:
    """How time and memory grew with a size.

    Args:
        of: Whose growth it is.
        size: What grew.
        other_sizes: What stayed.
        sizes: Its values.
        seconds: Median seconds of a call, one a size.
        memory_mib: Extra peak memory of a call, one a size; None if not measured.
        exponent: Of time: the median of the rounds' fits.
        low: Its lower quartile.
        high: Its upper quartile.
        memory_exponent: Of memory; None if not measured.
        at_most: The exponent of time that is allowed; None if none was asked.
        met: Whether it is kept; None if nothing was asked.
    """

    of: str
    size: str
    other_sizes: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    memory_mib: tuple[float, ...] | None
    exponent: float
    low: float
    high: float
    memory_exponent: float | None
    at_most: float | None
    met: bool | None


@dataclass(frozen=True)
class Record:
    """All that a run of a benchmark found.

    Args:
        benchmark: Its name.
        says: What it is, one sentence.
        machine: See `describe_machine`.
        tolerance: How far results were allowed to be apart.
        entries: One a contestant.
        verdicts: One a target.
        growths: One a size that was grown.
        parts: Seconds of the parts of the library's call, by name.
    """

    benchmark: str
    says: str
    machine: Machine
    tolerance: float
    entries: tuple[Entry, ...]
    verdicts: tuple[Verdict, ...]
    growths: tuple[GrowthFound, ...]
    parts: dict[str, float]


def record_path(folder: Path, benchmark: str) -> Path:
    """Where the record of a benchmark lies in a folder."""
    return folder / f"{benchmark}.json"


def write_record(record: Record, folder: Path) -> Path:
    """Write a record as its file, whole or not at all; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = record_path(folder, record.benchmark)
    text = json.dumps(asdict(record), indent=1, ensure_ascii=False, allow_nan=False)
    with written_aside(path) as file:
        file.write(f"{text}\n".encode())
    return path


def read_record(path: Path) -> Record:
    """The record that a file holds.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if the file is not a benchmark's record.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Record(
            **found
            | {
                "entries": tuple(Entry(**_tuples(one)) for one in found["entries"]),
                "verdicts": tuple(Verdict(**one) for one in found["verdicts"]),
                "growths": tuple(
                    GrowthFound(**_tuples(one)) for one in found["growths"]
                ),
            }
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a benchmark's record: {error}") from error


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields whose lists, all that JSON has, are the tuples that they were."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in fields.items()
    }

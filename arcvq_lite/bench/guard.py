"""Whether the ratios of today are those that are stored, at a wide tolerance."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from arcvq_lite.bench.record import Record, Verdict, read_record, record_path

# Another processor has other ratios. Twice the stored one is no matter of processors.
WIDEST = 2.0


def stored_records(names: Iterable[str], folder: Path) -> dict[str, Record]:
    """The records of benchmarks by name, from a folder that holds them all.

    Raises:
        FileNotFoundError: if one is missing, with the command that stores it.
        ValueError: if a file is no record.
    """
    paths = {name: record_path(folder, name) for name in names}
    missing = [path.name for path in paths.values() if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} has no {' and no '.join(missing)} to compare with: run "
            f"`arcvq bench --out {folder}` on a machine that does nothing else"
        )
    return {name: read_record(path) for name, path in paths.items()}


def guard(record: Record, stored: Record) -> tuple[str, bool]:
    """Compare the first ratio of times with the one in an earlier record.

    Args:
        record: Of today.
        stored: Of an earlier day.

    Returns:
        A line that says it, and whether the ratio has held.

    Raises:
        ValueError: if one of the records has not the ratio.
    """
    now = _first_ratio(record)
    then = _same_ratio(stored, now)
    assert now.found is not None
    assert then.found is not None
    held = now.found <= WIDEST * then.found
    said = "holds" if held else f"SLOWER, more than {WIDEST:g} times what is stored"
    return (
        f"{record.benchmark}: {now.of} takes {now.found:.3g} of {now.against}'s time, "
        f"{then.found:.3g} stored: {said}"
    ), held


def _first_ratio(record: Record) -> Verdict:
    for verdict in record.verdicts:
        if _is_time_ratio(verdict):
            return verdict
    raise ValueError(f"{record.benchmark} has no ratio of times to compare")


def _same_ratio(stored: Record, now: Verdict) -> Verdict:
    for verdict in stored.verdicts:
        if _is_time_ratio(verdict) and (verdict.of, verdict.against) == (
            now.of,
            now.against,
        ):
            return verdict
    raise ValueError(
        f"the stored record of {stored.benchmark} has no time of {now.of} against "
        f"{now.against}: store it anew with `arcvq bench`"
    )


def _is_time_ratio(verdict: Verdict) -> bool:
    return (
        verdict.measure == "seconds"
        and verdict.against is not None
        and verdict.found is not None
    )

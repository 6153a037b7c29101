"""Whether the ratios of today are those that are stored, at a wide tolerance."""

from __future__ import annotations

from pathlib import Path

from arcvq_lite.bench.record import Record, Verdict, read_record, record_path

# Another processor has other ratios. Twice the stored one is no matter of processors.
WIDEST = 2.0


def guard(record: Record, folder: Path) -> tuple[str, bool]:
    """Compare the first ratio of times with the one in a folder of records.

    Args:
        record: Of today.
        folder: Holds the record of an earlier day.

    Returns:
        A line that says it, and whether the ratio has held.

    Raises:
        FileNotFoundError: if the folder has no such record.
        ValueError: if that file is no record, or has not the ratio.
    """
    now = _first_ratio(record)
    path = record_path(folder, record.benchmark)
    stored = _same_ratio(read_record(path), now, path)
    assert now.found is not None
    assert stored.found is not None
    held = now.found <= WIDEST * stored.found
    said = "holds" if held else f"SLOWER, more than {WIDEST:g} times what is stored"
    return (
        f"{record.benchmark}: {now.of} takes {now.found:.3g} of {now.against}'s time, "
        f"{stored.found:.3g} stored: {said}"
    ), held


def _first_ratio(record: Record) -> Verdict:
    for verdict in record.verdicts:
        if _is_time_ratio(verdict):
            return verdict
    raise ValueError(f"{record.benchmark} has no ratio of times to compare")


def _same_ratio(stored: Record, now: Verdict, path: Path) -> Verdict:
    for verdict in stored.verdicts:
        if _is_time_ratio(verdict) and (verdict.of, verdict.against) == (
            now.of,
            now.against,
        ):
            return verdict
    raise ValueError(f"{path} has no time of {now.of} against {now.against}")


def _is_time_ratio(verdict: Verdict) -> bool:
    return (
        verdict.measure == "seconds"
        and verdict.against is not None
        and verdict.found is not None
    )

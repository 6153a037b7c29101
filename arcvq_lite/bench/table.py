"""A record as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable

from arcvq_lite.bench.clock import spread
from arcvq_lite.bench.growth import fitted_power
from arcvq_lite.bench.record import Entry, GrowthFound, Record, Verdict

Rows = list[list[str]]

_HEAD = ["", "one call", "quartiles", "extra memory", "off by"]


def as_text(record: Record) -> list[str]:
    """The lines of a record, its table in columns."""
    rows = [_HEAD, *_rows(record)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    table = [
        "  "
        + "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [f"{record.benchmark}: {record.says}", *table, *sentences(record)]


def sentences(record: Record) -> list[str]:
    """What is said below the table: targets, parts, growth."""
    return [
        *(f"  {verdict_line(verdict)}" for verdict in record.verdicts),
        *_part_lines(record.parts),
        *(f"  {line}" for one in record.growths for line in _growth_lines(record, one)),
    ]


def verdict_line(verdict: Verdict) -> str:
    """What was asked, what was found, and whether it is met."""
    show: Callable[[float], str]
    if verdict.against is None:
        show, what = mebibytes, "takes extra memory of"
        if verdict.measure == "seconds":
            show, what = duration, "takes"
    else:
        show = _ratio
        what = f"takes of {verdict.against}'s " + (
            "time" if verdict.measure == "seconds" else "extra memory"
        )
    asked = f"at most {show(verdict.at_most)} asked"
    if verdict.found is None or verdict.low is None or verdict.high is None:
        return f"{verdict.of} {what}: not measured, {asked}"
    between = ""
    if verdict.low != verdict.high:
        between = f" ({show(verdict.low)} to {show(verdict.high)})"
    met = "met" if verdict.met else "MISSED"
    return f"{verdict.of} {what} {show(verdict.found)}{between}, {asked}: {met}"


def duration(seconds: float) -> str:
    """Seconds in the unit that leaves three digits."""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def mebibytes(mib: float) -> str:
    """MiB, or GiB from one of them on."""
    return f"{mib / 1024:.3g} GiB" if mib >= 1024 else f"{mib:.3g} MiB"


def _ratio(value: float) -> str:
    return f"{value:.3g}"


def _rows(record: Record) -> Rows:
    return [_row(entry) for entry in record.entries]


def _row(entry: Entry) -> list[str]:
    if entry.median is None:
        return [entry.name, entry.missing or "", "", "", ""]
    quartiles = spread(entry.seconds)
    low, high = duration(quartiles.low), duration(quartiles.high)
    memory = "" if entry.memory_mib is None else mebibytes(entry.memory_mib)
    off = "" if entry.difference is None else f"{entry.difference:.1g}"
    return [entry.name, duration(entry.median), f"{low} – {high}", memory, off]


def _part_lines(parts: dict[str, float]) -> list[str]:
    total = sum(parts.values())
    if not total:
        return []
    shares = [f"{name} {seconds / total:.0%}" for name, seconds in parts.items()]
    return [f"  parts of arcvq_lite's time: {', '.join(shares)}"]


def _growth_lines(record: Record, growth: GrowthFound) -> list[str]:
    first, last = growth.sizes[0], growth.sizes[-1]
    while_ = f", {growth.other_sizes}" if growth.other_sizes else ""
    line = (
        f"{growth.of}, {growth.size} from {first:,} to {last:,}{while_}: "
        f"time grows as {growth.size}^{growth.exponent:.2f} "
        f"({growth.low:.2f} to {growth.high:.2f})"
    )
    if growth.met is not None:
        asked = "met" if growth.met else "MISSED"
        line += f", at most {growth.at_most:.2f} asked: {asked}"
    if growth.memory_mib is None or growth.memory_exponent is None:
        return [line]
    line += (
        f"; extra memory {mebibytes(growth.memory_mib[0])} to "
        f"{mebibytes(growth.memory_mib[-1])}, as {growth.size}^"
        f"{growth.memory_exponent:.2f}"
    )
    # What a way would need that was not tried at a size that another one reaches.
    reached = max(
        other.sizes[-1]
        for other in record.growths
        if (other.size, other.other_sizes) == (growth.size, growth.other_sizes)
    )
    if reached == last:
        return [line]
    exponent, factor = fitted_power(growth.sizes, growth.memory_mib)
    need = mebibytes(factor * reached**exponent)
    return [line, f"{growth.of} at {growth.size} = {reached:,} would need {need}"]

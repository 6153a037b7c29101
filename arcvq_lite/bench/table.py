"""A record in words: the cells of its table, its sentences, and both for a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from arcvq_lite.bench.clock import spread
from arcvq_lite.bench.growth import fitted_power
from arcvq_lite.bench.record import Entry, GrowthFound, Record, Verdict

HEAD = ("", "one call", "quartiles", "extra memory", "off by")
"""Above the cells of a contestant."""


def as_text(record: Record) -> list[str]:
    """The lines of a record, its table in columns."""
    rows = [[*HEAD], *map(entry_cells, record.entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
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
        f"  {line}"
        for line in (
            *map(verdict_line, record.verdicts),
            *part_lines(record),
            *growth_lines(record),
        )
    ]


def verdict_line(verdict: Verdict) -> str:
    """What was asked, what was found, and whether it is met."""
    cells = verdict_cells(verdict)
    between = f" ({cells.low} to {cells.high})" if cells.low != cells.high else ""
    found = f" {cells.found}{between}" if cells.met else f": {cells.found}"
    met = f": {cells.met}" if cells.met else ""
    return f"{cells.what}{found}, at most {cells.asked} asked{met}"


class VerdictCells(NamedTuple):
    """A verdict, every figure with its unit.

    Args:
        what: Begins a sentence that the figure found ends.
        found: The median, or that it was not measured.
        low: The lower quartile; empty without a median, and so are those that follow
            but for what was asked.
        high: The upper quartile.
        asked: At most this.
        met: "met" or "MISSED".
    """

    what: str
    found: str
    low: str
    high: str
    asked: str
    met: str


def verdict_cells(verdict: Verdict) -> VerdictCells:
    """The words and figures of a verdict, one by one."""
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
    what, asked = f"{verdict.of} {what}", show(verdict.at_most)
    if verdict.found is None or verdict.low is None or verdict.high is None:
        return VerdictCells(what, "not measured", "", "", asked, "")
    found, low, high = (show(one) for one in (verdict.found, verdict.low, verdict.high))
    return VerdictCells(
        what, found, low, high, asked, "met" if verdict.met else "MISSED"
    )


def duration(seconds: float) -> str:
    """Seconds in the unit that leaves three digits."""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def mebibytes(mib: float) -> str:
    """MiB, or GiB from one of them on."""
    return f"{mib / 1024:.3g} GiB" if mib >= 1024 else f"{mib:.3g} MiB"


def exponent(value: float) -> str:
    """An exponent with two decimals, and no sign before a zero."""
    return f"{round(value, 2) + 0.0:.2f}"


def _ratio(value: float) -> str:
    return f"{value:.3g}"


def entry_cells(entry: Entry) -> list[str]:
    """What a contestant took, in the columns of `HEAD`."""
    if entry.median is None:
        return [entry.name, entry.missing or "", "", "", ""]
    quartiles = spread(entry.seconds)
    low, high = duration(quartiles.low), duration(quartiles.high)
    memory = "" if entry.memory_mib is None else mebibytes(entry.memory_mib)
    off = "" if entry.difference is None else f"{entry.difference:.1g}"
    return [entry.name, duration(entry.median), f"{low} – {high}", memory, off]


def part_lines(record: Record) -> list[str]:
    """The shares of the parts of the library's call: one line, or none."""
    total = sum(record.parts.values())
    if not total:
        return []
    shares = [f"{name} {part / total:.0%}" for name, part in record.parts.items()]
    return [f"parts of arcvq_lite's time: {', '.join(shares)}"]


def growth_lines(record: Record) -> list[str]:
    """How time and memory grew, and what the ways that stopped early would need."""
    return [line for one in record.growths for line in _growth_lines(record, one)]


def _growth_lines(record: Record, growth: GrowthFound) -> list[str]:
    first, last = growth.sizes[0], growth.sizes[-1]
    while_ = f", {growth.other_sizes}" if growth.other_sizes else ""
    line = (
        f"{growth.of}, {growth.size} from {first:,} to {last:,}{while_}: "
        f"time grows as {growth.size}^{exponent(growth.exponent)} "
        f"({exponent(growth.low)} to {exponent(growth.high)})"
    )
    if growth.met is not None:
        asked = "met" if growth.met else "MISSED"
        line += f", at most {growth.at_most:.2f} asked: {asked}"
    if growth.memory_mib is None or growth.memory_exponent is None:
        return [line]
    line += (
        f"; extra memory {mebibytes(growth.memory_mib[0])} to "
        f"{mebibytes(growth.memory_mib[-1])}, as {growth.size}^"
        f"{exponent(growth.memory_exponent)}"
    )
    # What a way would need that was not tried at a size that another one reaches.
    reached = max(
        other.sizes[-1]
        for other in record.growths
        if (other.size, other.other_sizes) == (growth.size, growth.other_sizes)
    )
    if reached == last:
        return [line]
    power, factor = fitted_power(growth.sizes, growth.memory_mib)
    need = mebibytes(factor * reached**power)
    return [line, f"{growth.of} at {growth.size} = {reached:,} would need {need}"]

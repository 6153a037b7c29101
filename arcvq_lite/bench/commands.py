"""What `arcvq bench` does: a generator of lines for the reader, then a status."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

from arcvq_lite.bench.benchmark import Benchmark, DisagreementError
from arcvq_lite.bench.guard import guard, stored_records
from arcvq_lite.bench.list import benchmarks as find_benchmarks
from arcvq_lite.bench.measuring import measure, measure_quickly
from arcvq_lite.bench.own_process import in_own_process
from arcvq_lite.bench.record import Record, write_record
from arcvq_lite.bench.table import as_text

Lines = Generator[str, None, int]

WANTING = 1
ROUNDS, QUICK_ROUNDS = 7, 3
# Of rounds, where a ratio has not held: a machine may have been busy for a while.
_MORE = 3
_FOLDER = Path("runs", "bench")


def bench(
    benchmarks: Sequence[str] = (),
    quick: bool = False,
    *,
    out: Path = _FOLDER,
    rounds: int | None = None,
    against: Path | None = None,
) -> Lines:
    """Measure time and memory beside other ways to compute the same.

    A target that is missed is reported; it is no failure.

    Args:
        benchmarks: such as margin_loss or lookup; all when none is named.
        quick: only the time of a few.
        out: the folder of the records, one JSON file a benchmark.
        rounds: how many turns each way takes; 7 by default, 3 with --quick.
        against: a folder of records; a ratio above twice the stored one is measured
            once more, in three times the rounds, and fails if it still is.

    Yields:
        A table a benchmark, and where its record is.

    Returns:
        0, or 1 if ways do not compute the same, or a ratio has not held.

    Raises:
        ValueError: if a benchmark is unknown, or `rounds` is below 1.
        FileNotFoundError: if `against` has no record of a benchmark; nothing is
            measured then.
    """
    chosen = find_benchmarks(benchmarks)
    if quick:
        chosen = tuple(one for one in chosen if one.quick)
    if rounds is None:
        rounds = QUICK_ROUNDS if quick else ROUNDS
    if rounds < 1:
        raise ValueError(f"rounds={rounds} must be at least 1")
    stored = stored_records((one.name for one in chosen), against) if against else {}
    wanting = 0
    for benchmark in chosen:
        try:
            way = measure_quickly if quick else measure
            record = in_own_process(way, benchmark, rounds)
            yield from as_text(record)
            yield f"  written to {write_record(record, out)}"
            if benchmark.name in stored:
                wanting |= yield from _compare(
                    benchmark, record, stored[benchmark.name], _MORE * rounds
                )
        except DisagreementError as error:
            wanting = WANTING
            yield f"{benchmark.name} does not count: {error}"
    return wanting


def _compare(
    benchmark: Benchmark, record: Record, stored: Record, rounds: int
) -> Lines:
    """Compare with the stored record; once more, in so many rounds, if it must be."""
    line, held = guard(record, stored)
    if not held:
        yield f"{line}; measured once more, in {rounds} rounds"
        again = in_own_process(measure_quickly, benchmark, rounds)
        line, held = guard(again, stored)
    yield line
    return 0 if held else WANTING

"""One benchmark from its contestants to its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from arcvq_lite.bench.agreement import agreed
from arcvq_lite.bench.benchmark import (
    Benchmark,
    Call,
    Contestant,
    Growth,
    Limit,
    Target,
)
from arcvq_lite.bench.clock import Spread, interleaved_seconds, ratios, spread
from arcvq_lite.bench.growth import fitted_power
from arcvq_lite.bench.machine import Machine, describe_machine, installed_version
from arcvq_lite.bench.memory import extra_peak
from arcvq_lite.bench.record import Entry, GrowthFound, Record, Verdict

NOT_INSTALLED = "not installed"
# Growth needs no fine ratios, and its largest sizes take long.
_GROWTH_ROUNDS = 3
# Below this the system's count of pages says nothing, and a ratio to it even less.
_SMALLEST_MEMORY_MIB = 0.25


def measure(benchmark: Benchmark, rounds: int) -> Record:
    """Compare what all contestants compute, then their time, memory and growth.

    Raises:
        DisagreementError: if two do not compute the same; nothing is timed then.
        ValueError: if `rounds` is below 1.
    """
    machine = _machine(benchmark)
    entries = compare(benchmark, rounds)
    entries = {
        contestant.name: _with_memory(entries[contestant.name], contestant)
        for contestant in benchmark.contestants
    }
    entries |= {limit.name: _limited(limit, rounds) for limit in benchmark.limits}
    return _record(
        benchmark,
        machine,
        entries,
        growths=tuple(measure_growth(growth) for growth in benchmark.growths),
        parts=dict(benchmark.parts()) if benchmark.parts is not None else {},
    )


def measure_quickly(benchmark: Benchmark, rounds: int) -> Record:
    """As `measure`, time alone.

    Raises:
        DisagreementError: if two do not compute the same; nothing is timed then.
        ValueError: if `rounds` is below 1.
    """
    machine = _machine(benchmark)
    entries = compare(benchmark, rounds)
    return _record(benchmark, machine, entries, growths=(), parts={})


def compare(benchmark: Benchmark, rounds: int) -> dict[str, Entry]:
    """What the contestants took, by name, once they are known to agree.

    Raises:
        DisagreementError: if two do not compute the same.
        ValueError: if `rounds` is below 1.
    """
    calls: dict[str, Call] = {}
    for contestant in benchmark.contestants:
        if _is_installed(contestant):
            calls[contestant.name] = contestant.prepare()
    results = {
        contestant.name: calls[contestant.name]()
        for contestant in benchmark.contestants
        if contestant.compared and contestant.name in calls
    }
    differences = agreed(results, benchmark.tolerance)
    del results
    seconds = interleaved_seconds(calls, rounds)
    return {
        contestant.name: Entry(
            name=contestant.name,
            seconds=seconds[contestant.name],
            median=spread(seconds[contestant.name]).median,
            memory_mib=None,
            difference=differences.get(contestant.name),
            missing=None,
        )
        if contestant.name in calls
        else Entry(contestant.name, (), None, None, None, NOT_INSTALLED)
        for contestant in benchmark.contestants
    }


def measure_growth(growth: Growth) -> GrowthFound:
    """Time and memory at every size, and the powers that fit them."""
    prepared = {str(size): growth.prepare(size) for size in growth.sizes}
    seconds = interleaved_seconds(prepared, _GROWTH_ROUNDS)
    del prepared
    by_round = zip(*seconds.values(), strict=True)
    exponent = spread([fitted_power(growth.sizes, one)[0] for one in by_round])
    memory = [extra_peak(partial(growth.prepare, size)) for size in growth.sizes]
    known = tuple(max(one, _SMALLEST_MEMORY_MIB) for one in memory if one is not None)
    measured = len(known) == len(growth.sizes)
    return GrowthFound(
        of=growth.of,
        size=growth.size,
        other_sizes=growth.other_sizes,
        sizes=growth.sizes,
        seconds=tuple(spread(one).median for one in seconds.values()),
        memory_mib=known if measured else None,
        exponent=exponent.median,
        low=exponent.low,
        high=exponent.high,
        memory_exponent=fitted_power(growth.sizes, known)[0] if measured else None,
        at_most=growth.at_most,
        met=None if growth.at_most is None else exponent.median <= growth.at_most,
    )


def judge(target: Target, entries: Mapping[str, Entry]) -> Verdict:
    """Whether a target is met by what was measured."""
    of = entries[target.of]
    against = entries[target.against] if target.against is not None else None
    found = (
        _time_ratio(of, against)
        if target.measure == "seconds"
        else _memory_ratio(of, against)
    )
    return Verdict(
        of=target.of,
        against=target.against,
        measure=target.measure,
        at_most=target.at_most,
        found=found.median if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        met=found.median <= target.at_most if found else None,
    )


def _time_ratio(of: Entry, against: Entry | None) -> Spread | None:
    if not of.seconds:
        return None
    if against is None:
        return spread(of.seconds)
    return ratios(of.seconds, against.seconds) if against.seconds else None


def _memory_ratio(of: Entry, against: Entry | None) -> Spread | None:
    if of.memory_mib is None:
        return None
    if against is None:
        return spread([of.memory_mib])
    if against.memory_mib is None:
        return None
    return ratios([of.memory_mib], [max(against.memory_mib, _SMALLEST_MEMORY_MIB)])


def _with_memory(entry: Entry, contestant: Contestant) -> Entry:
    if entry.missing is not None:
        return entry
    return replace(entry, memory_mib=extra_peak(contestant.prepare))


def _limited(limit: Limit, rounds: int) -> Entry:
    seconds = tuple(limit.seconds(rounds))
    median = spread(seconds).median
    return Entry(limit.name, seconds, median, None, None, None)


def _is_installed(contestant: Contestant) -> bool:
    package = contestant.package
    return package is None or installed_version(package) is not None


def _machine(benchmark: Benchmark) -> Machine:
    packages = [one.package for one in benchmark.contestants if one.package is not None]
    return describe_machine(packages)


def _record(
    benchmark: Benchmark,
    machine: Machine,
    entries: Mapping[str, Entry],
    *,
    growths: tuple[GrowthFound, ...],
    parts: dict[str, float],
) -> Record:
    targets = [
        *benchmark.targets,
        *(
            Target(limit.name, None, "seconds", limit.at_most)
            for limit in benchmark.limits
            if limit.name in entries
        ),
    ]
    return Record(
        benchmark=benchmark.name,
        says=benchmark.says,
        machine=machine,
        tolerance=benchmark.tolerance,
        entries=tuple(entries.values()),
        verdicts=tuple(judge(target, entries) for target in targets),
        growths=growths,
        parts=parts,
    )

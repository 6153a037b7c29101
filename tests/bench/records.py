"""Small records of benchmarks, for the tests of what shows them."""

from dataclasses import replace

from arcvq_lite.bench.record import Entry, GrowthFound, Record, Verdict

MACHINE = {
    "date": "2026-11-28T10:00:00+00:00",
    "system": "Linux-6",
    "processor": "Model X",
    "cores": 2,
    "threads": 2,
    "load": 2.0,
    "python": "3.11.7",
    "torch": "2.9.0",
    "arcvq_lite": "0.1.0",
}


def an_entry(name, *seconds, memory=None, difference=0.0):
    """A contestant; the second of three seconds is the median."""
    median = sorted(seconds)[len(seconds) // 2]
    return Entry(name, seconds, median, memory, difference, None)


def a_growth(of="arcvq_lite", size="K", *, memory=(32.0, 64.0), others="N = 8"):
    return GrowthFound(
        of=of,
        size=size,
        other_sizes=others,
        sizes=(1_024, 4_096),
        seconds=(0.1, 0.4),
        memory_mib=memory,
        exponent=1.0,
        low=0.96,
        high=1.03,
        memory_exponent=None if memory is None else 0.5,
        at_most=1.05,
        met=True,
    )


def a_record(name="margin_loss", ours="arcvq_lite", plain="plain formula", **fields):
    """Of two contestants and a target that is met."""
    record = Record(
        benchmark=name,
        says="Some work.",
        machine=MACHINE,
        tolerance=1e-4,
        entries=(
            an_entry(plain, 0.7, 0.9, 0.8, memory=1536.0),
            an_entry(ours, 0.1, 0.2, 0.3, memory=12.0, difference=2e-6),
            Entry("elsewhere", (), None, None, None, "not installed"),
        ),
        verdicts=(Verdict(ours, plain, "seconds", 0.5, 0.25, 0.125, 0.375, True),),
        growths=(),
        parts={},
    )
    return replace(record, **fields)

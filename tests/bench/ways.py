"""Small ways to compute the same, for the tests of what measures them."""

from functools import partial

import torch

from arcvq_lite.bench.benchmark import Benchmark, Contestant, Growth, Target


def summed(size=1000):
    """The sum of the first numbers, of one allocation."""

    def call():
        return {"sum": torch.arange(size, dtype=torch.float64).sum()}

    return call


def by_formula(size=1000, off=0.0):
    """The same by Gauss's formula, and wrong if wanted."""

    def call():
        return {"sum": torch.tensor(size * (size - 1) / 2 + off, dtype=torch.float64)}

    return call


def nothing():
    """No work and no result."""
    return lambda: None


def holding(mebibytes):
    """A call that holds so much memory for a moment."""
    return lambda: torch.ones(mebibytes << 18).sum()


def a_benchmark(name="sums", *, off=0.0, at_most=1e9, quick=True, growths=()):
    return Benchmark(
        name=name,
        says="The sum of 1,000 numbers.",
        contestants=(
            Contestant("one by one", summed),
            Contestant("formula", partial(by_formula, off=off)),
            Contestant("elsewhere", summed, package="no-such-distribution"),
            Contestant("floor", nothing, compared=False),
        ),
        targets=(Target("formula", "one by one", "seconds", at_most),),
        tolerance=1e-9,
        quick=quick,
        growths=growths,
    )


def a_growth(of="one by one", sizes=(1_000, 1_000_000)):
    return Growth(of, "n", sizes, summed, at_most=5.0, other_sizes="nothing else")


def entry_of(record, name):
    """What the contestant of that name took."""
    (entry,) = (entry for entry in record.entries if entry.name == name)
    return entry

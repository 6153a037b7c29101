"""All benchmarks, in the order of the table."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import import_module

from arcvq_lite.bench.benchmark import Benchmark

# Each is a module of this room with a tuple `BENCHMARKS`.
SUBJECTS = (
    "margin_loss",
    "lookup",
    "vqvae_step",
    "vqgan_step",
    "loading",
    "encoding",
    "prior_sampling",
    "reading",
)


def benchmarks(subjects: Sequence[str] = ()) -> tuple[Benchmark, ...]:
    """The benchmarks of the named subjects; of all when none is named.

    Raises:
        ValueError: if a subject is unknown.
    """
    found: list[Benchmark] = []
    for subject in subjects or SUBJECTS:
        if subject not in SUBJECTS:
            near = difflib.get_close_matches(subject, SUBJECTS, n=1)
            hint = f"did you mean {near[0]}?" if near else "see `arcvq bench --help`"
            raise ValueError(
                f"benchmark={subject!r} is none of {', '.join(SUBJECTS)}; {hint}"
            )
        found += import_module(f"arcvq_lite.bench.{subject}").BENCHMARKS
    return tuple(found)

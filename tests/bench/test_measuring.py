"""A benchmark becomes a record: agreement first, then time, memory and growth."""

import json
import sys
from functools import partial

import pytest
from ways import a_benchmark, a_growth, entry_of, holding

from arcvq_lite.bench import measuring
from arcvq_lite.bench.benchmark import Benchmark, DisagreementError, Target
from arcvq_lite.bench.measuring import judge, measure, measure_quickly
from arcvq_lite.bench.memory import extra_peak
from arcvq_lite.bench.record import Entry, read_record, record_path, write_record

linux = pytest.mark.skipif(sys.platform != "linux", reason="peaks are read on Linux")


@pytest.fixture
def seconds(monkeypatch):
    """Instead of the clock: what each way takes, by name."""
    taken = {}

    def given(calls, rounds):
        return {name: taken.get(name, (1.0,) * rounds) for name in calls}

    monkeypatch.setattr(measuring, "interleaved_seconds", given)
    return taken


def test_a_way_that_computes_something_else_is_never_timed(seconds, monkeypatch):
    monkeypatch.setattr(
        measuring, "interleaved_seconds", lambda *a: pytest.fail("it was timed")
    )
    with pytest.raises(DisagreementError, match=r"sum of formula differs .* by 0\.002"):
        measure_quickly(a_benchmark(off=999.0), 3)


def test_a_package_that_is_not_installed_is_a_row_and_no_failure(seconds):
    record = measure_quickly(a_benchmark(), 3)
    entry = entry_of(record, "elsewhere")
    assert entry == Entry("elsewhere", (), None, None, None, "not installed")
    assert record.machine["no-such-distribution"] is None


def test_medians_differences_and_verdicts_are_of_what_was_measured(seconds):
    seconds |= {"one by one": (2.0, 4.0, 8.0), "formula": (1.0, 1.0, 6.0)}
    record = measure_quickly(a_benchmark(at_most=0.5), 3)
    assert entry_of(record, "one by one").median == 4.0
    assert entry_of(record, "formula").difference == 0.0
    assert entry_of(record, "floor").difference is None
    (verdict,) = record.verdicts
    assert (verdict.low, verdict.found, verdict.high) == (0.375, 0.5, 0.625)
    assert verdict.met is True
    assert measure_quickly(a_benchmark(at_most=0.49), 3).verdicts[0].met is False


def test_a_record_is_the_same_when_it_is_read_back(seconds, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "extra_peak", lambda prepare: 3.0)
    benchmark = Benchmark(
        **vars(a_benchmark(growths=(a_growth(),))) | {"parts": lambda: {"half": 0.5}}
    )
    record = measure(benchmark, 3)
    path = write_record(record, tmp_path / "new" / "folder")
    assert path == record_path(tmp_path / "new" / "folder", "sums")
    assert read_record(path) == record
    assert {"processor", "threads", "torch", "python", "date"} <= set(
        json.loads(path.read_text())["machine"]
    )
    assert [one.name for one in path.parent.iterdir()] == ["sums.json"]


@pytest.mark.parametrize("text", ["", "{}", '{"entries": [{"name": 1}]}'])
def test_what_is_no_record_is_refused_by_its_name(tmp_path, text):
    path = tmp_path / "sums.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"sums\.json is not a benchmark's record"):
        read_record(path)


def test_growth_has_an_exponent_of_time_and_of_memory(seconds, monkeypatch):
    seconds |= {"1000": (1.0, 1.0, 1.0), "1000000": (1e3, 1e6, 1e9)}
    memory = {1_000: 0.001, 1_000_000: 250.0}
    monkeypatch.setattr(measuring, "extra_peak", lambda way: memory[way.args[0]])
    found = measuring.measure_growth(a_growth())
    assert found.seconds == (1.0, 1e6)
    assert (found.low, found.exponent, found.high) == pytest.approx((1.5, 2.0, 2.5))
    assert found.memory_mib == (0.25, 250.0)  # what a count of pages can tell
    assert found.memory_exponent == pytest.approx(1.0)
    assert found.met is True


def entry(name, *seconds, memory=None):
    return Entry(name, seconds, None, memory, None, None)


def test_targets_of_memory_and_of_seconds_themselves():
    entries = {"a": entry("a", 2.0, memory=10.0), "b": entry("b", memory=100.0)}
    ratio = judge(Target("a", "b", "memory", 0.1), entries)
    assert (ratio.found, ratio.met) == (pytest.approx(0.1), True)
    assert judge(Target("a", None, "seconds", 1.9), entries).met is False
    assert judge(Target("a", None, "memory", 10.0), entries).found == 10.0
    for missing in (Target("a", "b", "seconds", 1.0), Target("b", None, "seconds", 1)):
        assert judge(missing, entries).met is None


@linux
@pytest.mark.slow
def test_extra_memory_is_what_a_call_holds_for_a_moment():
    low, high = (extra_peak(partial(holding, size)) for size in (0, 64))
    assert low < 1
    assert high == pytest.approx(64, abs=4)

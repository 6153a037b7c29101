"""`arcvq bench`: what it prints, what it writes, and when it fails."""

from dataclasses import replace

import pytest
from ways import a_benchmark, a_growth, entry_of

from arcvq_lite.bench import commands, measuring
from arcvq_lite.bench import list as listed
from arcvq_lite.bench.benchmark import Benchmark
from arcvq_lite.bench.record import GrowthFound, read_record, write_record
from arcvq_lite.bench.table import as_text, duration, mebibytes
from arcvq_lite.cli import main


@pytest.fixture(autouse=True)
def instant(monkeypatch):
    """A clock on which each way takes a second, and the formula half of one."""

    def given(calls, rounds):
        return {name: (0.5 if name == "formula" else 1.0,) * rounds for name in calls}

    monkeypatch.setattr(measuring, "interleaved_seconds", given)
    monkeypatch.setattr(measuring, "extra_peak", lambda prepare: 2048.0)
    # Another process would have the usual clock.
    monkeypatch.setattr(commands, "in_own_process", lambda way, *given: way(*given))


@pytest.fixture
def offer(monkeypatch):
    """Let the program know these benchmarks and no others."""

    def offer(*benchmarks):
        monkeypatch.setattr(commands, "find_benchmarks", lambda names: benchmarks)

    return offer


def run(capsys, *words):
    status = main(["bench", *map(str, words)])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_a_target_that_is_missed_is_reported_and_is_no_failure(offer, capsys, tmp_path):
    offer(a_benchmark(at_most=0.4), a_benchmark("other", at_most=0.5))
    status, out, _ = run(capsys, "--out", tmp_path)
    assert status == 0
    assert "formula takes of one by one's time 0.5, at most 0.4 asked: MISSED\n" in out
    assert "formula takes of one by one's time 0.5, at most 0.5 asked: met\n" in out
    assert read_record(tmp_path / "sums.json").verdicts[0].met is False


def test_results_that_differ_fail_and_the_other_benchmarks_still_run(
    offer, capsys, tmp_path
):
    offer(a_benchmark("wrong", off=999.0), a_benchmark())
    status, out, _ = run(capsys, "--out", tmp_path)
    assert status == 1
    assert "wrong does not count: sum of formula differs from that of one by o" in out
    assert [path.name for path in tmp_path.iterdir()] == ["sums.json"]


def test_quick_leaves_out_the_slow_ones_and_memory(offer, capsys, tmp_path):
    offer(a_benchmark(), a_benchmark("slow", quick=False))
    status, _, _ = run(capsys, "--quick", "--out", tmp_path)
    assert status == 0
    assert [path.name for path in tmp_path.iterdir()] == ["sums.json"]
    entry = entry_of(read_record(tmp_path / "sums.json"), "formula")
    assert (len(entry.seconds), entry.memory_mib) == (3, None)


@pytest.fixture
def stored(offer, tmp_path):
    """Offer a benchmark whose stored ratio is so many times today's."""

    def store(factor):
        benchmark = a_benchmark()
        record = measuring.measure_quickly(benchmark, 1)
        (verdict,) = record.verdicts
        earlier = replace(verdict, found=verdict.found * factor)
        write_record(replace(record, verdicts=(earlier,)), tmp_path / "stored")
        offer(benchmark)
        return "--quick", "--out", tmp_path, "--against", tmp_path / "stored"

    return store


@pytest.mark.parametrize(
    ("factor", "status", "said"),
    [(1.0, 0, "holds"), (0.51, 0, "holds"), (0.49, 1, "SLOWER, more than 2 times")],
)
def test_the_guard_compares_ratios_with_the_stored_ones(
    stored, capsys, factor, status, said
):
    found, out, _ = run(capsys, *stored(factor))
    line = f"sums: formula takes 0.5 of one by one's time, {factor / 2:.3g} stored: "
    assert found == status
    assert out.splitlines()[-1].startswith(line + said)


def test_a_ratio_that_is_high_once_is_measured_once_more_in_more_rounds(
    stored, capsys, monkeypatch
):
    def busy_at_first(calls, rounds):
        slow = 3.0 if rounds == 3 else 0.5
        return {name: (slow if name == "formula" else 1.0,) * rounds for name in calls}

    words = stored(1.0)
    monkeypatch.setattr(measuring, "interleaved_seconds", busy_at_first)
    status, out, _ = run(capsys, *words)
    first, second = out.splitlines()[-2:]
    assert status == 0
    assert "takes 3 of one by one's time, 0.5 stored: SLOWER" in first
    assert first.endswith("; measured once more, in 9 rounds")
    assert second.endswith("takes 0.5 of one by one's time, 0.5 stored: holds")


def test_the_guard_without_a_stored_record_measures_nothing_and_says_how_to_store_it(
    offer, capsys, tmp_path
):
    offer(a_benchmark())
    status, out, error = run(
        capsys, "--quick", "--out", tmp_path, "--against", tmp_path / "none"
    )
    assert (status, out) == (2, "")
    assert "none has no sums.json" in error
    assert f"`arcvq bench --out {tmp_path / 'none'}`" in error


def test_three_benchmarks_are_quick_and_have_a_ratio_to_guard():
    quick = [one for one in listed.benchmarks() if one.quick]
    assert len(quick) == 3
    for benchmark in quick:
        assert any(
            target.measure == "seconds" and target.against
            for target in benchmark.targets
        )


def test_an_unknown_benchmark_and_no_round_are_refused(capsys, tmp_path):
    status, _, error = run(capsys, "margin_los", "--out", tmp_path)
    assert status == 2
    assert "did you mean margin_loss?" in error
    status, _, error = run(capsys, "margin_loss", "--rounds", "0", "--out", tmp_path)
    assert status == 2
    assert "rounds=0 must be at least 1" in error


def test_every_listed_benchmark_can_be_found_and_is_whole():
    found = listed.benchmarks()
    assert len({one.name for one in found}) == len(found)
    for benchmark in found:
        assert isinstance(benchmark, Benchmark)
        names = [one.name for one in benchmark.contestants]
        assert len(set(names)) == len(names)
        for target in benchmark.targets:
            assert {target.of, target.against} <= {*names, None}
    assert listed.benchmarks(["lookup"]) == tuple(
        one for one in found if one.name.startswith("lookup")
    )


def test_a_table_has_columns():
    record = measuring.measure(a_benchmark(), 3)
    lines = as_text(record)
    assert lines[0] == "sums: The sum of 1,000 numbers."
    head, one, formula, elsewhere, floor = lines[1:6]
    assert head.index("one call") + 8 == one.index("1 s") + 3
    assert formula.split()[:3] == ["formula", "500", "ms"]
    assert formula.split()[-3:] == ["2", "GiB", "0"]
    assert elsewhere.split() == ["elsewhere", "not", "installed"]
    assert floor.split()[0] == "floor"


def test_what_a_way_would_need_is_said_where_another_one_reaches_further():
    record = measuring.measure(a_benchmark(growths=(a_growth(),)), 3)
    (short,) = record.growths
    short = replace(short, sizes=(10, 20), memory_mib=(1024.0, 2048.0))
    far = GrowthFound(
        **vars(short) | {"of": "formula", "sizes": (10, 80), "memory_mib": (1.0, 1.0)}
    )
    lines = as_text(replace(record, growths=(short, far)))
    assert "  one by one at n = 80 would need 8 GiB" in lines
    assert not any(line.startswith("  formula at n") for line in lines)


def test_parts_are_shares():
    record = replace(
        measuring.measure(a_benchmark(), 3), parts={"encoder": 0.3, "decoder": 0.1}
    )
    assert "  parts of arcvq_lite's time: encoder 75%, decoder 25%" in as_text(record)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(12.345, "12.3 s"), (0.0123, "12.3 ms"), (4e-6, "4 µs")]
)
def test_durations_have_three_digits(seconds, shown):
    assert duration(seconds) == shown


def test_large_memory_is_in_gibibytes():
    assert (mebibytes(12.34), mebibytes(1536)) == ("12.3 MiB", "1.5 GiB")

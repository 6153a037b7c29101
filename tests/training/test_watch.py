"""A run's log in a terminal."""

import json

import pytest

from arcvq_lite.training.watch import render, sparkline, watch


def write(path, rows, rest=""):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + rest)


@pytest.fixture
def run(tmp_path):
    rows = [
        {"step": s, "images": 8 * s + 8, "total": 4.0 - s, "samples": "ab"}
        for s in range(4)
    ]
    rows[3]["critic"] = 0.25
    write(tmp_path / "log.jsonl", rows, rest='{"step": 4, "to')
    clock = {"step": 3, "time": 100.0, "images_per_second": 12.34, "memory_mib": 2048}
    write(tmp_path / "clock.jsonl", [clock])
    return tmp_path


def test_the_view_has_where_the_run_is_and_each_curve_with_its_last_value(run):
    head, total, critic = render(run, now=107.0).splitlines()
    for part in ("step 3", "32 images seen", "12.3 images/s", "2,048 MiB", "7 s ago"):
        assert part in head
    assert total.split() == ["total", "█▆▃▁", "1"]
    assert critic.split() == ["critic", "▁", "0.25"]


def test_a_run_without_clocks_has_a_view_too(run):
    (run / "clock.jsonl").unlink()
    assert render(run).splitlines()[0] == "step 3 · 32 images seen"


@pytest.mark.parametrize(
    ("values", "width", "curve"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([0, 0, 7, 7], 2, "▁█"),
        ([5, 5, 5], 9, "▁▁▁"),
        ([1.0, float("nan"), 2.0], 3, "▁×█"),
        ([float("inf")], 3, "×"),
    ],
)
def test_a_curve_spans_from_its_lowest_to_its_highest(values, width, curve):
    assert sparkline(values, width) == curve


def test_once_shows_one_view_and_else_every_growth(run, monkeypatch):
    views = []
    assert watch(run, views.append, once=True) == 0
    assert len(views) == 1

    sleeps = []

    def grow(seconds):
        sleeps.append(seconds)
        if len(sleeps) == 2:
            write(run / "log.jsonl", [{"step": 9, "images": 80, "total": 1.0}])
        if len(sleeps) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", grow)
    views.clear()
    with pytest.raises(KeyboardInterrupt):
        watch(run, views.append, every=2.0)
    assert sleeps == [2.0] * 4
    assert [view.split(" ·")[0] for view in views] == ["step 3", "step 9"]


def test_a_folder_without_a_log_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no rows in log\.jsonl"):
        watch(tmp_path, print, once=True)

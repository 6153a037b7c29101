"""Loading, encoding, sampling and reading: the ways agree, and seconds are real."""

import gc
import json
import time

import pytest
import torch

from arcvq_lite.bench import (
    encoding,
    loading,
    prior_sampling,
    reading,
    slider_moves,
)
from arcvq_lite.bench.agreement import agreed
from arcvq_lite.bench.benchmark import DisagreementError
from arcvq_lite.bench.photograph_folder import (
    HEIGHT,
    WIDTH,
    photograph_folder,
    removed_with,
)
from arcvq_lite.book.tree import Chapter
from arcvq_lite.data.decoding import decode
from arcvq_lite.widgets import Choice, Slider, SliderFigure


def results(benchmark):
    calls = {one.name: one.prepare() for one in benchmark.contestants if one.compared}
    return {name: call() for name, call in calls.items()}


def test_photographs_have_imagenets_layout_and_size_and_go_with_their_call():
    folder = photograph_folder(2)
    files = sorted(folder.glob("train/n*/*.JPEG"))
    assert len(files) == 8
    assert all(decode(one.read_bytes()).shape == (3, HEIGHT, WIDTH) for one in files)
    again = photograph_folder(2)
    for one in files:
        assert (again / one.relative_to(folder)).read_bytes() == one.read_bytes()
    for path in (folder, again):
        removed_with(lambda: None, path)
    gc.collect()
    assert not folder.exists()


def test_the_loaders_give_equal_crops_and_leave_the_threads(monkeypatch):
    monkeypatch.setattr(loading, "EACH", 4)
    torch.set_num_threads(2)
    try:
        (benchmark,) = loading.BENCHMARKS
        found = results(benchmark)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    apart = agreed(found, benchmark.tolerance)
    assert apart["arcvq_lite"] == apart["floor"] > 0
    assert found["arcvq_lite"]["the last batch"].shape == (16, 3, 256, 256)
    levels = found["floor"]["the last batch"].clone()
    levels[5, 1, 77, 200] += 4 / 127.5
    found["floor"]["the last batch"] = levels
    with pytest.raises(DisagreementError, match="the last batch of floor"):
        agreed(found, benchmark.tolerance)


def test_encoding_gives_the_models_own_tokens(monkeypatch):
    monkeypatch.setattr(encoding, "EACH", 1)
    monkeypatch.setattr(encoding, "SIZE", 64)
    (benchmark,) = encoding.BENCHMARKS
    found = results(benchmark)
    assert found["arcvq_lite"]["tokens"].shape == (4, 16, 16)
    assert len(found["arcvq_lite"]["tokens"].unique()) > 1
    assert agreed(found, 0.0) == {"forward alone": 0.0, "arcvq_lite": 0.0}


def test_both_ways_of_sampling_draw_the_same_codes(monkeypatch):
    monkeypatch.setattr(prior_sampling, "LENGTH", 12)
    (benchmark,) = prior_sampling.BENCHMARKS
    found = results(benchmark)
    assert found["uncached"]["codes"].shape == (4, 12)
    assert agreed(found, 0.0)["arcvq_lite"] == 0.0


def test_a_statement_is_timed_without_torchs_own_import():
    (slept,) = reading.import_seconds("time.sleep(0.2)", rounds=1)
    assert 0.2 <= slept < 2
    with pytest.raises(RuntimeError, match="No module named 'no_such_module'"):
        reading.import_seconds("import no_such_module", rounds=1)


def figure_that_waits(slow_at):
    def draw(figure, *, number, name):
        time.sleep(0.3 if (number, name) == slow_at else 0)
        return f"{number} {name}"

    return SliderFigure(
        draw,
        alt_title="One move is slow",
        size=(1, 1),
        number=Slider(0, 4, 1, 2, "number"),
        name=Choice(("a", "b"), "a", "name"),
    )


@pytest.mark.parametrize("slow_at", [(0, "a"), (4, "a"), (2, "b")])
def test_the_slowest_move_of_any_control_is_found(slow_at):
    figure = figure_that_waits(slow_at)
    seconds = slider_moves.slowest_move(figure, rounds=2)
    assert len(seconds) == 2
    assert min(seconds) >= 0.3
    assert figure.state == {"number": 2, "name": "a"}


# As chapter 12 does, it starts a process, which must not run the chapter again.
CHAPTER = """
import multiprocessing
from arcvq_lite.widgets import Slider, SliderFigure
print("said by the chapter")
process = multiprocessing.get_context("spawn").Process(target=print)
process.start()
process.join()
assert process.exitcode == 0
def draw(figure, *, number):
    return f"{number}"
one = SliderFigure(draw, alt_title="One", size=(1, 1), number=Slider(0, 2, 1, 0, "n"))
one
"""


@pytest.fixture
def chapter(tmp_path):
    source = tmp_path / "chapters" / "77_small.py"
    source.parent.mkdir()
    source.write_text(CHAPTER, encoding="utf-8")
    return Chapter(source)


def test_a_chapters_sliders_are_moved_in_a_process_of_their_own(chapter):
    seconds = reading.slider_seconds(chapter, rounds=3)
    assert len(seconds) == 3
    assert all(0 < one < 5 for one in seconds)


def record(seconds):
    fields = dict.fromkeys(("command", "date", "processor", "python", "torch"), "")
    fields |= {"peak_memory_mib": None, "cores": 2, "arcvq_lite": ""}
    return json.dumps(fields | {"seconds": seconds})


def test_a_chapters_seconds_are_those_of_its_record(chapter):
    with pytest.raises(FileNotFoundError, match="arcvq book build 77"):
        reading.recorded_seconds([chapter], rounds=1)
    chapter.record.parent.mkdir(parents=True)
    chapter.record.write_text(record(31.5), encoding="utf-8")
    assert reading.recorded_seconds([chapter], rounds=7) == [31.5]
    assert reading.recorded_seconds([chapter, chapter], rounds=7) == [63.0]


def test_every_chapter_of_the_book_has_its_limits(chapter):
    limits = reading.limits([chapter])
    names = [limit.name for limit in limits]
    assert names[:2] == ["import arcvq_lite", "from arcvq_lite import ArcVQ"]
    assert names[2:] == [
        "chapter 77, a slider",
        "chapter 77, built",
        "the whole book, built",
    ]
    assert len({limit.name for limit in limits}) == len(limits)
    assert [limit.at_most for limit in limits] == [0.3, 0.3, 0.05, 60, 720]
    assert len(reading.limits([])) == 2

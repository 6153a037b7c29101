"""The scenes of chapter 12 say what they show, move their artists, and refuse."""

import numpy as np
import pytest

from arcvq_lite.viz import CODES, WARNING, new_figure
from arcvq_lite.viz.cost import Budget, CostScene
from arcvq_lite.viz.scale import (
    RunScene,
    draw_drift,
    draw_resolution,
    draw_shares,
    smoothed,
)

ROWS = [
    {"step": step, "images": 8 * step + 8, "total": 4.0 - step}
    | ({"critic": 0.5} if step >= 2 else {})
    for step in range(4)
]
# Killed after step 2, resumed at step 1.
CLOCKS = [
    {"step": step, "time": 1000.0 + 60 * minute}
    for minute, step in enumerate([0, 1, 2, 1, 2, 3])
]


@pytest.fixture
def run():
    return RunScene(ROWS, CLOCKS)


@pytest.fixture
def bill():
    return CostScene(
        {
            "fast": Budget({"model": 900.0, "judge": 100.0}, 3.6e6, 100.0),
            "slow": Budget({"model": 1800.0, "judge": 200.0}, 3.6e6, 100.0),
        }
    )


def test_a_run_says_its_numbers(run):
    figure = new_figure()
    caption = run(figure, step=3, quantity="total", smoothing=0.0)
    assert "Step 3, 32 images seen: total 1.000, smoothed 1.000" in caption
    assert "taken once" in caption
    assert "taken twice" in run(figure, step=2.2, quantity="total", smoothing=0.0)
    assert "not logged yet" in run(figure, step=1, quantity="critic", smoothing=0.0)


def test_a_run_moves_its_artists_and_adds_none(run):
    figure = new_figure()
    run(figure, step=1, quantity="total", smoothing=0.5)
    before = [len(axes.get_children()) for axes in figure.axes]
    curve, clock = figure.axes
    assert list(curve.lines[2].get_xdata()) == [1, 1]
    assert clock.lines[1].get_xydata().tolist() == [[1.0, 1.0], [3.0, 1.0]]
    run(figure, step=3, quantity="critic", smoothing=0.0)
    assert list(curve.lines[0].get_xdata()) == [2, 3]
    assert [len(axes.get_children()) for axes in figure.axes] == before
    killed = [text.get_text() for text in clock.texts]
    assert killed == ["killed"]


def test_what_was_not_logged_is_refused(run):
    with pytest.raises(ValueError, match="'psnr' was not logged"):
        run(new_figure(), step=0, quantity="psnr", smoothing=0.0)
    with pytest.raises(ValueError, match="must each hold"):
        RunScene([], CLOCKS)


def test_smoothing_begins_at_the_first_value_and_weighs_the_last_most():
    values = np.array([2.0, 4.0, 4.0])
    assert smoothed(values, 0.0).tolist() == [2.0, 4.0, 4.0]
    assert smoothed(values, 0.5) == pytest.approx([2, (1 + 4) / 1.5, 6.5 / 1.75])


def test_a_bill_is_flops_over_flops_a_second(bill):
    figure = new_figure()
    state = {"utilisation": 0.5, "gpus": 4, "price": 2.0}
    caption = bill(figure, update="fast", **state)
    # 1e12 FLOP × 3.6e6 images at 50e12 FLOP/s are 72,000 s.
    assert "20 GPU-hours, say 13 to 30" in caption
    assert "On 4 GPUs that is 0.2 days" in caption
    assert caption.endswith("a bill of 40.")
    assert "bill 40" in figure.axes[1].texts[0].get_text()
    before = [len(axes.get_children()) for axes in figure.axes]
    assert "a bill of 80." in bill(figure, update="slow", **state)
    assert [len(axes.get_children()) for axes in figure.axes] == before
    parts, days = figure.axes
    assert [bar.get_width() for bar in parts.patches] == [1800.0, 200.0]
    assert days.lines[1].get_xydata()[0] == pytest.approx([4, 10 / 24])


def test_budgets_of_other_parts_are_refused():
    with pytest.raises(ValueError, match="same parts"):
        CostScene({"a": Budget({"x": 1}, 1, 1), "b": Budget({"y": 1}, 1, 1)})


def test_a_run_that_has_not_drifted_stands_out():
    axes = new_figure().subplots()
    draw_drift(axes, [1, 2], {"exact": [0.0, 0.0], "order": [0.1, 0.2]})
    assert [line.get_color() for line in axes.lines] == [CODES, WARNING]
    assert [text.get_text() for text in axes.texts] == ["exact", "order"]


def test_each_image_has_the_colour_of_its_rank():
    axes = new_figure().subplots()
    ranks = np.array([[[0, 0], [0, 0]], [[0, 1], [0, 1]]])
    draw_shares(axes, ranks, ["1 rank", "2 ranks"])
    hues = [bar.get_facecolor() for bar in axes.patches]
    assert len(hues) == 8
    assert len(set(hues[:4])) == 1
    assert hues[4] != hues[5]
    assert hues[4] == hues[6]


def test_formats_are_named():
    axes = new_figure().subplots()
    draw_resolution(axes, [0.0, 0.1], {"bfloat16": [0, 0], "float32": [0, 0.1]})
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["bfloat16", "float32"]

"""Arms side by side: what is drawn of the pairs, and what is said."""

import numpy as np
import pytest

from arcvq_lite.viz import CODES, new_figure
from arcvq_lite.viz.ablation import AblationScene, Compared, Measure, draw_effects
from arcvq_lite.widgets import Choice, Slider, SliderFigure

STEPS = [10, 20, 30]
MEASURES = {"PSNR": Measure("dB", 2, 0.1, 1), "usage": Measure("% of codes", 0, 2, 100)}


def compared(size: float) -> list[Compared]:
    """Three seeds whose differences grow from step to step."""
    found = []
    for step in STEPS:
        seeds = [size * step, 2 * size * step, 3 * size * step]
        found.append(Compared(seeds, min(seeds), max(seeds), "up or the same"))
    return found


def scene() -> AblationScene:
    arms = {"ball": compared(0.01), "margin": compared(-0.02)}
    by_measure = {"PSNR": arms, "usage": {"ball": compared(1), "margin": compared(2)}}
    return AblationScene(by_measure, MEASURES, STEPS, "cosine matching")


def browsing() -> SliderFigure:
    return SliderFigure(
        scene(),
        alt_title="Arms less the baseline",
        size=(6.0, 2.5),
        measure=Choice(("PSNR", "usage"), "PSNR", "measure"),
        arm=Choice(("ball", "margin"), "ball", "arm"),
        step=Slider(10, 30, 10, 30, "step", frames=3, format=".0f"),
    )


@pytest.mark.parametrize(
    "move", [{"measure": "usage"}, {"arm": "margin"}, {"step": 10}]
)
def test_each_control_alone_changes_picture_and_words(move: dict[str, object]) -> None:
    figure = browsing()
    picture, words = figure._picture.value, figure.caption
    figure.set(**move)
    assert figure.caption != words
    assert figure._picture.value != picture


def test_the_caption_is_of_the_chosen_arm_measure_and_step() -> None:
    caption = browsing().set(arm="margin", step=10)
    assert "After 10 steps: margin less cosine matching, −0.40 dB of PSNR" in caption
    assert "Seed by seed: −0.20, −0.40, −0.60" in caption
    assert "from −0.60 to −0.20: up or the same." in caption
    assert "+60 % of codes of usage" in browsing().set(measure="usage")


def test_every_seed_and_interval_stands_in_its_row() -> None:
    figure = new_figure(6, 2.5)
    scene()(figure, measure="PSNR", arm="margin", step=30)
    line, dots, own_line, own_dots = figure.axes[0].lines[1:5]
    np.testing.assert_allclose(dots.get_xdata(), [0.3, 0.6, 0.9])
    np.testing.assert_allclose(dots.get_ydata(), [0, 0, 0])
    np.testing.assert_allclose(own_dots.get_xdata(), [-0.6, -1.2, -1.8])
    np.testing.assert_allclose(own_dots.get_ydata(), [1, 1, 1])
    np.testing.assert_allclose(own_line.get_xdata()[:2], [-1.8, -0.6])
    np.testing.assert_allclose(line.get_xdata()[:2], [0.3, 0.9])
    assert own_dots.get_color() == CODES


def test_the_growth_is_the_arms_mean_over_the_steps() -> None:
    figure = new_figure(6, 2.5)
    scene()(figure, measure="usage", arm="ball", step=20)
    mean, marker = figure.axes[1].lines[1:3]
    np.testing.assert_allclose(mean.get_ydata(), [20, 40, 60])
    assert list(marker.get_xdata()) == [20, 20]
    assert len(figure.axes[1].collections[0].get_segments()) == 3


def test_limits_stay_while_arm_and_step_move_and_nothing_is_added() -> None:
    figure, drawn = new_figure(6, 2.5), scene()
    drawn(figure, measure="PSNR", arm="ball", step=10)
    limits = [(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes]
    children = [len(axes.get_children()) for axes in figure.axes]
    drawn(figure, measure="PSNR", arm="margin", step=30)
    assert [(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes] == limits
    assert [len(axes.get_children()) for axes in figure.axes] == children


def test_the_band_is_as_wide_as_the_smallest_difference() -> None:
    figure = new_figure(6, 2.5)
    scene()(figure, measure="usage", arm="ball", step=30)
    left, right = (axes.patches[0] for axes in figure.axes)
    assert (left.get_x(), left.get_width()) == (-2, 4)
    assert (right.get_y(), right.get_height()) == (-2, 4)


def test_a_missing_step_is_named() -> None:
    with pytest.raises(ValueError, match=r"'PSNR'.*'ball'.*each of 3 steps, got 2"):
        AblationScene({"PSNR": {"ball": compared(1)[:2]}}, MEASURES, STEPS, "x")


def test_effects_have_a_dot_a_seed_and_a_bar_at_the_mean() -> None:
    axes = new_figure(5, 2).subplots()
    draw_effects(axes, {"a": compared(0.01)[0], "b": compared(-1)[2]}, MEASURES["PSNR"])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    bars = [line for line in axes.lines if line.get_marker() == "|"]
    np.testing.assert_allclose([bar.get_xdata()[0] for bar in bars], [0.2, -60])
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_large_differences_are_drawn_on_a_logarithmic_axis() -> None:
    axes = new_figure(5, 2).subplots()
    rows = {"a": Compared([-10.0, 0.5], -10, 0.5, ""), "b": compared(0.01)[0]}
    draw_effects(axes, rows, MEASURES["PSNR"])
    places = axes.transData.transform([(x, 0) for x in (-10, -1, 0, 1)])[:, 0]
    far, near, right = np.diff(places)
    assert far < near == pytest.approx(right)
    assert [tick.get_text() for tick in axes.get_xticklabels()][:2] == ["−10", "−3"]

"""Confidence and floor for a scale: what is drawn, what is said, what is refused."""

import numpy as np
import pytest
import torch

from arcvq_lite.viz import new_figure
from arcvq_lite.viz.sphere import ScaleScene, draw_steps
from arcvq_lite.widgets import Choice, Slider, SliderFigure

SCALES, CLASSES = (1, 3), (4, 20)
BETWEEN = torch.tensor([110.0, 92.0])
CONFIDENCE = torch.tensor(
    [
        [[0.45, 0.4, 0.3], [0.9, 0.6, 0.1]],
        [[0.12, 0.1, 0.05], [0.7, 0.4, 0.1]],
    ]
)
FLOORS = torch.tensor([[0.799, 0.3, 0.105], [2.12, 1.0, 0.357]])


def scene() -> ScaleScene:
    return ScaleScene(SCALES, CLASSES, BETWEEN, CONFIDENCE, FLOORS)


def scale_figure() -> SliderFigure:
    return SliderFigure(
        scene(),
        alt_title="Confidence and floor",
        size=(6.0, 2.4),
        scale=Slider(1, 3, 2, 1, "scale s", frames=2, format=".0f"),
        classes=Choice(CLASSES, 4, "classes C"),
    )


def test_the_caption_tells_floor_confidence_and_border() -> None:
    figure = scale_figure()
    assert "below 0.799" in figure.caption
    assert "45.0% at best" in figure.caption
    assert "below one half even on the own arrow" in figure.caption
    caption = figure.set(scale=3)
    assert "90.0% at best" in caption
    assert "below one half 110° from" in caption
    assert "C = 20 classes" in figure.set(classes=20)
    assert "border lies at 46°" in figure.caption


def test_each_control_moved_alone_changes_the_picture() -> None:
    figure = scale_figure()
    before = figure.children[-1].value
    figure.set(scale=3)
    moved = figure.children[-1].value
    figure.set(scale=1, classes=20)
    assert len({before, moved, figure.children[-1].value}) == 3
    figure.set(classes=4)
    assert figure.children[-1].value == before


def test_the_curve_runs_from_the_arrow_to_the_rival() -> None:
    figure = new_figure(6, 2.4)
    scene()(figure, scale=1, classes=20)
    way = figure.axes[0]
    assert np.asarray(way.lines[0].get_xdata()).tolist() == [0, 46, 92]
    assert np.asarray(way.lines[1].get_xdata())[0] == 46


def test_the_marker_stands_on_the_floor_of_its_scale() -> None:
    figure = new_figure(6, 2.4)
    scene()(figure, scale=3, classes=20)
    *others, curve, marker = figure.axes[1].lines
    assert len(others) == len(CLASSES)
    assert np.asarray(curve.get_xdata()).tolist() == [1, 2, 3]
    assert np.asarray(marker.get_xdata())[0] == 3
    assert np.asarray(marker.get_ydata())[0] == pytest.approx(0.357)


@pytest.mark.parametrize(("scale", "classes"), [(2, 4), (1, 5)])
def test_a_state_that_was_not_prepared_is_refused(scale: int, classes: int) -> None:
    with pytest.raises(ValueError, match=f"scale={scale} and classes={classes}"):
        scene()(new_figure(), scale=scale, classes=classes)


def test_tensors_must_fit_scales_and_classes() -> None:
    with pytest.raises(ValueError, match=r"begin with \(2, 2\)"):
        ScaleScene(SCALES, CLASSES, BETWEEN, CONFIDENCE[:1], FLOORS)
    with pytest.raises(ValueError, match=r"floors must be \(2, F\)"):
        ScaleScene(SCALES, CLASSES, BETWEEN, CONFIDENCE, FLOORS[:1])
    with pytest.raises(ValueError, match=r"floors must be \(2, F\)"):
        ScaleScene((1, 2, 3), CLASSES, BETWEEN, CONFIDENCE[:, [0, 0, 1]], FLOORS[:, :2])


def test_steps_start_at_their_points() -> None:
    figure = new_figure(3, 3)
    axes = figure.subplots()
    starts = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    draw_steps(axes, starts, torch.ones(2, 2))
    points, arrows = axes.collections
    assert np.asarray(points.get_offsets()).tolist() == starts.tolist()
    assert np.asarray(arrows.get_offsets()).tolist() == starts.tolist()

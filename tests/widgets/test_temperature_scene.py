"""A softmax in the plane: what the petals are, what moves, and what is refused."""

import math
from itertools import product

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from arcvq_lite.viz import new_figure
from arcvq_lite.viz.temperature import (
    Flower,
    TemperatureScene,
    draw_labelled_points,
    draw_territories,
)
from arcvq_lite.widgets import Choice, Slider, SliderFigure

TURN = 2 * math.pi * torch.arange(360) / 360
AROUND = 10 * torch.stack([TURN.cos(), TURN.sin()], dim=1)  # (360, 2)
ARROWS = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, -1.0]])
EVEN = ARROWS / ARROWS.norm(dim=1, keepdim=True)
FLOWERS = {
    "as learned": Flower(AROUND @ ARROWS.T, ARROWS),
    "all equal": Flower(AROUND @ EVEN.T, EVEN),
}
DIGITS = {"far": math.pi / 2, "near": math.pi / 4}


def scene() -> TemperatureScene:
    return TemperatureScene(FLOWERS, DIGITS, "abc")


def petals(figure: Figure) -> list[torch.Tensor]:
    """How far each petal reaches in each direction, (A,) a class."""
    shown = [patch for patch in figure.axes[0].patches if isinstance(patch, Polygon)]
    return [torch.as_tensor(patch.get_xy()[:360]).norm(dim=1) for patch in shown]


@pytest.mark.parametrize(("doublings", "lengths"), list(product((-2, 0, 5), FLOWERS)))
def test_a_petal_reaches_as_far_as_its_class_is_probable(doublings, lengths):
    figure = new_figure()
    scene()(figure, doublings=doublings, digit="far", lengths=lengths)
    shares = (FLOWERS[lengths].logits / 2**doublings).softmax(dim=1)  # (360, 3)
    for petal, share in zip(petals(figure), shares.T, strict=True):
        torch.testing.assert_close(petal.float(), share, rtol=0, atol=1e-5)


def test_the_bars_are_the_softmax_in_the_direction_of_the_digit():
    figure = new_figure()
    caption = scene()(figure, doublings=2, digit="near", lengths="as learned")
    heights = torch.tensor([bar.get_height() for bar in figure.axes[1].patches])
    wanted = (FLOWERS["as learned"].logits[45] / 4).softmax(dim=0)
    torch.testing.assert_close(heights, wanted, rtol=0, atol=1e-5)
    assert "τ = 4" in caption
    assert f"a b with probability {wanted[1]:.3f}" in caption


def test_every_control_alone_changes_the_picture_and_comes_back():
    figure = SliderFigure(
        scene(),
        alt_title="Three classes",
        doublings=Slider(-2, 7, 1, 3, "log₂ τ"),
        digit=Choice(("far", "near"), "far", "digit"),
        lengths=Choice(("as learned", "all equal"), "as learned", "arrows"),
    )
    first = figure.children[-1].value
    seen = {first}
    for state in ({"doublings": 4}, {"digit": "near"}, {"lengths": "all equal"}):
        figure.set(**state)
        assert figure.children[-1].value not in seen
        seen.add(figure.children[-1].value)
    figure.set(doublings=3, digit="far", lengths="as learned")
    assert figure.children[-1].value == first


def test_artists_are_made_once():
    figure, draw = new_figure(), scene()
    counts = set()
    for doublings in (3, -2, 7):
        draw(figure, doublings=doublings, digit="far", lengths="all equal")
        counts.add(sum(len(axes.get_children()) for axes in figure.axes))
    assert len(counts) == 1


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="3 classes of the head 'as learned', got 2"):
        TemperatureScene(FLOWERS, DIGITS, "ab")
    with pytest.raises(ValueError, match="one or more"):
        TemperatureScene({}, DIGITS, "abc")
    with pytest.raises(ValueError, match="one or more"):
        TemperatureScene(FLOWERS, {}, "abc")


def test_territories_have_a_fill_and_a_border_a_class_and_lines_of_confidence():
    side = torch.linspace(-5, 5, 41)
    rows, columns = torch.meshgrid(side, side, indexing="ij")
    plane = torch.stack([columns, rows], dim=2)
    p = (plane @ ARROWS.T).softmax(dim=2)
    before = p.clone()
    axes = new_figure().subplots()
    draw_territories(axes, p, 5.0, title="three")
    assert len(axes.collections) == 2 * 3 + 1
    assert {text.get_text() for text in axes.texts} <= {"0.9", "0.99"}
    assert axes.texts
    assert torch.equal(p, before)
    bare = new_figure().subplots()
    draw_territories(bare, p, 5.0, labelled=False)
    assert not bare.texts


def test_points_stand_as_the_numerals_of_their_classes():
    axes = new_figure().subplots()
    labels = torch.tensor([4, 0, 4])
    draw_labelled_points(axes, torch.tensor([[0.0, 0], [1, 1], [2, 2]]), labels)
    counts = [len(shown.get_offsets()) for shown in axes.collections]
    assert counts == [1, 2]

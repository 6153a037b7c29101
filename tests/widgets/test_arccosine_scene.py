"""Codes that call latents: what is drawn of them, and what is said."""

import math

import pytest
import torch

from arcvq_lite.viz import CODES, new_figure
from arcvq_lite.viz.arccosine import (
    Curve,
    Felt,
    ForceScene,
    draw_choices,
    draw_floor,
    draw_sphere_map,
    draw_tangents,
)
from arcvq_lite.viz.circle import draw_circle
from arcvq_lite.widgets import Slider, SliderFigure

THETA = torch.linspace(0.3, 2.0, 12)


def felt(margin: float, scale: float, top_k: int) -> Felt:
    called = torch.arange(12) < top_k
    share = (scale * THETA.cos() - margin * called).softmax(dim=0)
    force = scale * torch.where(called, 0.1 / top_k + margin, -share)
    return Felt(share, force, called, loss=-math.log(share[called].sum()))


def calling() -> SliderFigure:
    return SliderFigure(
        ForceScene(THETA, felt),
        alt_title="One code and its latents",
        size=(5.0, 2.2),
        margin=Slider(0, 0.4, 0.1, 0.1, "m", frames=3),
        scale=Slider(5, 15, 5, 5, "s", frames=2),
        top_k=Slider(1, 5, 2, 3, "k", frames=2),
    )


@pytest.mark.parametrize("move", [{"margin": 0.4}, {"scale": 15}, {"top_k": 5}])
def test_each_slider_alone_changes_picture_and_words(move: dict[str, float]) -> None:
    figure = calling()
    picture, words = figure._picture.value, figure.caption
    figure.set(**move)
    assert figure.caption != words
    assert figure._picture.value != picture


def test_called_latents_are_drawn_apart_and_none_is_lost() -> None:
    figure = new_figure(5, 2.2)
    ForceScene(THETA, felt)(figure, margin=0.1, scale=5, top_k=3)
    for axes in figure.axes:
        others, called = axes.collections
        assert len(others.get_offsets()) == 9
        assert len(called.get_offsets()) == 3


def test_the_caption_adds_up_the_push() -> None:
    caption = calling().set(top_k=1)
    state = felt(0.1, 5, 1)
    assert f"pushed with {-state.force[1:].sum():.2f}" in caption
    assert "k = 1" in caption


def test_choices_are_dots_on_the_matrix() -> None:
    figure = new_figure(4, 2)
    axes = figure.subplots()
    rows = torch.arange(3)[:, None].expand(3, 2)
    columns = torch.tensor([[0, 1], [2, 3], [0, 3]])
    draw_choices(axes, torch.zeros(3, 4), rows, columns, CODES, "calls")
    assert len(axes.collections[0].get_offsets()) == 6
    assert axes.get_title(loc="left") == "calls"


def test_a_sphere_is_unrolled_with_its_height_kept() -> None:
    axes = new_figure(4, 2).subplots()
    codes = torch.eye(3)
    draw_sphere_map(axes, codes, -codes, "map")
    places = torch.as_tensor(axes.collections[0].get_offsets())
    torch.testing.assert_close(places[1], torch.tensor([90.0, 0.0]), check_dtype=False)
    assert places[2, 1] == 1


def test_an_arrow_lies_along_the_circle() -> None:
    axes = new_figure(3, 3).subplots()
    draw_circle(axes)
    draw_tangents(axes, torch.tensor([0.0]), torch.tensor([0.5]), colour=CODES)
    arrow = axes.collections[-1]
    assert (arrow.U[0], arrow.V[0]) == (0, 0.5)


def test_every_curve_of_the_floor_carries_its_name() -> None:
    axes = new_figure(5, 3).subplots()
    names = ("top", "even", "heap", "floor")
    curves = [Curve(name, [4.0 - i, 5.0 - i]) for i, name in enumerate(names)]
    draw_floor(axes, [1, 2], curves, [1.5, 2.5])
    shown = [text.get_text() for text in axes.texts]
    assert shown == [*names, "reached by descent"]

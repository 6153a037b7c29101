"""A prior's choices: what is drawn of them, and what is said."""

import pytest
import torch

from arcvq_lite.viz import new_figure
from arcvq_lite.viz.prior import (
    Chances,
    ChoiceScene,
    Draw,
    draw_reading,
    draw_sheet,
    sheet,
)
from arcvq_lite.widgets import Slider, SliderFigure

LOGITS = torch.tensor([0.0, 2.0, 1.0, -3.0])
ORDER = LOGITS.argsort(descending=True)


def chances(temperature: float, top_p: float) -> Chances:
    softened = (LOGITS / temperature).softmax(dim=0)
    kept = softened * (softened >= softened.max() * (1 - top_p))
    return Chances(softened, kept / kept.sum())


def draws() -> dict[tuple[float, float], Draw]:
    found = {}
    for temperature in (0.5, 1.0, 1.5):
        for top_p in (0.8, 1.0):
            images = torch.full((6, 3, 2, 2), temperature - top_p)
            found[temperature, top_p] = Draw(images, 10 * temperature, 5, 9)
    return found


def scene() -> ChoiceScene:
    letters = torch.linspace(-1, 1, 4)[:, None, None, None].expand(4, 3, 2, 2)
    return ChoiceScene(torch.zeros(3, 4, 4), chances, letters, ORDER, draws(), 3)


def choosing() -> SliderFigure:
    return SliderFigure(
        scene(),
        alt_title="The chance of the next code",
        size=(5.0, 2.0),
        temperature=Slider(0.5, 1.5, 0.5, 1, "temperature", frames=3),
        top_p=Slider(0.8, 1, 0.2, 1, "top-p", frames=2),
    )


@pytest.mark.parametrize("move", [{"temperature": 1.5}, {"top_p": 0.8}])
def test_each_slider_alone_changes_picture_and_words(move: dict[str, float]) -> None:
    figure = choosing()
    picture, words = figure._picture.value, figure.caption
    figure.set(**move)
    assert figure.caption != words
    assert figure._picture.value != picture


def test_bars_stand_in_the_order_of_the_codes_before_and_after_the_cut() -> None:
    figure = new_figure(5, 2)
    scene()(figure, temperature=1.0, top_p=0.8)
    heights = torch.tensor([bar.get_height() for bar in figure.axes[1].patches])
    state = chances(1.0, 0.8)
    torch.testing.assert_close(heights[:4], state.softened[ORDER])
    torch.testing.assert_close(heights[4:], state.kept[ORDER])


def test_the_caption_counts_the_codes_that_are_left() -> None:
    caption = choosing().set(temperature=0.5, top_p=0.8)
    assert int((chances(0.5, 0.8).kept > 0).sum()) == 1
    assert "one code is left" in caption
    assert "Of 9 whole grids written so, 5 are different ones" in caption
    assert "distance from real patches is 5.0" in caption


def test_a_slider_value_that_carries_a_rounding_is_found() -> None:
    assert scene()(new_figure(5, 2), temperature=0.1 + 0.4, top_p=0.1 * 8)


def test_a_setting_that_was_not_sampled_is_named() -> None:
    with pytest.raises(ValueError, match=r"temperature=0.7 .* among the 6 settings"):
        scene()(new_figure(5, 2), temperature=0.7, top_p=1.0)


def test_a_scene_without_draws_is_refused() -> None:
    with pytest.raises(ValueError, match="draws must hold one or more"):
        ChoiceScene(
            torch.zeros(3, 4, 4), chances, torch.zeros(4, 3, 2, 2), ORDER, {}, 3
        )


def test_a_sheet_has_white_lines_and_every_picture_in_its_place() -> None:
    images = torch.arange(6.0)[:, None, None, None].expand(6, 1, 2, 3) / 10
    laid = sheet(images, 3)
    assert laid.shape == (1, 7, 13)
    assert (laid[:, ::3] == 1).all()
    assert (laid[:, :, ::4] == 1).all()
    inside = laid[0].unfold(0, 3, 3).unfold(1, 4, 4)[..., 1:, 1:]  # (2, 3, 2, 3)
    torch.testing.assert_close(inside.flatten(0, 1), images[:, 0])


def test_a_sheet_of_unfilled_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="columns=4, got 6"):
        sheet(torch.zeros(6, 3, 2, 2), 4)


def test_drawing_a_sheet_again_changes_the_picture_that_is_there() -> None:
    axes = new_figure(3, 2).subplots()
    draw_sheet(axes, torch.zeros(4, 3, 2, 2), 2, "first")
    draw_sheet(axes, torch.ones(4, 3, 2, 2), 2, "second")
    assert len(axes.images) == 1
    assert axes.images[0].get_array()[1, 1, 0] == 1
    assert axes.get_title(loc="left") == "second"


def test_hidden_places_stay_white() -> None:
    axes = new_figure(3, 3).subplots()
    weights = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    draw_reading(axes, weights, "causal")
    shown = axes.images[0].get_array()
    assert shown.mask.tolist() == [[False, True], [False, False]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("is read", "reads")

"""A critic's scores, two losses' guesses, and decoders by the critic's weight."""

import pytest
import torch

from arcvq_lite.viz import CODES, WARNING, new_figure
from arcvq_lite.viz.vqgan import Painted, WeightScene, draw_guesses, draw_scores
from arcvq_lite.widgets import Slider, SliderFigure

FREQUENCIES = [0.1, 0.2, 0.3, 0.4]


def painted(weight: float) -> Painted:
    images = torch.full((3, 3, 8, 8), weight - 0.5)
    power = torch.full((4,), 0.1 + weight)
    if weight == 0:
        return Painted(images, power, 26.2, 0.09)
    return Painted(images, power, 26 - weight, 0.9 * weight, 0.05, 0.6)


@pytest.fixture
def figure() -> SliderFigure:
    states = {weight: painted(weight) for weight in (0.0, 0.4, 0.8)}
    return SliderFigure(
        WeightScene(torch.zeros(3, 3, 8, 8), FREQUENCIES, states),
        alt_title="Reconstructions",
        size=(5.0, 2.0),
        weight=Slider(0, 0.8, 0.4, 0.4, "weight", format=".1f"),
    )


def test_the_slider_changes_picture_curve_and_words(figure: SliderFigure) -> None:
    picture, words = figure._picture.value, figure.caption
    assert "weight of 0.4" in words
    assert "25.6 dB" in words
    figure.set(weight=0.8)
    assert figure.caption != words
    assert figure._picture.value != picture
    line = figure._figure.axes[0].lines[-1]
    assert list(line.get_xdata()) == FREQUENCIES
    assert line.get_ydata() == pytest.approx([0.9] * 4)


def test_without_a_critic_the_words_name_none(figure: SliderFigure) -> None:
    caption = figure.set(weight=0.0)
    assert "there is no critic" in caption
    assert "λ" not in caption
    assert "9% of the photographs'" in caption


def test_the_photographs_stay_and_the_paintings_change(figure: SliderFigure) -> None:
    figure.set(weight=0.0)
    pictures = figure._figure.axes[1:]
    before = [axes.images[0].get_array().copy() for axes in pictures]
    figure.set(weight=0.8)
    after = [axes.images[0].get_array() for axes in pictures]
    same = [bool((a == b).all()) for a, b in zip(before, after, strict=True)]
    assert same == [True] * 3 + [False] * 3


def test_a_scene_needs_something_painted() -> None:
    with pytest.raises(ValueError, match="at least one weight"):
        WeightScene(torch.zeros(1, 3, 8, 8), FREQUENCIES, {})


def test_scores_of_either_sign_have_either_hue() -> None:
    axes = new_figure(2, 2).subplots()
    draw_scores(axes, torch.tensor([[-2.0, 0.0, 2.0]]), "scores")
    image = axes.images[0]
    red, white, blue = image.cmap(image.norm(image.get_array()))[0]
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert white[:3] == pytest.approx([1, 1, 1], abs=0.02)
    assert axes.get_title() == "scores"


def test_each_guess_is_drawn_over_the_answers_and_named() -> None:
    axes = new_figure(3, 2).subplots()
    answers = torch.rand(30, 6).round()
    guesses = {"mean": (answers.mean(dim=0), WARNING)}
    guesses["median"] = (answers.median(dim=0).values, CODES)
    draw_guesses(axes, answers, guesses, "fur")
    assert len(axes.lines) == 12 + 2
    assert [text.get_text() for text in axes.texts] == ["mean", "median"]
    assert axes.lines[-2].get_ydata() == pytest.approx(answers.mean(dim=0).tolist())

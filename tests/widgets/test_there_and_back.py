"""A picture, its tokens and its reconstruction: what is drawn, and what is said."""

import pytest
import torch

from arcvq_lite.viz import new_figure
from arcvq_lite.viz.tokens import Retelling, VocabularyScene, draw_there_and_back
from arcvq_lite.widgets import Slider, SliderFigure

PICTURE = torch.linspace(-1, 1, 3 * 16 * 24).reshape(3, 16, 24)


def retelling(bits: int) -> Retelling:
    indices = torch.arange(24).reshape(4, 6) % 2**bits
    return Retelling(indices, PICTURE * bits / 3, psnr=10.0 + bits)


def words_figure() -> SliderFigure:
    return SliderFigure(
        VocabularyScene(PICTURE, {bits: retelling(bits) for bits in (1, 2, 3)}),
        alt_title="A ramp, told with fewer and fewer codes",
        size=(5.0, 1.6),
        bits=Slider(1, 3, 1, 3, "bits a token", frames=3, format=".0f"),
    )


def test_three_panels_carry_their_names() -> None:
    figure = new_figure(5, 1.6)
    draw_there_and_back(figure, PICTURE, retelling(3).indices, PICTURE, 8)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["picture", "tokens", "reconstruction"]


def test_without_numbers_a_grid_has_no_lines_either() -> None:
    figure = new_figure(5, 1.6)
    many = torch.arange(24 * 36).reshape(24, 36)
    draw_there_and_back(figure, PICTURE, many, PICTURE, many.numel(), numbers=False)
    grid = figure.axes[1]
    assert grid.images[0].get_size() == (24, 36)
    assert not grid.lines
    assert not grid.texts


def test_equal_tokens_have_one_shade_with_numbers_and_without() -> None:
    shades = []
    for numbers in (True, False):
        figure = new_figure(5, 1.6)
        grid = torch.tensor([[0, 5], [5, 3]])
        draw_there_and_back(figure, PICTURE, grid, PICTURE, 8, numbers=numbers)
        shown = torch.as_tensor(figure.axes[1].images[0].get_array())
        shades.append(shown)
        torch.testing.assert_close(shown[0, 1], shown[1, 0])
        assert not torch.equal(shown[0, 0], shown[0, 1])
    torch.testing.assert_close(shades[0], shades[1])


def test_moving_the_slider_tells_how_many_codes_are_left() -> None:
    figure = words_figure()
    caption = figure.set(bits=1)
    assert "K = 2 codes" in caption
    assert "1 bit a token" in caption
    assert "2 are used" in caption
    assert "11.0 dB" in caption
    assert "2 bits a token" in figure.set(bits=2)


def test_a_state_looks_the_same_however_it_was_reached() -> None:
    figure = words_figure()
    before = figure.children[-1].value
    figure.set(bits=1)
    assert figure.children[-1].value != before
    figure.set(bits=3)
    assert figure.children[-1].value == before


def test_a_number_of_bits_without_a_retelling_is_refused() -> None:
    scene = VocabularyScene(PICTURE, {2: retelling(2)})
    with pytest.raises(ValueError, match="bits=5"):
        scene(new_figure(), bits=5)
    with pytest.raises(ValueError, match="one or more"):
        VocabularyScene(PICTURE, {})

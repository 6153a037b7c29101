"""Images keep their colours, tokens their numbers, and bad input says so."""

import pytest
import torch
from torch import Tensor

from arcvq_lite.viz import draw_image, draw_images, draw_tokens, new_figure
from arcvq_lite.viz.images import image_colours, token_shades


def test_colours_run_from_black_to_white_and_are_clamped() -> None:
    image = torch.tensor([[[-3.0, -1.0, 0.0, 1.0, 3.0]]])
    assert image_colours(image)[0, :, 0].tolist() == [0, 0, 0.5, 1, 1]


def test_channels_become_colours_in_order() -> None:
    image = torch.stack([torch.full((2, 3), level) for level in (-1.0, 0.0, 1.0)])
    colours = image_colours(image)
    assert colours.shape == (2, 3, 3)
    assert colours[0, 0].tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(2, 4, 4), r"C = 1 or 3, got \(2, 4, 4\)"),
        (torch.zeros(1, 3, 4, 4), r"\(C, H, W\)"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), r"torch\.uint8.*127\.5"),
    ],
)
def test_a_wrong_image_is_refused(image: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_image(new_figure().subplots(), image)


def test_a_batch_becomes_a_grid_with_titles_and_no_empty_frames() -> None:
    figure = new_figure()
    draw_images(figure, torch.zeros(5, 1, 4, 4), titles="abcde", columns=3)
    assert [axes.get_title() for axes in figure.axes] == [*"abcde", ""]
    assert [len(axes.images) for axes in figure.axes] == [1, 1, 1, 1, 1, 0]
    assert not any(axes.axison for axes in figure.axes)


def test_drawing_again_reuses_what_is_there() -> None:
    figure = new_figure()
    draw_images(figure, torch.zeros(2, 1, 4, 4))
    before = [axes.images[0] for axes in figure.axes]
    draw_images(figure, torch.ones(2, 1, 4, 4))
    assert [axes.images[0] for axes in figure.axes] == before
    assert before[0].get_array().min() == 1


def test_drawing_fewer_images_leaves_none_behind() -> None:
    figure = new_figure()
    draw_images(figure, torch.zeros(3, 1, 4, 4))
    draw_images(figure, torch.zeros(1, 1, 8, 8))
    assert [len(axes.images) for axes in figure.axes] == [1, 0, 0]


@pytest.mark.parametrize("shape", [(3, 4, 4), (0, 3, 4, 4)])
def test_a_batch_needs_four_axes_and_an_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"images must be \(N, C, H, W\)"):
        draw_images(new_figure(), torch.zeros(shape))


def test_titles_must_match_the_images() -> None:
    with pytest.raises(ValueError, match="each of 2 images, got 1"):
        draw_images(new_figure(), torch.zeros(2, 1, 4, 4), titles=["one"])


def test_every_token_is_written_in_its_cell() -> None:
    indices = torch.arange(12).reshape(3, 4)
    axes = new_figure(4, 3).subplots()
    draw_tokens(axes, indices, num_codes=128)
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {
        (column, row): str(int(indices[row, column]))
        for row in range(3)
        for column in range(4)
    }


def test_tokens_drawn_again_replace_the_old_ones() -> None:
    axes = new_figure(4, 3).subplots()
    draw_tokens(axes, torch.zeros(2, 2, dtype=torch.long), 8, title="before")
    draw_tokens(axes, torch.full((2, 2), 7), 8, title="after")
    assert [text.get_text() for text in axes.texts] == ["7"] * 4
    assert axes.get_title() == "after"


def test_numbers_are_left_out_where_they_could_not_be_read() -> None:
    axes = new_figure(2, 2).subplots()
    draw_tokens(axes, torch.zeros(32, 32, dtype=torch.long), num_codes=8)
    assert len(axes.texts) == 0


def test_shades_are_one_for_each_code_and_far_apart_for_neighbours() -> None:
    shades = token_shades(torch.arange(512).reshape(16, 32), 512).ravel()
    assert len(set(shades)) == 512
    assert abs(shades[1:] - shades[:-1]).min() > 0.3


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        (torch.zeros(1, 2, 2, dtype=torch.long), r"draw indices\[0\]"),
        (torch.zeros(2, 2), "integers, got torch.float32"),
        (torch.tensor([[0, 8]]), r"0\.\.7 for num_codes=8, got 0\.\.8"),
        (torch.tensor([[-1, 0]]), r"got -1\.\.0"),
    ],
)
def test_wrong_tokens_are_refused(indices: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_tokens(new_figure().subplots(), indices, num_codes=8)

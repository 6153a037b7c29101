"""Cells of a plane and what their codes paint: what is drawn, and what is said."""

import numpy as np
import pytest
import torch

from arcvq_lite.viz import new_figure
from arcvq_lite.viz.voronoi import (
    Clustering,
    VoronoiScene,
    cell_image,
    draw_cells,
    draw_steps,
    window_of,
)
from arcvq_lite.widgets import Slider, SliderFigure

POINTS = torch.rand(24, 2, generator=torch.Generator().manual_seed(0))
PICTURE = torch.linspace(-1, 1, 72).reshape(3, 4, 6)


def colour_of(places: torch.Tensor) -> torch.Tensor:
    return torch.cat([2 * places - 1, torch.zeros(len(places), 1)], dim=1)


def state(num_codes: int, step: int) -> Clustering:
    codebook = (POINTS[:num_codes] + step / 10).clamp(max=1)
    indices = torch.cdist(POINTS, codebook).argmin(dim=1).reshape(4, 6)
    return Clustering(codebook, indices, error=0.5 / (1 + step))


def cells_figure() -> SliderFigure:
    runs = {bits: [state(2**bits, step) for step in range(3)] for bits in (1, 2)}
    return SliderFigure(
        VoronoiScene(POINTS, PICTURE, colour_of, runs),
        alt_title="Cells",
        size=(5.0, 2.0),
        bits=Slider(1, 2, 1, 1, "bits", frames=2, format=".0f"),
        step=Slider(0, 2, 1, 0, "step", frames=3, format=".0f"),
    )


def test_a_place_has_the_colour_of_its_nearest_code() -> None:
    codebook = torch.tensor([[0.1, 0.5], [0.9, 0.5]])
    image = cell_image(codebook, colour_of, (0.0, 1.0, 0.0, 1.0))
    left, right = image[:, :100], image[:, 140:]
    assert (left == left[0, 0]).all()
    assert (right == right[0, 0]).all()
    assert right[0, 0, 0] > left[0, 0, 0]  # the first coordinate paints the red
    middle = image[:, 115:125]
    assert (middle == 255).all(axis=2).any(axis=1).all()  # a border in every row


def test_the_lowest_row_of_cells_comes_first() -> None:
    codebook = torch.tensor([[0.5, 0.1], [0.5, 0.9]])
    image = cell_image(codebook, colour_of, (0.0, 1.0, 0.0, 1.0))
    assert image[0, 0, 1] < image[-1, 0, 1]


def test_cells_are_drawn_in_the_numbers_of_their_codes() -> None:
    figure = new_figure(3, 3)
    axes = figure.subplots()
    draw_cells(axes, POINTS.double(), POINTS[:3].double(), colour_of, title="three")
    assert axes.get_title(loc="left") == "three"
    np.testing.assert_allclose(axes.collections[1].get_offsets(), POINTS[:3].double())
    draw_steps(axes, POINTS[:3], POINTS[3:6])
    ways, dots = axes.collections[2:]
    np.testing.assert_allclose(ways.get_segments()[2], POINTS[[2, 5]])
    np.testing.assert_allclose(dots.get_offsets(), POINTS[3:6])


def test_a_window_holds_every_point_with_a_margin() -> None:
    left, right, bottom, top = window_of(POINTS)
    assert left < POINTS[:, 0].min()
    assert right > POINTS[:, 0].max()
    assert bottom < POINTS[:, 1].min()
    assert top > POINTS[:, 1].max()


def test_moving_a_slider_tells_what_became_of_the_error() -> None:
    figure = cells_figure()
    assert "2 codes, 1 bit a pixel, after 0" in figure.caption
    caption = figure.set(bits=2, step=1)
    assert "4 codes, 2 bits a pixel, after 1" in caption
    assert "0.2500, 50% of what it was at the start" in caption


def test_codes_that_paint_nothing_are_counted() -> None:
    idle = Clustering(POINTS[:3], torch.zeros(4, 6, dtype=torch.int64), 0.1)
    scene = VoronoiScene(POINTS, PICTURE, colour_of, {2: [idle]})
    assert "2 of them own none" in scene(new_figure(), bits=2, step=0)


def test_a_state_looks_the_same_however_it_was_reached() -> None:
    figure = cells_figure()
    before = figure.children[-1].value
    for move in ({"bits": 2}, {"step": 2}):
        figure.set(**move)
        assert figure.children[-1].value != before
    figure.set(bits=1, step=0)
    assert figure.children[-1].value == before


def test_a_state_that_was_not_run_is_refused() -> None:
    scene = VoronoiScene(POINTS, PICTURE, colour_of, {1: [state(2, 0)]})
    with pytest.raises(ValueError, match="bits=3 and step=0"):
        scene(new_figure(), bits=3, step=0)
    with pytest.raises(ValueError, match="one or more"):
        VoronoiScene(POINTS, PICTURE, colour_of, {})

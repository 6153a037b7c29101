"""Cells of codes in the plane: what is drawn, and what is said of it."""

import pytest
import torch

from arcvq_lite.viz import new_figure
from arcvq_lite.viz.spherical import Cells, CellsScene, draw_cells
from arcvq_lite.widgets import Choice, Slider, SliderFigure

LATENTS = torch.tensor([[1.0, 0.5], [2.0, -0.5], [-1.0, 0.1], [0.1, 0.2]])
LEFT_AND_RIGHT = torch.zeros(40, 40, dtype=torch.int64)
LEFT_AND_RIGHT[:, 20:] = 1


def cells(length: float, counts: list[int]) -> Cells:
    codes = torch.tensor([[-length, 0.0], [1.0, 0.0]])
    return Cells(codes, LEFT_AND_RIGHT, torch.tensor(counts))


STATES = {
    (0.0, "Euclidean"): cells(1.0, [2, 2]),
    (0.0, "cosine"): cells(1.0, [2, 2]),
    (0.5, "Euclidean"): cells(0.5, [4, 0]),
    (0.5, "cosine"): cells(0.5, [2, 2]),
}


def cells_figure() -> SliderFigure:
    return SliderFigure(
        CellsScene(LATENTS, STATES),
        alt_title="Two codes and what they own",
        size=(5.0, 2.4),
        skew=Slider(0, 0.5, 0.5, 0.0, "skew", frames=2, format=".1f"),
        matching=Choice(("Euclidean", "cosine"), "Euclidean", "matching"),
    )


def test_a_cell_is_the_darker_the_more_it_has_won() -> None:
    picture = cells(0.5, [3, 1]).picture.astype(int)
    assert picture.shape == (40, 40, 3)
    full, other = picture[5, 5].sum(), picture[5, 30].sum()
    assert full < other


def test_a_border_is_drawn_where_the_owner_changes_and_nowhere_else() -> None:
    picture = cells(0.5, [2, 2]).picture.astype(int)
    assert (picture[:, 20] != picture[:, 5]).any()
    for column in (19, 21):
        assert (picture[:, column] == picture[:, 5]).all()


def test_codes_without_latents_are_hollow_and_the_others_full() -> None:
    axes = new_figure(3, 3).subplots()
    draw_cells(axes, cells(0.5, [4, 0]), LATENTS)
    latents, full, hollow = axes.collections
    assert len(latents.get_offsets()) == len(LATENTS)
    assert full.get_offsets().tolist() == [[-0.5, 0.0]]
    assert hollow.get_offsets().tolist() == [[1.0, 0.0]]


def test_drawing_again_moves_the_codes_and_adds_nothing() -> None:
    axes = new_figure(3, 3).subplots()
    draw_cells(axes, cells(0.5, [4, 0]), LATENTS)
    draw_cells(axes, cells(2.0, [1, 3]), LATENTS)
    assert len(axes.collections) == 3
    assert len(axes.images) == 1
    assert axes.collections[1].get_offsets().tolist() == [[-2.0, 0.0], [1.0, 0.0]]


def test_the_caption_says_who_wins_and_who_goes_without() -> None:
    figure = cells_figure()
    skewed = figure.set(skew=0.5)
    assert "lengths from 0.50 to 1.00" in skewed
    assert "first code wins 4 of 4" in skewed
    assert "1 of the 2 codes goes without" in skewed
    turned = figure.set(matching="cosine")
    assert turned.startswith("cosine matching, skew 0.5")
    assert "none of the 2 codes goes without" in turned


def test_each_control_alone_changes_the_picture() -> None:
    figure = cells_figure()
    first = figure.children[-1].value
    figure.set(skew=0.5)
    second = figure.children[-1].value
    figure.set(matching="cosine")
    assert len({first, second, figure.children[-1].value}) == 3


def test_a_state_that_was_not_computed_is_refused() -> None:
    scene = CellsScene(LATENTS, STATES)
    with pytest.raises(ValueError, match=r"skew=0\.3"):
        scene(new_figure(), skew=0.3, matching="cosine")
    with pytest.raises(ValueError, match="one or more"):
        CellsScene(LATENTS, {})

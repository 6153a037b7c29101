"""The collapse scene shows the logged step, says its numbers, and refuses others."""

import math

import pytest
import torch

from arcvq_lite.viz import new_figure
from arcvq_lite.viz.collapse import (
    SHORTEST,
    CollapseScene,
    LoggedStep,
    Polar,
    draw_compass,
    draw_length_paths,
)


def logged(step, chosen):
    """Five codes of length 1 on the axes, of which the first few are chosen."""
    codes = torch.tensor([[1.0, 0], [0, 1.0], [-1.0, 0], [0, -1.0], [1.0, 0]])
    latents = torch.tensor([[0.1, 0.0], [0.0, 0.1], [0.1, 0.0]])
    counts = torch.zeros(5, dtype=torch.int64)
    counts[:chosen] = 10
    return LoggedStep(
        step=step,
        latents=Polar(latents, latents.norm(dim=1)),
        codes=Polar(codes, torch.tensor([1.0, 2.0, 1.0, 1.0, 0.0])),
        counts=counts,
        perplexity=float(chosen),
        psnr=17.0,
    )


@pytest.fixture
def scene():
    return CollapseScene(
        {"plain": [logged(0, 1), logged(4, 5)], "cure": [logged(0, 3)]}
    )


def test_the_caption_says_what_the_step_holds(scene):
    figure = new_figure()
    caption = scene(figure, step=0, arm="plain")
    assert "Plain, step 0: 1 of 5 codes" in caption
    assert "idle ones 1" in caption
    assert "latents 0.1" in caption
    assert "idle" not in scene(figure, step=4, arm="plain")


def test_a_move_changes_the_artists_and_adds_none(scene):
    figure = new_figure()
    scene(figure, step=0, arm="plain")
    before = [len(axes.get_children()) for axes in figure.axes]
    _, idle, chosen = figure.axes[0].collections
    assert (len(idle.get_offsets()), len(chosen.get_offsets())) == (4, 1)
    scene(figure, step=0, arm="cure")
    assert (len(idle.get_offsets()), len(chosen.get_offsets())) == (2, 3)
    assert [len(axes.get_children()) for axes in figure.axes] == before


def test_a_length_is_a_logarithmic_distance_and_zero_stays_on_the_dial():
    axes = new_figure().subplots()
    codes = Polar(torch.tensor([[0.0, 3.0], [2.0, 0.0]]), torch.tensor([10.0, 0.0]))
    draw_compass(axes, codes, codes, torch.tensor([1, 0]))
    upwards, origin = axes.collections[0].get_offsets()
    assert upwards == pytest.approx([0, 1 - SHORTEST], abs=1e-9)
    assert math.hypot(*origin) == 0


def test_winners_are_drawn_above_losers():
    axes = new_figure().subplots()
    won = torch.tensor([True, False, False])
    draw_length_paths(axes, [0, 1], torch.ones(2, 3), won)
    assert len(axes.lines) == 3
    assert axes.lines[-1].get_linewidth() > axes.lines[0].get_linewidth()


def test_what_was_not_logged_is_refused(scene):
    with pytest.raises(ValueError, match="step=2 was not logged"):
        scene(new_figure(), step=2, arm="plain")
    with pytest.raises(ValueError, match="must be one of plain, cure"):
        scene(new_figure(), step=0, arm="none")
    with pytest.raises(ValueError, match="must hold one or more"):
        CollapseScene({"plain": []})

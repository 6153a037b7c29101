"""Seeds as they are drawn: pairs, resamples, sign tables, curves and names."""

import itertools

import numpy as np
import pytest
import torch
from matplotlib.text import Text

from arcvq_lite.viz import CODES, NEUTRAL, WARNING, new_figure
from arcvq_lite.viz.seeds import (
    draw_resamples,
    draw_runs,
    draw_sign_tables,
    draw_turning,
    name_ends,
    name_points,
)


def test_a_pair_that_turns_round_has_the_other_colour() -> None:
    axes = new_figure(3, 2).subplots()
    draw_turning(axes, {"one": [1.0, 2.0], "two": [2.0, 1.0]}, (CODES, WARNING))
    assert [line.get_color() for line in axes.lines] == [CODES, WARNING]
    assert [text.get_text() for text in axes.texts] == ["seed 0", "seed 1"]


def test_all_resamples_are_in_the_histogram_and_intervals_stand_above_it() -> None:
    axes = new_figure(4, 2).subplots()
    means, pairs = torch.linspace(-1, 1, 200), torch.tensor([-1.0, 0.5, 1.0])
    draw_resamples(
        axes, means, pairs, {"narrow": (-0.5, 0.5), "wide": (-0.9, 0.9)}, "dB"
    )
    assert sum(bar.get_height() for bar in axes.patches) == 200
    top = max(bar.get_height() for bar in axes.patches)
    dots, narrow, wide = axes.lines[:3]
    assert (list(narrow.get_xdata()), list(wide.get_xdata())) == (
        [-0.5, 0.5],
        [-0.9, 0.9],
    )
    assert top < narrow.get_ydata()[0] < wide.get_ydata()[0] < axes.get_ylim()[1]
    assert max(dots.get_ydata()) < 0


def test_tables_as_far_as_the_one_found_are_red_itself_among_them() -> None:
    pairs = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)
    signs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=3)))
    tables = signs.double() @ pairs / 3
    axes = new_figure(4, 2).subplots()
    draw_sign_tables(axes, tables, pairs.mean().item(), "dB")
    nearer, as_far, line = axes.lines
    assert (len(nearer.get_xdata()), len(as_far.get_xdata())) == (6, 2)
    assert (nearer.get_color(), as_far.get_color()) == (NEUTRAL, WARNING)
    np.testing.assert_allclose(line.get_xdata(), [pairs.mean()] * 2)


def test_a_run_has_a_line_in_its_arms_colour() -> None:
    axes = new_figure(4, 2).subplots()
    draw_runs(axes, [1, 2], {"a": [[1, 2], [2, 3]], "b": [[0, 1]]}, (CODES, WARNING))
    assert [line.get_color() for line in axes.lines] == [CODES, CODES, WARNING]
    assert [(text.get_text(), text.xy) for text in axes.texts] == [
        ("a", (2, pytest.approx(2.5))),
        ("b", (2, pytest.approx(1.0))),
    ]


def test_names_that_would_touch_are_moved_apart_and_keep_their_order() -> None:
    axes = new_figure(4, 2).subplots()
    axes.set_ylim(0, 10)
    ends = {"low": 5.0, "middle": 5.01, "high": 5.02, "alone": 9.0}
    name_ends(axes, 1.0, ends, [CODES] * 4)
    heights = [text.xy[1] for text in axes.texts]
    assert heights[:3] == sorted(heights[:3])
    assert min(np.diff(heights[:3])) > 0.74
    assert heights[3] == pytest.approx(9, abs=0.01)
    assert axes.get_ylim() == (0, 10)


def test_no_name_stands_on_another_and_points_outside_have_none() -> None:
    figure = new_figure(4, 3)
    axes = figure.subplots()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    points = {f"arm {number}": (5 + 0.02 * number, 5.0) for number in range(8)}
    name_points(axes, {**points, "far": (5.0, -3.0)}, CODES, 7)
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the leader
    assert [text.get_text() for text in axes.texts] == list(points)
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)

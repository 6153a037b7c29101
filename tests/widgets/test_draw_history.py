"""Curves carry the logged numbers, and each run its name."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcvq_lite.viz import draw_history, new_figure
from arcvq_lite.viz.curves import _spread


@dataclass
class Run:
    """The smallest thing that has a history's shape."""

    logged: dict[str, list[float]]

    @property
    def steps(self) -> list[int]:
        return list(range(0, 30, 10))

    @property
    def names(self) -> list[str]:
        return list(self.logged)

    def __getitem__(self, name: str) -> list[float]:
        return self.logged[name]


COSINE = Run({"reconstruction": [1.0, 0.1, 0.01], "usage": [0.1, 0.2, 0.3]})
BALL = Run({"reconstruction": [1.0, 0.2, 0.02], "usage": [0.1, 0.5, 0.6]})


def test_each_panel_holds_the_logged_numbers() -> None:
    figure = new_figure()
    draw_history(figure, {"cosine": COSINE, "ball": BALL})
    reconstruction, usage = figure.axes
    assert reconstruction.get_title("left") == "reconstruction"
    assert reconstruction.lines[1].get_ydata().tolist() == BALL["reconstruction"]
    assert usage.lines[0].get_xdata().tolist() == [0, 10, 20]
    assert usage.get_xlabel() == "step"


def test_a_wide_span_is_logarithmic_and_usage_a_share() -> None:
    figure = new_figure()
    draw_history(figure, {"cosine": COSINE})
    reconstruction, usage = figure.axes
    assert reconstruction.get_yscale() == "log"
    assert usage.get_yscale() == "linear"
    assert usage.get_ylim() == (0, 1.03)


def test_runs_are_named_where_they_end_in_their_own_colour_order() -> None:
    figure = new_figure()
    draw_history(figure, {"cosine": COSINE, "ball": BALL})
    heights = {text.get_text(): text.xy[1] for text in figure.axes[-1].texts}
    assert heights["cosine"] == pytest.approx(0.3 / 1.03)
    assert heights["ball"] == pytest.approx(0.6 / 1.03)
    assert not figure.axes[0].texts


def test_a_diverged_run_can_still_be_looked_at() -> None:
    lost = Run({"reconstruction": [1.0, float("nan"), float("nan")]})
    figure = new_figure()
    draw_history(figure, {"lost": lost, "found": COSINE}, ["reconstruction"])
    figure.canvas.draw()
    assert len(figure.axes[0].texts) == 2


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_names_keep_apart_in_order_and_stay_close(heights: list[float]) -> None:
    placed = np.array(_spread(heights, gap=0.1))
    order = np.argsort(heights, kind="stable")
    assert (np.diff(placed[order]) >= 0.1 - 1e-9).all()
    if (np.diff(np.array(heights)[order]) >= 0.1).all():
        np.testing.assert_allclose(placed, heights)


def test_what_was_not_logged_is_named() -> None:
    message = r"the run 'cosine' did not log psnr; it logged reconstruction, usage"
    with pytest.raises(ValueError, match=message):
        draw_history(new_figure(), {"cosine": COSINE}, ["psnr", "usage"])


@pytest.mark.parametrize("quantities", ["usage", []])
def test_quantities_are_a_list_of_names(quantities: object) -> None:
    with pytest.raises(ValueError, match="quantities must be a list"):
        draw_history(new_figure(), {"cosine": COSINE}, quantities)


@pytest.mark.parametrize("count", [0, 6])
def test_one_to_five_runs_fit(count: int) -> None:
    runs = {str(number): COSINE for number in range(count)}
    with pytest.raises(ValueError, match=f"1 to 5 runs, got {count}"):
        draw_history(new_figure(), runs)

"""The colours keep apart for every eye, and the style stays inside the figure."""

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from arcvq_lite.viz import (
    CODES,
    INK,
    LATENTS,
    NEUTRAL,
    SERIES,
    WARNING,
    new_figure,
    readable,
    styled,
)
from arcvq_lite.viz.style import READABLE_CONTRAST, contrast_on_white

MEANINGS = {
    "codes": CODES,
    "latents": LATENTS,
    "neutral": NEUTRAL,
    "warning": WARNING,
}

# How linear RGB reaches an eye without one kind of cone (Machado et al. 2009).
EYES = {
    "all cones": np.eye(3),
    "no long cones": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no medium cones": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no short cones": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array(
    [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
)


def lab(colour: str, eye: str = "all cones") -> np.ndarray:
    """CIE L*a*b* of a colour as that eye receives it; a step of 2 is just visible."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    received = np.clip(EYES[eye] @ linear, 0, 1)
    ratio = TO_XYZ @ received / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("pair", list(combinations(MEANINGS, 2)), ids=" and ".join)
def test_meanings_differ_in_grey(pair: tuple[str, str]) -> None:
    first, second = (lab(MEANINGS[name])[0] for name in pair)
    assert abs(first - second) > 12


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("palette", [tuple(MEANINGS.values()), SERIES])
def test_colours_differ_for_every_eye(palette: tuple[str, ...], eye: str) -> None:
    for first, second in combinations(palette, 2):
        assert np.linalg.norm(lab(first, eye) - lab(second, eye)) > 18, (first, second)


@pytest.mark.parametrize("colour", [*MEANINGS.values(), *SERIES, INK, "white"])
def test_readable_text_keeps_its_hue_and_gains_contrast(colour: str) -> None:
    text = to_rgb(readable(colour))
    assert contrast_on_white(text) >= READABLE_CONTRAST
    before, after = np.array(to_rgb(colour)), np.array(text)
    np.testing.assert_allclose(before * after.max(), after * before.max(), atol=0.01)


def test_contrast_has_the_known_ends() -> None:
    assert contrast_on_white(to_rgb("white")) == pytest.approx(1)
    assert contrast_on_white(to_rgb("black")) == pytest.approx(21)


def test_a_figure_is_styled_and_nothing_global_changes() -> None:
    before = dict(mpl.rcParams)
    axes = new_figure(4, 2).subplots()
    with styled():
        axes.set_title("left")
    assert not axes.spines["top"].get_visible()
    assert not axes.spines["right"].get_visible()
    assert axes.get_title("left") == "left"
    assert dict(mpl.rcParams) == before


def test_a_figure_is_styled_whatever_the_global_style() -> None:
    with mpl.rc_context({"axes.spines.top": True, "axes.edgecolor": "lime"}):
        figure = new_figure()
        for axes in (figure.add_subplot(1, 2, 1), figure.add_axes((0.6, 0, 0.4, 1))):
            assert not axes.spines["top"].get_visible()
            assert axes.spines["left"].get_edgecolor() == mpl.colors.to_rgba(NEUTRAL)


@pytest.mark.parametrize("side", [0, -1, float("nan"), float("inf")])
def test_a_side_must_be_a_positive_number(side: float) -> None:
    with pytest.raises(ValueError, match="height must be a positive number"):
        new_figure(7, side)

"""A codebook that collapses: codes and latents, lengths in time, a logged run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from arcvq_lite.viz.style import CODES, LATENTS, NEUTRAL, readable, styled

# Decimal logarithms: of the lengths that are shown, and of the largest count.
SHORTEST, LONGEST, MOST_TOKENS = -2.5, 1.2, 4.0


@dataclass(frozen=True, eq=False)
class Polar:
    """Vectors, as much of them as a compass shows.

    Attributes:
        plane: (N, 2) their projection, of which the direction is shown.
        norms: (N,) their lengths, in all dimensions.
    """

    plane: Tensor
    norms: Tensor


@styled()
def draw_compass(
    axes: Axes, latents: Polar, codes: Polar, counts: Tensor, *, labels: bool = True
) -> None:
    """Latents and codes by direction in a plane and by length on a logarithmic scale.

    Chosen codes are discs, idle ones grey crosses; circles stand at lengths of 0.01,
    0.1, 1 and 10. Drawing there again moves what is there.

    Args:
        axes: empty, or drawn on by this function.
        latents: N of them.
        codes: K of them.
        counts: (K,) how often each code was chosen; the area of its disc grows
            with the share.
        labels: whether the circles are labelled.
    """
    if not axes.collections:
        _draw_dial(axes, labels)
    cloud, idle, chosen = axes.collections
    cloud.set_offsets(_on_dial(latents))
    won = (counts > 0).numpy()
    places = _on_dial(codes)
    idle.set_offsets(places[~won])
    chosen.set_offsets(places[won])
    assert isinstance(chosen, PathCollection)
    chosen.set_sizes((26 + 200 * counts / counts.sum()).numpy()[won])


def _draw_dial(axes: Axes, labels: bool) -> None:
    rim = LONGEST - SHORTEST
    axes.set(xlim=(-rim, rim), ylim=(-rim, rim), aspect="equal")
    axes.set_axis_off()
    turn = np.linspace(0, 2 * math.pi, 181)
    for power in range(-2, 2):
        radius = power - SHORTEST
        axes.plot(
            radius * np.cos(turn), radius * np.sin(turn), color=NEUTRAL, linewidth=0.7
        )
        if labels:
            axes.text(
                0, -radius, f"{10.0**power:g}", fontsize=8, ha="center", va="center"
            ).set_bbox({"facecolor": "white", "linewidth": 0, "pad": 0.6})
    axes.scatter([], [], s=7, color=LATENTS, alpha=0.6, linewidths=0, zorder=2)
    axes.scatter(
        [], [], s=15, color=readable(NEUTRAL), marker="x", linewidths=0.8, zorder=3
    )
    axes.scatter([], [], color=CODES, edgecolors="white", linewidths=0.9, zorder=4)


def _on_dial(points: Polar) -> NDArray[np.float64]:
    """Where points stand: (…, 2), the origin being length 0 and a little more."""
    radius = _log10(points.norms) - SHORTEST
    across, up = points.plane.double().numpy().T
    turn = np.arctan2(up, across)
    return np.column_stack([radius * np.cos(turn), radius * np.sin(turn)])


@styled()
def draw_length_paths(
    axes: Axes, steps: Sequence[int], norms: Tensor, won: Tensor, title: str = ""
) -> None:
    """The lengths of codes over the steps on a logarithmic axis.

    Args:
        axes: empty.
        steps: T of them.
        norms: (T, K) the codes' norms.
        won: (K,) whether a code is drawn as a winner, dark and above the others.
        title: the words above.
    """
    for kept, colour, width in ((~won, NEUTRAL, 0.8), (won, CODES, 1.7)):
        axes.plot(steps, norms[:, kept].numpy(), color=colour, linewidth=width)
    axes.set(yscale="log", xlabel="step", title=title)


@dataclass(frozen=True, eq=False)
class LoggedStep:
    """One step of a run, as much of it as the scene draws.

    Attributes:
        step: its number.
        latents: N of them.
        codes: all K, projected into the same plane.
        counts: (K,) how often each code was chosen on the held-out set.
        perplexity: of these counts.
        psnr: in dB, on the same set.
    """

    step: int
    latents: Polar
    codes: Polar
    counts: Tensor
    perplexity: float
    psnr: float


class CollapseScene:
    """A logged run: codes and latents on a compass, and which lengths are chosen.

    Called as `SliderFigure` wants: scene(figure, step=t, arm=name) draws the step
    of that run and returns its caption.

    Args:
        runs: by the arm's name, its logged steps.

    Raises:
        ValueError: if there is no run, or one that logged nothing.
    """

    def __init__(self, runs: Mapping[str, Sequence[LoggedStep]]) -> None:
        if not runs or not all(runs.values()):
            raise ValueError("runs must hold one or more, each with a logged step")
        self._runs = {
            name: {logged.step: logged for logged in run} for name, run in runs.items()
        }

    def __call__(self, figure: Figure, *, step: float, arm: str) -> str:
        """Draw one step of one run; returns the caption.

        Raises:
            ValueError: if the arm is unknown or did not log that step.
        """
        if arm not in self._runs:
            raise ValueError(f"arm={arm!r} must be one of {', '.join(self._runs)}")
        if round(step) not in self._runs[arm]:
            known = ", ".join(map(str, self._runs[arm]))
            raise ValueError(f"step={step} was not logged; there are {known}")
        logged = self._runs[arm][round(step)]
        if not figure.axes:
            self._set_up(figure)
        compass, lengths = figure.axes
        draw_compass(compass, logged.latents, logged.codes, logged.counts)
        self._draw_lengths(lengths, logged)
        return _sentence(arm, logged)

    def _draw_lengths(self, axes: Axes, logged: LoggedStep) -> None:
        won = (logged.counts > 0).numpy()
        places = np.column_stack(
            [_log10(logged.codes.norms), np.log10(1 + logged.counts.numpy())]
        )
        idle, chosen = axes.collections
        idle.set_offsets(places[~won])
        chosen.set_offsets(places[won])
        low, middle, high = np.quantile(_log10(logged.latents.norms), [0.1, 0.5, 0.9])
        band = axes.patches[0]
        assert isinstance(band, Rectangle)
        band.set_x(low)
        band.set_width(high - low)
        axes.lines[0].set_xdata([middle, middle])

    def _set_up(self, figure: Figure) -> None:
        _, lengths = figure.subplots(1, 2, width_ratios=[1, 1.35])
        lengths.axvspan(0, 1, color=LATENTS, alpha=0.22, linewidth=0)
        lengths.axvline(0, color=LATENTS, linewidth=1.2)
        lengths.scatter(
            [], [], s=22, color=readable(NEUTRAL), marker="x", linewidths=0.9
        )
        lengths.scatter([], [], s=34, color=CODES, edgecolors="white", linewidths=0.8)
        lengths.set(
            xlim=(SHORTEST, LONGEST),
            ylim=(-0.25, MOST_TOKENS + 0.5),
            xticks=range(-2, 2),
            xticklabels=["0.01", "0.1", "1", "10"],
            yticks=[0, math.log10(11), math.log10(1001)],
            yticklabels=["0", "10", "1000"],
            xlabel="length",
            ylabel="tokens on the cat",
        )
        words = ((CODES, "chosen codes"), (NEUTRAL, "idle codes"), (LATENTS, "latents"))
        for place, (colour, word) in enumerate(words):
            lengths.text(
                0.99,
                0.98 - 0.1 * place,
                word,
                transform=lengths.transAxes,
                color=readable(colour),
                ha="right",
                va="top",
            )


def _log10(lengths: Tensor) -> NDArray[np.float64]:
    """Decimal logarithms, kept on the axis where a length is next to nothing."""
    logarithms = np.log10(np.maximum(lengths.double().numpy(), 1e-12))
    return np.asarray(np.clip(logarithms, SHORTEST, LONGEST))


def _sentence(arm: str, logged: LoggedStep) -> str:
    won = logged.counts > 0
    norms = logged.codes.norms
    lengths = [f"chosen codes {norms[won].median():.2g}"]
    if not won.all():
        lengths.append(f"idle ones {norms[~won].median():.2g}")
    lengths.append(f"latents {logged.latents.norms.median():.2g}")
    return (
        f"{arm[:1].upper()}{arm[1:]}, step {logged.step}: {int(won.sum())} of "
        f"{len(won)} codes are chosen on the cat, perplexity "
        f"{logged.perplexity:.1f}, {logged.psnr:.1f} dB. Median lengths: "
        f"{', '.join(lengths)}."
    )

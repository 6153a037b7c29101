"""Seeds drawn as they are: pairs that turn, resamples, sign tables, runs, names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from arcvq_lite.viz.style import (
    CODES,
    INK,
    LATENTS,
    NEUTRAL,
    WARNING,
    readable,
    styled,
)

_POINTS_PER_INCH = 72
_LETTER = 0.62  # mean width of a letter, in heights of the type


@styled()
def draw_turning(
    axes: Axes, values: Mapping[str, Sequence[float]], colours: Sequence[str]
) -> None:
    """Two arms as two columns of dots, and a line for each seed that joins its pair.

    Args:
        axes: empty.
        values: of the two arms by name, one a seed in the same order.
        colours: of lines whose second end is higher, and of the others.
    """
    left, right = values.values()
    shades = [colours[end <= start] for start, end in zip(left, right, strict=True)]
    for start, end, colour in zip(left, right, shades, strict=True):
        axes.plot([0, 1], [start, end], "o-", color=colour, markersize=5)
    names = [f"seed {number}" for number in range(len(right))]
    axes.set(xlim=(-0.25, 1.5))
    name_ends(axes, 1.0, dict(zip(names, right, strict=True)), shades)
    axes.set_xticks([0, 1], list(values))
    axes.tick_params(axis="x", length=0, labelcolor=INK)


@styled()
def draw_resamples(
    axes: Axes,
    means: Tensor,
    pairs: Tensor,
    bars: Mapping[str, tuple[float, float]],
    unit: str,
) -> None:
    """A histogram of resampled means, the pairs below it, intervals above it.

    Args:
        axes: empty.
        means: (M,) of the resamples.
        pairs: (n,) of which they were drawn.
        bars: intervals by name.
        unit: of the differences.
    """
    heights, _, _ = axes.hist(means.tolist(), 60, color=LATENTS, alpha=0.6)
    top = float(max(heights))
    axes.plot(pairs, [-0.07 * top] * len(pairs), "o", color=CODES)
    axes.text(pairs.min().item(), -0.2 * top, "the pairs", color=CODES, va="center")
    for place, (name, (low, high)) in enumerate(bars.items()):
        height = (1.1 + 0.18 * place) * top
        axes.plot([low, high], [height] * 2, color=CODES, linewidth=3)
        axes.text(high, height, f"   {name}", color=CODES, va="center")
    axes.axvline(0, color=NEUTRAL, linewidth=1)
    axes.set(ylim=(-0.3 * top, (1.0 + 0.2 * len(bars) + 0.1) * top), yticks=[])
    axes.set_xlabel(f"mean difference ({unit})")
    axes.spines["left"].set_visible(False)


@styled()
def draw_sign_tables(axes: Axes, tables: Tensor, found: float, unit: str) -> None:
    """All mean differences that other signs would have given, and the one found.

    Args:
        axes: empty.
        tables: (2ⁿ,) mean differences.
        found: the one that is to be judged.
        unit: of the differences.
    """
    # Rounding must not hide that the table itself is as far out as it is.
    as_far = tables.abs() >= abs(found) - 1e-12
    order = tables.argsort()
    heights = tables.new_zeros(len(tables))
    heights[order] = tables.new_tensor([place % 4 for place in range(len(tables))])
    for kept, colour in ((~as_far, NEUTRAL), (as_far, WARNING)):
        axes.plot(tables[kept], heights[kept], "o", color=colour, markersize=5)
    axes.plot([found, found], [-0.7, 3.7], color=CODES, linewidth=1)
    axes.text(found, 4.3, "ours", color=CODES, ha="center")
    axes.set(yticks=[], ylim=(-0.7, 5.3), xlabel=f"mean difference ({unit})")
    axes.spines["left"].set_visible(False)


@styled()
def draw_runs(
    axes: Axes,
    steps: Sequence[int],
    runs: Mapping[str, Sequence[Sequence[float]]],
    colours: Sequence[str],
) -> None:
    """Curves of several arms, a thin line a seed, each arm named where it ends.

    Args:
        axes: with the limits that it shall keep, where they are not to be found.
        steps: of the rows.
        runs: by arm, a curve a seed.
        colours: of the arms.
    """
    for curves, colour in zip(runs.values(), colours, strict=True):
        for curve in curves:
            axes.plot(steps, curve, color=colour, linewidth=1, alpha=0.8)
    ends = {
        arm: sum(curve[-1] for curve in curves) / len(curves)
        for arm, curves in runs.items()
    }
    name_ends(axes, steps[-1], ends, colours)


@styled()
def name_ends(
    axes: Axes, place: float, ends: Mapping[str, float], colours: Sequence[str]
) -> None:
    """Write names to the right of where lines end, moved apart where they touch.

    Args:
        axes: with its limits as they shall stay.
        place: where the lines end.
        ends: heights by name.
        colours: of the names.
    """
    low, high = axes.get_ylim()
    for name, height, colour in zip(
        ends, _apart(list(ends.values()), 0.075 * (high - low)), colours, strict=True
    ):
        axes.annotate(
            name,
            (place, height),
            xytext=(8, 0),
            textcoords="offset points",
            color=readable(colour),
            va="center",
            fontsize=8.5,
        )
    axes.set_ylim(low, high)


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """Heights at least so far apart, in their order, about where they were."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = list(heights)
    for _ in range(50):
        for below, above in pairwise(order):
            lack = least - (moved[above] - moved[below])
            if lack > 0:
                moved[below] -= lack / 2
                moved[above] += lack / 2
    return moved


@styled()
def name_points(
    axes: Axes, points: Mapping[str, tuple[float, float]], colour: str, size: float
) -> None:
    """Write a name beside each point, where no other name and no point stands.

    Args:
        axes: with its limits as they shall stay; a point outside has no name.
        points: by name.
        colour: of points and names.
        size: of the type, in points.
    """
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()  # so that the layout is known
    to_points = _POINTS_PER_INCH / figure.dpi
    places = {
        name: tuple(to_points * axes.transData.transform(point))
        for name, point in points.items()
        if _inside(axes, point)
    }
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in places.values()]
    for name, (x, y) in places.items():
        width = _LETTER * size * len(name)
        for dx, dy in _offsets(width, size):
            box = (x + dx, y + dy - 0.6 * size, x + dx + width, y + dy + 0.6 * size)
            if not any(_overlap(box, other) for other in taken):
                break
        taken.append(box)
        axes.annotate(
            name,
            points[name],
            xytext=(dx, dy),
            textcoords="offset points",
            fontsize=size,
            color=readable(colour),
            va="center",
            annotation_clip=True,
            arrowprops={"arrowstyle": "-", "color": NEUTRAL, "linewidth": 0.5}
            if abs(dy) > size
            else None,
        )
    axes.plot(*zip(*points.values(), strict=True), "o", color=colour, markersize=5)


def _offsets(width: float, size: float) -> Iterable[tuple[float, float]]:
    """Places to try, from the nearest to the farthest."""
    for rise in range(8):
        for dy in (0.0,) if rise == 0 else (rise * size, -rise * size):
            yield 6, 1.25 * dy
            yield -6 - width, 1.25 * dy


def _inside(axes: Axes, point: tuple[float, float]) -> bool:
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    return left <= point[0] <= right and low <= point[1] <= high


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return (
        one[0] < other[2]
        and other[0] < one[2]
        and one[1] < other[3]
        and other[1] < one[3]
    )

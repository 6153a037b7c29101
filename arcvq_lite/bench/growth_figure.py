"""How time and memory grow, drawn on log–log axes, where a power is a straight line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from matplotlib.ticker import FuncFormatter, LogLocator

from arcvq_lite.bench.record import GrowthFound
from arcvq_lite.bench.table import duration, exponent, mebibytes
from arcvq_lite.viz.picture import Picture
from arcvq_lite.viz.style import SERIES, new_figure, styled

_WIDTH, _PANEL, _LINE = 7.0, 2.5, 0.2  # inches
_MARKERS = "os^Dv"
# A cost that stays shall look flat, however little it wanders.
_NARROWEST = 8.0
_ROOM = 1.5  # a factor beyond the smallest and the largest cost


class _Line(NamedTuple):
    """One way in one panel."""

    of: str
    sizes: Sequence[int]
    costs: Sequence[float]
    power: str


def growth_picture(growths: Sequence[GrowthFound]) -> Picture:
    """A row of panels for each size that was grown, a line for each way.

    Args:
        growths: At least one; those with the same size grown and the same other sizes
            share panels.

    Returns:
        Time on the left, and extra memory on the right where it was measured.

    Raises:
        ValueError: If there is none.
    """
    if not growths:
        raise ValueError("growths must hold at least one, got none")
    rows: dict[tuple[str, str], list[GrowthFound]] = {}
    for growth in growths:
        rows.setdefault((growth.size, growth.other_sizes), []).append(growth)
    ways = list(dict.fromkeys(growth.of for growth in growths))
    columns = 2 if any(growth.memory_mib for growth in growths) else 1
    heights = [_PANEL + _LINE * len(row) for row in rows.values()]
    with styled():
        figure = new_figure(_WIDTH, sum(heights))
        panels = figure.subplots(len(rows), columns, squeeze=False)
        for (time, *memory), found in zip(panels, rows.values(), strict=True):
            _draw(time, found[0], ways, [_time(one) for one in found], duration, 10)
            time.set_ylabel("one call")
            for axes in memory:
                lines = [line for one in found for line in _memory(one)]
                _draw(axes, found[0], ways, lines, mebibytes, 2)
                axes.set_ylabel("extra memory")
    return Picture(figure, _in_words(growths))


def _time(growth: GrowthFound) -> _Line:
    return _Line(
        growth.of, growth.sizes, growth.seconds, _power(growth.size, growth.exponent)
    )


def _memory(growth: GrowthFound) -> list[_Line]:
    if growth.memory_mib is None or growth.memory_exponent is None:
        return []
    power = _power(growth.size, growth.memory_exponent)
    return [_Line(growth.of, growth.sizes, growth.memory_mib, power)]


def _power(size: str, value: float) -> str:
    return f"{_literal(size)}$^{{{exponent(value)}}}$"


def _literal(text: str) -> str:
    """Text in which Matplotlib finds no mathematics."""
    return text.replace("$", r"\$")


def _draw(
    axes: Any,
    growth: GrowthFound,
    ways: Sequence[str],
    lines: Sequence[_Line],
    show: Callable[[float], str],
    base: int,
) -> None:
    if not lines:
        axes.set_visible(False)
        return
    for line in lines:
        place = ways.index(line.of)
        axes.plot(
            line.sizes,
            line.costs,
            marker=_MARKERS[place % len(_MARKERS)],
            markersize=5,
            color=SERIES[place % len(SERIES)],
            label=f"{_literal(line.of)}: {line.power}",
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=base)
    costs = [cost for line in lines for cost in line.costs]
    low, high = min(costs) / _ROOM, max(costs) * _ROOM
    middle, half = (low * high) ** 0.5, max(high / low, _NARROWEST) ** 0.5
    axes.set_ylim(middle / half, middle * half)
    axes.xaxis.set_major_locator(LogLocator(base=2, numticks=6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    between = (1, 3) if base == 10 else (1,)
    axes.yaxis.set_major_locator(LogLocator(base=base, subs=between, numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda cost, _: show(cost)))
    axes.minorticks_off()
    axes.grid(axis="y", linewidth=0.5, alpha=0.4)
    others = f" ({growth.other_sizes})" if growth.other_sizes else ""
    axes.set_xlabel(_literal(f"{growth.size}{others}"))
    # Above the panel, where no line can be.
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=9, handlelength=1.5)


def _in_words(growths: Sequence[GrowthFound]) -> str:
    """What the lines show, for a reader who cannot see them."""
    said = []
    for growth in growths:
        first, last = growth.sizes[0], growth.sizes[-1]
        line = (
            f"{growth.of}, {growth.size} from {first:,} to {last:,}: "
            f"{duration(growth.seconds[0])} to {duration(growth.seconds[-1])}"
        )
        if growth.memory_mib is not None:
            low, high = growth.memory_mib[0], growth.memory_mib[-1]
            line += f" and {mebibytes(low)} to {mebibytes(high)}"
        said.append(line)
    return f"Lines on log–log axes. {'; '.join(said)}."

"""`arcvq watch`: a run's log as lines of text, one a quantity."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from arcvq_lite.training.log import CLOCK, LOG, read_rows

_BARS = "▁▂▃▄▅▆▇█"
_NO_CURVE = ("step", "images", "samples")


def watch(
    folder: Path,
    say: Callable[[str], None],
    *,
    once: bool = False,
    every: float = 5.0,
    width: int = 40,
) -> int:
    """Show a run's log, and show it again whenever it has grown.

    Args:
        folder: of the run.
        say: takes a whole view.
        once: show it one time and return, instead of until Ctrl-C.
        every: seconds between two looks.
        width: columns of a curve.

    Returns:
        0.

    Raises:
        FileNotFoundError: if the folder has no log.
    """
    for view in _views(folder, every, width):
        say(view)
        if once:
            break
    return 0


def render(folder: Path, *, width: int = 40, now: float | None = None) -> str:
    """A view of a run: where it is, and of each quantity its curve and last value.

    Args:
        folder: of the run.
        width: columns of a curve.
        now: seconds since 1970; the clock's by default.

    Raises:
        FileNotFoundError: if the folder has no log.
    """
    rows = read_rows(folder / LOG)
    if not rows:
        raise FileNotFoundError(
            f"{folder} has no rows in {LOG}; pass the run.folder of `arcvq train`"
        )
    clocks = read_rows(folder / CLOCK)
    names = [name for name in rows[-1] if name not in _NO_CURVE]
    margin = max(map(len, names))
    lines = [_headline(rows[-1], clocks, time.time() if now is None else now)]
    for name in names:
        values = [float(row[name]) for row in rows if name in row]
        curve = sparkline(values, width)
        lines.append(f"  {name:<{margin}}  {curve:<{width}}  {values[-1]:.5g}")
    return "\n".join(lines)


def sparkline(values: Sequence[float], width: int) -> str:
    """A curve of at most `width` characters; each is the mean of its share.

    Values that are no numbers are shown as `×`.
    """
    columns = min(width, len(values))
    bounds = [len(values) * column // columns for column in range(columns + 1)]
    means = [
        sum(values[start:stop]) / (stop - start) for start, stop in pairwise(bounds)
    ]
    finite = [mean for mean in means if math.isfinite(mean)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    span = (high - low) or 1.0
    return "".join(
        _BARS[round((mean - low) / span * (len(_BARS) - 1))]
        if math.isfinite(mean)
        else "×"
        for mean in means
    )


def _headline(row: dict[str, Any], clocks: Sequence[dict[str, Any]], now: float) -> str:
    parts = [f"step {row['step']:,}", f"{row['images']:,} images seen"]
    if clocks:
        last = clocks[-1]
        parts.append(f"{last['images_per_second']:.1f} images/s")
        if last["memory_mib"] is not None:
            parts.append(f"{last['memory_mib']:,.0f} MiB")
        parts.append(f"logged {max(0.0, now - last['time']):.0f} s ago")
    return " · ".join(parts)


def _views(folder: Path, every: float, width: int) -> Iterator[str]:
    """The view now, and at each later look at which the log has another length."""
    shown = -1
    while True:
        length = (folder / LOG).stat().st_size if (folder / LOG).is_file() else 0
        if length != shown:
            shown = length
            yield render(folder, width=width)
        time.sleep(every)

"""How long a chapter's sliders take to answer.

Run as a program in a process of its own, `python -m arcvq_lite.bench.slider_moves
CHAPTER ROUNDS`, since a chapter takes a gigabyte and leaves its settings behind.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import statistics
import sys
import time
import types
import warnings
from collections.abc import Hashable, Sequence
from pathlib import Path

import ipywidgets
import numpy as np

from arcvq_lite.widgets import SliderFigure

_MOST_STOPS = 9  # of a slider, evenly spaced


def slowest_move(figure: SliderFigure, rounds: int) -> list[float]:
    """Seconds, in every round, of the move that takes longest in the median.

    Each control is moved through its stops while the others stay where they are.

    Args:
        figure: left in the state that it has.
        rounds: how often each move is made, at least 1.
    """
    begun = figure.state
    controls = [
        control
        for control in figure.children
        if isinstance(control, ipywidgets.FloatSlider | ipywidgets.Dropdown)
    ]
    seconds: dict[tuple[int, Hashable], list[float]] = {}
    for _ in range(rounds):
        for number, control in enumerate(controls):
            for stop in _stops(control):
                took = _seconds(control, stop)
                seconds.setdefault((number, stop), []).append(took)
            figure.set(**begun)
    return max(seconds.values(), key=statistics.median)


def _stops(control: ipywidgets.FloatSlider | ipywidgets.Dropdown) -> list[Hashable]:
    """Where a control is moved to, other than where it stands."""
    if isinstance(control, ipywidgets.Dropdown):
        values = [value for _, value in control.options]
    else:
        steps = round((control.max - control.min) / control.step)
        kept = np.unique(np.linspace(0, steps, _MOST_STOPS).round())
        values = [round(control.min + step * control.step, 9) for step in kept.tolist()]
    return [value for value in values if value != control.value]


def _seconds(
    control: ipywidgets.FloatSlider | ipywidgets.Dropdown, stop: Hashable
) -> float:
    began = time.perf_counter()
    control.value = stop  # the figure is redrawn before this returns
    return time.perf_counter() - began


def figures_of(chapter: Path) -> list[SliderFigure]:
    """Run a chapter's source in its folder, as Jupyter does, and take its figures.

    What it prints is dropped.
    """
    # As in Jupyter the main module has no file, which a process that the chapter
    # starts would run first.
    main_module = types.ModuleType("__main__")
    sys.modules["__main__"] = main_module
    with contextlib.chdir(chapter.parent), contextlib.redirect_stdout(io.StringIO()):
        source = Path(chapter.name).read_text(encoding="utf-8")
        exec(compile(source, chapter.name, "exec"), vars(main_module))
    made = vars(main_module).values()
    found = [thing for thing in made if isinstance(thing, SliderFigure)]
    return list(dict.fromkeys(found))


def main(words: Sequence[str]) -> None:
    """Write the seconds of a chapter's slowest move to the standard output."""
    chapter, rounds = words
    os.environ["MPLBACKEND"] = "agg"
    warnings.simplefilter("ignore")
    found = [slowest_move(each, int(rounds)) for each in figures_of(Path(chapter))]
    sys.stdout.write(json.dumps(max(found, key=statistics.median)))


if __name__ == "__main__":
    main(sys.argv[1:])

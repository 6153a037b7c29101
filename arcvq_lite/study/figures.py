"""The two pictures of a report: the effects of the claims, and where each arm ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from arcvq_lite.study.document import Plot
from arcvq_lite.study.findings import Findings
from arcvq_lite.study.numbers import fidelity, in_words
from arcvq_lite.viz.picture import css_size, pixels, png_bytes
from arcvq_lite.viz.style import INK, NEUTRAL, SERIES, new_figure, readable, styled

_ROW = 0.36  # inches


def plot_effects(findings: Findings) -> list[Plot]:
    """One picture a measure: every claim's difference, its interval, its seeds."""
    rows: dict[str, list[tuple[str, Findings]]] = {}
    for name, claim in findings["claims"].items():
        for comparison in claim["comparisons"]:
            if comparison["low"] is not None:
                rows.setdefault(comparison["measure"], []).append((name, comparison))
    return [_effects(measure, compared) for measure, compared in rows.items()]


def plot_arms(findings: Findings) -> Plot:
    """Where every run ended, a row an arm, a panel a measure."""
    arms = {name: arm for name, arm in findings["arms"].items() if arm["last"]}
    logged = next(iter(arms.values()))["last"]
    measures = (fidelity(logged), "usage", "code_angle")
    with styled():
        figure = new_figure(8.5, 0.9 + _ROW * len(arms))
        panels = figure.subplots(1, len(measures), sharey=True)
        for axes, measure in zip(panels, measures, strict=True):
            for height, arm in enumerate(arms.values()):
                values = [v for v in arm["last"][measure]["values"] if v is not None]
                axes.plot(values, [height] * len(values), "o", ms=4, color=NEUTRAL)
                mean = arm["last"][measure]["mean"]
                if mean is not None:
                    axes.plot([mean], [height], "|", ms=14, mew=2, color=SERIES[0])
            axes.set_xlabel(in_words(measure))
        _name_rows(panels[0], list(arms))
    caption = "A dot is a run after its last step, a bar the mean of an arm's runs."
    alt = f"A row of dots an arm: {', '.join(arms)}. {caption}"
    return _plot("arms", figure, alt, caption)


def _effects(measure: str, compared: Sequence[tuple[str, Findings]]) -> Plot:
    with styled():
        figure = new_figure(7.0, 1.0 + _ROW * len(compared))
        axes = figure.subplots()
        smallest = compared[0][1]["smallest"]
        axes.axvspan(-smallest, smallest, color=NEUTRAL, alpha=0.15, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.8)
        for height, (_, found) in enumerate(compared):
            seeds = found["differences"]
            axes.plot([found["low"], found["high"]], [height] * 2, color=SERIES[0])
            axes.plot(seeds, [height] * len(seeds), "o", ms=4, color=NEUTRAL)
            axes.plot([found["mean"]], [height], "|", ms=14, mew=2, color=SERIES[0])
        axes.set_xlabel(f"difference in {in_words(measure)}")
        _name_rows(axes, [name for name, _ in compared])
    caption = (
        f"Differences in {in_words(measure)}, one row a claim: dots are seeds, the bar "
        "is their mean, the line its interval. In the grey band a difference counts "
        "as the same."
    )
    names = ", ".join(name.replace("_", " ") for name, _ in compared)
    return _plot(f"effects_{measure}", figure, f"{caption} Rows: {names}.", caption)


def _name_rows(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=readable(INK))


def _plot(name: str, figure: Figure, alt: str, caption: str) -> Plot:
    return Plot(name, png_bytes(pixels(figure)), alt, caption, css_size(figure))

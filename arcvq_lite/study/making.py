"""The part of a report that says how its numbers were made."""

from __future__ import annotations

from collections.abc import Iterator

from arcvq_lite.study.document import Block, Heading, Paragraph, Table
from arcvq_lite.study.findings import Findings
from arcvq_lite.study.numbers import named

# Options that stand in a column or a table of their own.
_ELSEWHERE = {"num_codes", "dim", "radius", "margin", "quantizer", "clock"}


def how_it_was_made(findings: Findings) -> Iterator[Block]:
    """The options that all arms share, each arm's own, and the versions."""
    yield Heading(2, "How it was made")
    setting = findings["setting"]
    yield Table(
        "What all arms share",
        ["option", "value"],
        [
            [f"{part}.{name}", "none" if value is None else str(value)]
            for part in ("data", "model", "codebook", "optimizer", "budget", "scores")
            for name, value in setting[part].items()
        ],
    )
    yield Table(
        "The arms, their schedules as they ran",
        ["arm", "clock", "ball", "margin", "besides"],
        [
            [name, arm["clock"], _ball(arm), _margin(arm), _besides(arm)]
            for name, arm in findings["arms"].items()
        ],
    )
    versions = ", ".join(f"{n} {v}" for n, v in findings["versions"].items())
    yield Paragraph(f"Versions: {versions}. Data: {findings['sha256_of_images']}.")


def _ball(arm: Findings) -> str:
    radius = arm["options"]["quantizer"]["radius"]
    if radius is None:
        return "none"
    return {
        "exponential": f"growing, α = {radius['alpha']:.3g}",
        "constant": f"constant, {radius['radius']:.3g}",
        "shrinking": f"shrinking from {radius['radius']:.3g}",
    }[radius["kind"]]


def _margin(arm: Findings) -> str:
    margin = arm["options"]["quantizer"]["margin"]
    if margin is None:
        return "none"
    fading = f"γ₀ = {margin['weight']:.3g}, λ = {margin['decay']:.3g}"
    return (
        f"s = {margin['scale']:.3g}, m = {margin['margin']:.3g}, "
        f"top {margin['top_k']}, {fading}"
    )


def _besides(arm: Findings) -> str:
    """What is set of the arm's other options."""
    options, quantizer = arm["options"], arm["options"]["quantizer"]
    own = {name: quantizer[name] for name in quantizer if name not in _ELSEWHERE}
    own |= {name: options[name] for name in options if name not in _ELSEWHERE}
    return ", ".join(
        f"{named(name)} {_in_words(value)}"
        for name, value in own.items()
        if value is not None
    )


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return " and ".join(f"{n} {_in_words(v)}" for n, v in value.items())
    return f"{value:.3g}" if isinstance(value, float) else named(str(value))

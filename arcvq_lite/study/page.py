"""The page of a study, written from its findings and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from arcvq_lite.study.document import Block, Heading, Paragraph, Table
from arcvq_lite.study.figures import plot_arms, plot_effects
from arcvq_lite.study.findings import Findings
from arcvq_lite.study.making import how_it_was_made
from arcvq_lite.study.numbers import in_words, named, shown, shown_change

VERDICTS = {
    "supported": "supported",
    "not_supported": "not supported",
    "undecided": "undecided at this budget",
}
_LAST = (
    *("psnr", "snr", "ssim", "l1", "log_spectral_distance", "lpips", "rfid"),
    *("usage", "perplexity", "code_angle"),
)
_COMPARED = (
    "measure",
    "expected",
    "mean",
    "interval",
    "still possible",
    "p",
    "p, corrected",
)
_PAIRS = {
    "margin_commitment": "the commitment loss",
    "margin_reconstruction": "the reconstruction, straight through",
}


def write_page(findings: Findings) -> list[Block]:
    """All blocks of the report.

    Args:
        findings: of `find`; every number on the page is one of them, rounded.
    """
    blocks = [
        Heading(1, f"Study: {findings['study'].replace('_', ' ')}"),
        Paragraph(findings["question"]),
        *_verdicts(findings),
        *_certainty(findings),
        *_balls(findings),
        *_arms(findings),
        *_gradients(findings),
        *_missing(findings),
        *how_it_was_made(findings),
    ]
    budget = _budget(findings)
    return [
        replace(block, caption=f"{block.caption}. {budget}")
        if isinstance(block, Table)
        else block
        for block in blocks
    ]


def _budget(findings: Findings) -> str:
    """What stands under every table, which may be quoted without its page."""
    seeds, machines = len(findings["seeds"]), "; ".join(findings["machines"])
    return (
        f"Budget: {findings['last_step']} steps a run, {seeds} seeds, on "
        f"{machines or 'a machine that was not noted'}"
    )


def _verdicts(findings: Findings) -> Iterator[Block]:
    yield Heading(2, "Verdicts")
    yield Table(
        "The rules and the words were in the configuration before the runs",
        ["claim", "verdict", "in words"],
        [
            [named(name), VERDICTS[claim["verdict"]], claim["words"]]
            for name, claim in findings["claims"].items()
        ],
    )
    yield Paragraph(
        f"With {len(findings['seeds'])} seeds no comparison behind a verdict is surer "
        f"than {findings['most_confidence']:.4f}; the section on how sure this can be "
        "says why."
    )
    for name, claim in findings["claims"].items():
        yield Heading(3, named(name).capitalize())
        yield Paragraph(claim["says"])
        yield Paragraph(" ".join(_reasons(claim)))
        yield Table(
            f"Paired differences, {_at(claim, '')} less {_at(claim, 'against_')}",
            _COMPARED,
            [
                [
                    in_words(c["measure"]),
                    c["expected"] or "–",
                    shown_change(c["mean"], c["measure"]),
                    f"{shown_change(c['low'], c['measure'])} to "
                    f"{shown_change(c['high'], c['measure'])}",
                    " or ".join(c["possible"]) or "nothing known",
                    shown(c["p"], "p"),
                    shown(c["p_corrected"], "p"),
                ]
                for c in claim["comparisons"]
            ],
        )
    yield Heading(2, "Effects")
    yield from plot_effects(findings)


def _reasons(claim: Findings) -> Iterator[str]:
    yield f"Verdict: {VERDICTS[claim['verdict']]}. {claim['words']}"
    for arm in claim["balls_never_bound"]:
        yield (
            f"The ball of the arm {arm} touched no code in at least one run, so that "
            "this run is the same as one without a ball, and the claim has not been "
            "tried."
        )
    if claim["too_few_pairs"]:
        names = ", ".join(in_words(measure) for measure in claim["too_few_pairs"])
        yield f"There are too few pairs of runs to decide by: {names}."
    elif claim["pairs_missing"]:
        yield (
            f"Pairs that are missing: {claim['pairs_missing']}. If runs are missing "
            "because they diverged, the others are a selection."
        )


def _certainty(findings: Findings) -> Iterator[Block]:
    yield Heading(2, "How sure this can be")
    yield Paragraph(
        f"The claims make {findings['comparisons']} comparisons. Intervals are "
        f"expanded percentile bootstrap intervals over the seeds, each with the "
        f"confidence {findings['confidence']:.4f}, so that the chance of one or more "
        f"false ones among all of them is at most {findings['family_error']:.2f}. No "
        "resample of the seeds leaves their range, so an interval can say no more "
        f"than that. The range of {len(findings['seeds'])} seeds holds the median "
        "that they scatter about with a probability of only "
        f"{findings['most_confidence']:.4f}. That is the most confidence that one "
        "comparison can have, whatever is asked for, and all of them together have "
        f"less. Fewer than {findings['fewest_pairs']} pairs decide nothing."
    )
    corrected = findings["smallest_p_corrected"]
    reached = (
        "so that none can fall below it here, and the verdicts rest on the intervals"
        if corrected > findings["family_error"]
        else "which is small enough to be of use"
    )
    yield Paragraph(
        f"p is of an exact two-sided sign-flip test. With {len(findings['seeds'])} "
        f"seeds the smallest that it can give is {findings['smallest_p']:.4f}, when "
        "all seeds agree in sign. Corrected for the number of comparisons (Holm 1979) "
        f"the first of them is at least {corrected:.4f}. The usual bound is "
        f"{findings['family_error']:.2f}, {reached}."
    )
    yield Paragraph(
        f"All runs were judged after their last step, {findings['last_step']}. No "
        "checkpoint was chosen, so none was chosen on the held-out set. Runs of one "
        "seed began with the same encoder, decoder and random codes, and saw the same "
        "batches in the same order."
    )


def _balls(findings: Findings) -> Iterator[Block]:
    balls = {n: a["ball"] for n, a in findings["arms"].items() if a["ball"]}
    if not balls:
        return
    yield Heading(2, "Did the ball bind?")
    yield Paragraph(
        "A ball does something only at steps at which it rescales a code. Adam moves "
        "a code by at most about its learning rate times the square root of D a step, "
        "and a ball that grows faster never touches one. An arm whose ball never "
        "bound equals the arm without it."
    )
    yield Table(
        "Over all steps, means over the seeds",
        ["arm", "share of steps", "codes rescaled a step", "in words"],
        [
            [
                name,
                shown(ball["mean_binding"], "ball_binding"),
                shown(ball["mean_codes"], "ball_codes"),
                _on_ball(ball),
            ]
            for name, ball in balls.items()
        ],
    )


def _on_ball(ball: Findings) -> str:
    if not ball["binding"]:
        return "not run"
    if ball["bound"]:
        return "bound in every run"
    return f"never bound in {ball['seeds_never_bound']} of {len(ball['binding'])} runs"


def _arms(findings: Findings) -> Iterator[Block]:
    arms = {name: arm for name, arm in findings["arms"].items() if arm["last"]}
    logged = [m for m in _LAST if all(m in arm["last"] for arm in arms.values())]
    yield Heading(2, "Where the arms ended")
    yield Table(
        "After the last step, mean over the seeds ± standard deviation",
        ["arm", *(in_words(measure) for measure in logged)],
        [
            [name, *(_with_deviation(arm["last"][m], m) for m in logged)]
            for name, arm in arms.items()
        ],
    )
    yield plot_arms(findings)
    yield Table(
        "What a run took, mean over the seeds",
        ["arm", "seconds", "peak memory (bytes)"],
        [
            [name, shown(arm["seconds"], "rfid"), _whole(arm["peak_memory_bytes"])]
            for name, arm in arms.items()
        ],
    )


def _gradients(findings: Findings) -> Iterator[Block]:
    rows = [
        [
            name,
            other,
            _with_deviation(arm["last"][f"{pair}_cosine"], "cosine"),
            _with_deviation(arm["last"][f"{pair}_opposed"], "share"),
        ]
        for name, arm in findings["arms"].items()
        for pair, other in _PAIRS.items()
        if f"{pair}_cosine" in arm["last"]
    ]
    if not rows:
        return
    yield Heading(2, "Does the margin pull against the other losses?")
    yield Table(
        "At the latents of a fixed part of the held-out set, after the last step: 1 "
        "is with, 0 across, -1 against",
        ["arm", "margin beside", "mean cosine", "share of tokens below zero"],
        rows,
    )


def _missing(findings: Findings) -> Iterator[Block]:
    if not findings["missing"]:
        return
    yield Heading(2, "Runs that are missing")
    yield Table(
        "They are in no number above",
        ["arm", "seed", "why"],
        [[m["arm"], str(m["seed"]), m["why"]] for m in findings["missing"]],
    )


def _at(claim: Findings, whose: str) -> str:
    arm = claim["against"] if whose else claim["arm"]
    return f"{named(arm)} at step {claim[f'{whose}at']}"


def _with_deviation(summary: Findings, measure: str) -> str:
    mean = shown(summary["mean"], measure)
    if summary["deviation"] is None:
        return mean
    return f"{mean} ± {shown(summary['deviation'], measure)}"


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"

"""Findings: every number of a study's report, from its finished runs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from arcvq_lite.study.arms import plan_run
from arcvq_lite.study.finished_runs import FinishedRuns
from arcvq_lite.study.options import ClaimOptions, StudyOptions
from arcvq_lite.study.statistics import (
    bootstrap_interval,
    holm,
    most_confidence,
    sign_flip_p,
    smallest_p,
)
from arcvq_lite.study.verdict import judge, possible_changes

Findings = dict[str, Any]

# The range of two is as likely as not to miss what they scatter about.
_FEWEST_PAIRS = 3
_ERROR = 0.05  # the chance of one or more false findings that is put up with


def find(study: StudyOptions, runs: FinishedRuns) -> Findings:
    """Compare the arms, judge the claims, and say how sure all of it can be.

    Args:
        study: with the claims.
        runs: of `read_runs`.

    Returns:
        What can be written as JSON: lists, numbers, words and None for a number that
        there is not.
    """
    setting = study.setting
    first = next(iter(runs.results.values()))
    return {
        "study": study.name,
        "question": setting.question,
        "setting": _plain(dataclasses.asdict(setting)),
        "last_step": setting.budget.steps,
        "seeds": list(setting.seeds),
        "runs": {"finished": len(runs.results), "missing": len(runs.failures)},
        "missing": [
            {"arm": arm, "seed": seed, "why": why}
            for (arm, seed), why in runs.failures.items()
        ],
        "arms": {arm: _about_arm(study, arm, runs) for arm in study.arms},
        **_about_claims(study, runs),
        "machines": _machines(runs.costs.values()),
        "versions": first.identity["versions"],
        "sha256_of_images": first.identity["data"]["sha256_of_images"],
    }


def _about_arm(study: StudyOptions, arm: str, runs: FinishedRuns) -> Findings:
    """The options as they ran, the last row, all rows, the ball, and the cost."""
    plan = plan_run(study, arm, study.setting.seeds[0])
    own = {seed: r for (name, seed), r in runs.results.items() if name == arm}
    costs = [cost for (name, _), cost in runs.costs.items() if name == arm]
    measures = next(iter(own.values())).history.names if own else []
    return {
        "options": _plain(dataclasses.asdict(plan.options)),
        "clock": study.arms[arm].clock or study.setting.budget.clock,
        "seeds": list(own),
        "ball": _about_ball(study, arm, runs),
        "last": {m: _summary(runs.values(arm, m, None)) for m in measures},
        "rows": {
            "steps": next(iter(own.values())).history.steps if own else [],
            "means": {
                m: [
                    _number(fmean(column))
                    for column in zip(
                        *(r.history[m] for r in own.values()), strict=True
                    )
                ]
                for m in measures
            },
        },
        "seconds": _mean_of(costs, "seconds"),
        "peak_memory_bytes": _mean_of(costs, "peak_memory_bytes"),
    }


def _about_ball(study: StudyOptions, arm: str, runs: FinishedRuns) -> Findings | None:
    """Whether the arm's ball did anything; None where it has none."""
    if study.arms[arm].quantizer.radius is None:
        return None
    binding = runs.values(arm, "ball_binding", None)
    return {
        "binding": list(binding.values()),
        "mean_binding": _number(fmean(binding.values())) if binding else None,
        "mean_codes": _number(fmean(runs.values(arm, "ball_codes", None).values()))
        if binding
        else None,
        "seeds_never_bound": sum(share == 0 for share in binding.values()),
        "bound": bool(binding) and all(share > 0 for share in binding.values()),
    }


def _about_claims(study: StudyOptions, runs: FinishedRuns) -> Findings:
    count = sum(len(claim.measures) for claim in study.claims.values())
    confidence = 1 - _ERROR / count
    claims: dict[str, Findings] = {
        name: {
            "says": claim.says,
            "arm": claim.arm,
            "against": claim.against,
            "at": claim.at or study.setting.budget.steps,
            "against_at": claim.against_at or study.setting.budget.steps,
            "comparisons": [
                _compare(study, claim, measure, runs, confidence)
                for measure in claim.measures
            ],
        }
        for name, claim in study.claims.items()
    }
    comparisons = [c for claim in claims.values() for c in claim["comparisons"]]
    tested = [c for c in comparisons if c["p"] is not None]
    for comparison, p in zip(tested, holm([c["p"] for c in tested]), strict=True):
        comparison["p_corrected"] = p
    for name, claim in study.claims.items():
        claims[name] |= _judged(study, claim, claims[name]["comparisons"], runs)
    seeds = len(study.setting.seeds)
    return {
        "comparisons": count,
        "family_error": _ERROR,
        "confidence": confidence,
        "fewest_pairs": _FEWEST_PAIRS,
        "most_confidence": most_confidence(seeds),
        "smallest_p": smallest_p(seeds),
        "smallest_p_corrected": min(1.0, count * smallest_p(seeds)),
        "claims": claims,
    }


def _compare(
    study: StudyOptions,
    claim: ClaimOptions,
    measure: str,
    runs: FinishedRuns,
    confidence: float,
) -> Findings:
    """The paired differences of one measure, over the seeds that both arms have."""
    arm = runs.values(claim.arm, measure, claim.at)
    against = runs.values(claim.against, measure, claim.against_at)
    pairs = {
        seed: arm[seed] - against[seed]
        for seed in study.setting.seeds
        if seed in arm and seed in against
    }
    pairs = {seed: d for seed, d in pairs.items() if math.isfinite(d)}
    differences = list(pairs.values())
    smallest = study.setting.smallest.get(measure, 0.0)
    found: Findings = {
        "measure": measure,
        "expected": claim.expects.get(measure),
        "refuted_by": claim.refuted_by.get(measure),
        "smallest": smallest,
        "seeds": list(pairs),
        "differences": differences,
        "mean": fmean(differences) if differences else None,
        "low": None,
        "high": None,
        "p": sign_flip_p(differences) if differences else None,
        "p_corrected": None,
        "possible": [],
    }
    if len(differences) >= 2:
        interval = bootstrap_interval(differences, confidence)
        possible = possible_changes(interval, smallest)
        found |= {"low": interval.low, "high": interval.high}
        found["possible"] = [c for c in ("up", "same", "down") if c in possible]
    return found


def _judged(
    study: StudyOptions,
    claim: ClaimOptions,
    comparisons: Sequence[Findings],
    runs: FinishedRuns,
) -> Findings:
    """The verdict, the words for it, and what stands in the way of another."""
    slack = [
        arm
        for arm in dict.fromkeys([claim.arm, claim.against])
        if (ball := _about_ball(study, arm, runs)) is not None
        and ball["seeds_never_bound"]
    ]
    possible = {
        c["measure"]: frozenset(c["possible"])
        for c in comparisons
        if len(c["differences"]) >= _FEWEST_PAIRS
    }
    # A ball that never touched a code has not been tried, whatever came out.
    verdict = "undecided" if slack else judge(claim, possible)
    return {
        "verdict": verdict,
        "words": getattr(claim.words, verdict),
        "balls_never_bound": slack,
        "too_few_pairs": [
            c["measure"] for c in comparisons if len(c["differences"]) < _FEWEST_PAIRS
        ],
        "pairs_missing": len(study.setting.seeds)
        - min(len(c["differences"]) for c in comparisons),
    }


def _summary(values: Mapping[int, float]) -> Findings:
    """Mean and standard deviation; neither where a run has no number to give."""
    numbers = [_number(value) for value in values.values()]
    known = [number for number in numbers if number is not None]
    whole = bool(known) and len(known) == len(numbers)
    return {
        "mean": fmean(known) if whole else None,
        "deviation": stdev(known) if whole and len(known) > 1 else None,
        "values": numbers,
    }


def _machines(costs: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the runs were computed on, in words, as far as it was noted."""
    noted = {(c.get("gpu") or c.get("processor"), c.get("system")) for c in costs}
    return sorted(", ".join(filter(None, names)) for names in noted if any(names))


def _mean_of(costs: Sequence[Mapping[str, Any]], name: str) -> float | None:
    known = [cost[name] for cost in costs if cost.get(name) is not None]
    return fmean(known) if known else None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(tree: Any) -> Any:
    """Tuples as lists, as JSON has them."""
    if isinstance(tree, Mapping):
        return {name: _plain(value) for name, value in tree.items()}
    return [_plain(v) for v in tree] if isinstance(tree, list | tuple) else tree

"""The runs of a study that are finished, and why the others are not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from arcvq_lite.study.arms import plan_runs
from arcvq_lite.study.identity import identify_run
from arcvq_lite.study.options import StudyOptions
from arcvq_lite.study.run_file import RunFiles, RunResult


@dataclass(frozen=True)
class FinishedRuns:
    """The results that a study has so far.

    Attributes:
        results: by arm and seed.
        failures: why one is missing, by arm and seed.
        costs: what each took, by arm and seed.
    """

    results: dict[tuple[str, int], RunResult]
    failures: dict[tuple[str, int], str]
    costs: dict[tuple[str, int], dict[str, Any]]

    def values(self, arm: str, measure: str, at: int | None) -> dict[int, float]:
        """A measure of an arm by seed, at a logged step or the last."""
        found = {}
        for (name, seed), result in self.results.items():
            history = result.history
            if name == arm and measure in history.columns:
                row = -1 if at is None else history.steps.index(at)
                found[seed] = history[measure][row]
        return found


def read_runs(study: StudyOptions, folder: Path) -> FinishedRuns:
    """Read what is finished.

    Images and weights of scores are not loaded for it. That all runs had the same
    ones, and the same versions of everything, is asked of the runs themselves.

    Raises:
        OtherConfigurationError: if a result is of another configuration.
        FileNotFoundError: if there is none.
    """
    found = FinishedRuns({}, {}, {})
    first: RunResult | None = None
    for plan in plan_runs(study):
        files, key = RunFiles(folder, plan.name), (plan.arm, plan.seed)
        result = files.read_result()
        if result is None:
            reason = files.read_failure()
            found.failures[key] = "not run yet" if reason is None else reason
            continue
        first = first or result
        images = first.identity["data"]["sha256_of_images"]
        wanted = identify_run(plan, images, _scores(study, first))
        wanted["versions"] = first.identity["versions"]
        files.check(result, wanted)
        found.results[key] = result
        found.costs[key] = files.read_cost()
    if first is None:
        raise FileNotFoundError(
            f"{folder} holds no finished run of the study {study.name}; "
            f"`arcvq study run` makes them"
        )
    return found


def _scores(study: StudyOptions, first: RunResult) -> dict[str, Any]:
    """Which weights the first run had, where the study asks for a score at all."""
    given = asdict(study.setting.scores)
    digests = first.identity["scores"]
    return {
        name: (digests[name] or weights) if weights else None
        for name, weights in given.items()
    }

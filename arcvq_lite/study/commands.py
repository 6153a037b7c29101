"""What `arcvq study run` and `arcvq study report` do.

Each is a generator whose lines are for the reader and whose returned value is the
exit status.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from arcvq_lite.processor import usable_cores
from arcvq_lite.study.arms import plan_runs
from arcvq_lite.study.identity import digest_data, digest_scores, identify_run
from arcvq_lite.study.numbers import fidelity, shown
from arcvq_lite.study.options import StudyOptions
from arcvq_lite.study.reading import read_study
from arcvq_lite.study.report import write_report
from arcvq_lite.study.run_file import RUNS
from arcvq_lite.study.run_process import Assignment, load_split
from arcvq_lite.study.side_by_side import Outcome, make_runs
from arcvq_lite.training.hold import FolderInUseError, hold
from arcvq_lite.written_aside import remove_partials

Lines = Generator[str, None, int]

FAILED = 1


def run(
    config: Path,
    *,
    out: Path | None = None,
    jobs: int | None = None,
    data: str | None = None,
) -> Lines:
    """Make all runs of a study that are not finished.

    Stopped or killed, it goes on where it was: a finished run is one file.

    Args:
        config: a shipped study, or a YAML file.
        out: the folder of the study; runs/studies/NAME by default.
        jobs: runs side by side, one thread each; as many as there are cores by
            default.
        data: where the images lie, another place than data.source.

    Yields:
        What is done, and a line a run.

    Returns:
        0 when all runs are finished, 1 when some failed.

    Raises:
        OptionError: if the configuration is refused.
        OtherConfigurationError: if the folder holds runs of another configuration.
        FileNotFoundError: if there are no such images or weights.
        ValueError: if another process works in the folder.
    """
    study = read_study(config)
    if data is not None:
        study = _with_source(study, data)
    folder = _folder(study, out)
    jobs = usable_cores() if jobs is None else jobs
    if jobs < 1:
        raise ValueError(f"jobs={jobs} must be at least 1")
    try:
        with hold(folder):
            return (yield from _run_held(study, folder, jobs))
    except FolderInUseError as error:
        raise ValueError(
            f"another process works in {folder}; wait for it, or pass another folder "
            "as --out"
        ) from error


def report(config: Path, *, out: Path | None = None) -> Lines:
    """Write what the finished runs of a study say.

    Args:
        config: a shipped study, or a YAML file.
        out: the folder of the study; runs/studies/NAME by default.

    Yields:
        The verdicts, and where the pages are.

    Returns:
        0.

    Raises:
        OptionError: if the configuration is refused.
        OtherConfigurationError: if the folder holds runs of another configuration.
        FileNotFoundError: if no run is finished.
    """
    study = read_study(config)
    written = write_report(study, _folder(study, out))
    yield from written.lines
    return 0


def _run_held(study: StudyOptions, folder: Path, jobs: int) -> Lines:
    assignments = assign(study, folder)
    todo = unfinished(assignments)
    remove_partials(folder / RUNS)
    yield (
        f"{len(assignments) - len(todo)} of {len(assignments)} runs are finished, "
        f"{len(todo)} are to do, {min(jobs, len(todo))} at a time; in {folder}"
    )
    failed = 0
    for outcome in make_runs(todo, jobs):
        failed += outcome.failure is not None
        yield _line(outcome)
    if failed:
        yield f"{failed} runs failed; the same command tries them again"
        return FAILED
    return 0


def assign(study: StudyOptions, folder: Path) -> list[Assignment]:
    """All runs of a study, each with what determines it.

    Raises:
        FileNotFoundError: if there are no such images or weights.
        ValueError: if the images cannot serve.
    """
    setting = study.setting
    training, held_out = (load_split(setting.data, part) for part in ("train", "test"))
    data, scores = digest_data(training, held_out), digest_scores(setting.scores)
    return [
        Assignment(plan, identify_run(plan, data, scores), folder)
        for plan in plan_runs(study)
    ]


def unfinished(assignments: Sequence[Assignment]) -> list[Assignment]:
    """Those without a result.

    Raises:
        OtherConfigurationError: if a result is of another configuration; nothing
            has been started then.
    """
    found = [(item, item.files.read_result()) for item in assignments]
    for item, result in found:
        if result is not None:
            item.files.check(result, item.identity)
    return [item for item, result in found if result is None]


def _with_source(study: StudyOptions, source: str) -> StudyOptions:
    images = replace(study.setting.data, source=source)
    return replace(study, setting=replace(study.setting, data=images))


def _folder(study: StudyOptions, out: Path | None) -> Path:
    return Path("runs", "studies", study.name) if out is None else out


def _line(outcome: Outcome) -> str:
    name, files = outcome.assignment.plan.name, outcome.assignment.files
    if outcome.failure is not None:
        return f"{name} failed: {outcome.failure}"
    result = files.read_result()
    assert result is not None
    seconds = files.read_cost().get("seconds", 0.0)
    final, measure = result.history.final, fidelity(result.history.names)
    decibels = shown(final(measure), measure)
    return f"{name}: {decibels} dB, usage {final('usage'):.0%}, {seconds:.0f} s"

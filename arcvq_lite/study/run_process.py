"""A process that makes one run: one thread, one result, and gone with its parent."""

from __future__ import annotations

import io
import multiprocessing
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.data import load_images, load_signals
from arcvq_lite.processor import processor_model
from arcvq_lite.study.arms import RunPlan
from arcvq_lite.study.identity import Identity
from arcvq_lite.study.measures import Instruments
from arcvq_lite.study.options import StudyDataOptions, logged_steps
from arcvq_lite.study.run_file import RunFiles, RunResult
from arcvq_lite.study.single_run import train_arm
from arcvq_lite.training.history import History

_SAID = 100  # reports of progress in a run


@dataclass(frozen=True)
class Assignment:
    """What one process is to do.

    Args:
        plan: of the run.
        identity: what its file is to carry.
        folder: of the study.
    """

    plan: RunPlan
    identity: Identity
    folder: Path

    @property
    def files(self) -> RunFiles:
        """The files of the run."""
        return RunFiles(self.folder, self.plan.name)


def load_split(options: StudyDataOptions, split: str) -> Tensor:
    """What a study learns from ("train"), or is measured on ("test").

    Studies get their data here and nowhere else. All that differs between images and
    signals is told by the shape of what is returned.

    Returns:
        Images (N, C, H, W), or signals (N, C, T), in [−1, 1].
    """
    limit = options.limit if split == "train" else options.held_out
    if options.source == "signals":
        return load_signals(split=split, size=options.size, limit=limit).signals
    found = load_images(options.source, split=split, size=options.size, limit=limit)
    return found.images


def make_run(assignment: Assignment, parent: Connection) -> None:
    """What the process does; its last word to the parent is the exit status.

    Args:
        assignment: what to do.
        parent: told the number of updates made, now and then.
    """
    _follow_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    # Sums over threads depend on how many there are; one gives the same bits always.
    torch.set_num_threads(1)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    files, budget = assignment.files, assignment.plan.setting.budget
    every = max(1, budget.steps // _SAID)

    def said(step: int) -> None:
        if step % every == 0:
            try:
                parent.send(step)
            except OSError:  # there is no parent any more
                os._exit(1)

    try:
        history, cost = _train(assignment.plan, said)
    except Exception as error:  # whatever it is, the other runs go on
        files.write_failure(f"{type(error).__name__}: {error}")
        sys.exit(1)
    files.write_cost(cost)
    files.write_result(RunResult(assignment.identity, history))
    parent.close()


def _train(
    plan: RunPlan, said: Callable[[int], None]
) -> tuple[History, dict[str, Any]]:
    """The rows of a run, and what they took."""
    setting = plan.setting
    device = torch.device(setting.budget.device)
    with redirect_stderr(io.StringIO()):  # the bar of a large folder, in each process
        images = load_split(setting.data, "train").to(device)
        held_out = load_split(setting.data, "test").to(device)
    instruments = Instruments.of(held_out, setting.scores)
    clock = _Clock(set(logged_steps(setting.budget)), time.monotonic())

    def noted(step: int) -> None:
        clock.note(step)
        said(step)

    history = train_arm(plan, images, instruments, noted)
    cost: dict[str, Any] = {
        "seconds": clock.rows["seconds"][-1],
        "peak_memory_bytes": _peak_memory(),
        "rows": clock.rows,
        "processor": processor_model(),
        "system": platform.system(),
    }
    if device.type == "cuda":
        cost["gpu"] = torch.cuda.get_device_name(device)
        cost["peak_gpu_memory_bytes"] = torch.cuda.max_memory_allocated(device)
    return history, cost


class _Clock:
    """Wall time and peak memory at the steps at which a row is logged."""

    def __init__(self, steps: set[int], begun: float) -> None:
        self._steps, self._begun = steps, begun
        self.rows: dict[str, list[Any]] = {
            "steps": [],
            "seconds": [],
            "peak_memory_bytes": [],
        }

    def note(self, step: int) -> None:
        if step in self._steps:
            self.rows["steps"].append(step)
            self.rows["seconds"].append(time.monotonic() - self._begun)
            self.rows["peak_memory_bytes"].append(_peak_memory())


def _follow_parent() -> None:
    """End this process when its parent has ended, in whatever way that was."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _peak_memory() -> int | None:
    """Bytes that this process has had in memory at once; None where nobody counts."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else 1024 * peak

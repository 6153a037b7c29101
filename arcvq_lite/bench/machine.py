"""Where and when a benchmark ran, for somebody who compares it with their own."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import torch

from arcvq_lite import __version__
from arcvq_lite.processor import processor_model, usable_cores

Machine = dict[str, str | int | float | None]


def describe_machine(packages: Iterable[str] = ()) -> Machine:
    """The machine, its threads, and the versions of what is timed.

    Args:
        packages: Names of distributions; None stands for one that is not installed.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        # Not the kernel's own name, which says whose machine it is and little of time.
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor_model(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        # Processes that want a core when the benchmark begins, where the system says.
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "arcvq_lite": __version__,
        **{package: installed_version(package) for package in sorted(set(packages))},
    }


def installed_version(package: str) -> str | None:
    """The version of a distribution; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None

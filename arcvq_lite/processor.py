"""What this process computes on: the processor's model, and how many cores of it."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def processor_model() -> str:
    """The processor's model, which says more of a time than the machine's name."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

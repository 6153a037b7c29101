"""processor_model: what a measured time was measured on."""

from __future__ import annotations

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

"""How much memory a call takes beyond what lies there before and after it.

Measured in a process of its own, as the system counts it, so that what a library takes
behind PyTorch's back is seen as well. Only Linux lets a process set its own peak back.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

from arcvq_lite.bench.benchmark import Call
from arcvq_lite.bench.own_process import in_own_process

_STATUS = Path("/proc/self/status")
_PEAK_SWITCH = Path("/proc/self/clear_refs")
# glibc's mallopt: from this size on a block is given back as soon as it is freed.
_MMAP_THRESHOLD, _LARGE_BLOCK = -3, 1 << 16


def extra_peak(prepare: Callable[[], Call]) -> float | None:
    """The most memory that the second of two calls holds above what it began with.

    The first call brings what stays for good: loaded code, work space that is kept.

    Args:
        prepare: Returns the call; a top-level function or a partial of one.

    Returns:
        MiB, or None where the system does not tell.
    """
    if not _PEAK_SWITCH.exists():
        return None
    return in_own_process(_extra_peak_here, prepare)


def _extra_peak_here(prepare: Callable[[], Call]) -> float | None:
    # Freed blocks that the allocator keeps for later would be taken again unseen.
    ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK)
    call = prepare()
    call()
    try:
        _PEAK_SWITCH.write_text("5", encoding="ascii")
    except OSError:
        return None
    before = _kibibytes("VmRSS")
    result = call()
    peak = _kibibytes("VmHWM")
    del result
    return max(0, peak - before) / 1024


def _kibibytes(field: str) -> int:
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise RuntimeError(f"{_STATUS} has no {field}")

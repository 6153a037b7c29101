"""Console: a bar with rate, time left and memory, and what the clocks said."""

from __future__ import annotations

import os
import sys
import time

import torch
from tqdm import tqdm

_SHOWN = ("total", "nll", "reconstruction", "usage")


class Console:
    """The progress of one rank's run; only the first rank shows a bar.

    Args:
        first: the number of the first step, of a resumed run above 0.
        steps: in all.
        batch_size: images a step, over all ranks.
        device: whose memory is shown.
        shown: whether there is a bar; `TQDM_DISABLE=1` turns it off too.
    """

    def __init__(
        self, first: int, steps: int, batch_size: int, device: torch.device, shown: bool
    ) -> None:
        silent = not shown or os.environ.get("TQDM_DISABLE", "0") != "0"
        self._bar = tqdm(
            initial=first * batch_size,
            total=steps * batch_size,
            unit="img",
            unit_scale=True,
            # A file keeps every line that a terminal would overwrite.
            mininterval=0.5 if sys.stderr.isatty() else 30,
            disable=silent,
        )
        self._batch_size = batch_size
        self._device = device
        self._seen = 0
        self._since = time.perf_counter()

    def step(self) -> None:
        """A step is done."""
        self._bar.update(self._batch_size)
        self._seen += self._batch_size

    def clock(self, row: dict[str, float]) -> dict[str, float | None]:
        """What the clocks say since the last call, shown beside some of a row.

        Returns:
            `time` in seconds since 1970, `images_per_second`, and `memory_mib`, the
            most that the GPU, or else the process, has held.
        """
        now = time.perf_counter()
        rate = self._seen / max(now - self._since, 1e-9)
        memory = peak_memory_mib(self._device)
        self._seen, self._since = 0, now
        shown = {name: f"{row[name]:.4g}" for name in _SHOWN if name in row}
        if memory is not None:
            shown["memory"] = f"{memory:.0f}MiB"
        self._bar.set_postfix(shown)
        return {"time": time.time(), "images_per_second": rate, "memory_mib": memory}

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


def peak_memory_mib(device: torch.device) -> float | None:
    """The most memory held so far in MiB: the GPU's, or else the process's.

    None where the system does not say (Windows).
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10

"""SIGTERM and Ctrl-C: the step is finished and saved before the process leaves."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """Whether somebody has asked the process to stop.

    Attributes:
        requested: true from the first signal on.
    """

    def __init__(self) -> None:
        self.requested = False

    def request(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Ask for the stop; what a signal calls."""
        self.requested = True
        # A second signal is impatience, and does what it always did.
        if number:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def noticed() -> Iterator[Interruption]:
    """Take down SIGTERM and SIGINT while the context lasts, instead of obeying them.

    Outside the main thread Python allows no handlers: there none is set, and only
    `Interruption.request` asks for a stop.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, interruption.request)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

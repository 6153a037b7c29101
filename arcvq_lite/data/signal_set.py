"""SignalSet: clips of one dimension, their families, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from arcvq_lite.data.set_checks import check_labels, check_values


@dataclass(frozen=True, eq=False, repr=False)
class SignalSet:
    """A set of signals held in memory, checked when it is made.

    Attributes:
        signals: (N, C, T) float32, every value in [-1, 1].
        labels: (N,) int64, indices into `class_names`.
        class_names: one name a family of signals; the same tuple for both splits.
        rate: samples a second, in hertz.
        source: one sentence that says what the signals are, fit for a caption.

    Raises:
        TypeError: if `signals` or `labels` has another dtype.
        ValueError: if a shape, a value or a label is out of bounds, or the set is
            empty.
    """

    signals: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    rate: int
    source: str

    def __post_init__(self) -> None:
        check_values("signals", self.signals, "N, C, T")
        check_labels(
            self.labels, len(self.signals), len(self.class_names), one="a signal"
        )

    def __len__(self) -> int:
        return len(self.signals)

    def __repr__(self) -> str:
        _, channels, length = self.signals.shape
        return (
            f"SignalSet({len(self)} signals {channels}×{length} at {self.rate} Hz, "
            f"{len(self.class_names)} classes)"
        )

"""What every source of images hands over: pixels, labels and where they come from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from arcvq_lite.data.set_checks import check_labels, check_values


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """A set of images held in memory, checked when it is made.

    Attributes:
        images: (N, C, H, W) float32, every value in [-1, 1].
        labels: (N,) int64, indices into `class_names`.
        class_names: one name a class; the same tuple, in the same order, for the
            train and the test split of one source.
        source: one sentence that says what the images are and whose, fit for a
            caption.

    Raises:
        TypeError: if `images` or `labels` has another dtype.
        ValueError: if a shape, a value or a label is out of bounds, or the set is
            empty.
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        check_values("images", self.images, "N, C, H, W")
        check_labels(
            self.labels, len(self.images), len(self.class_names), one="an image"
        )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        shape = "×".join(str(extent) for extent in self.images.shape[1:])
        return f"ImageSet({len(self)} images {shape}, {len(self.class_names)} classes)"

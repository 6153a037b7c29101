"""The 1,797 handwritten digits of 8×8 pixels that scikit-learn carries in its wheel."""

from __future__ import annotations

import torch

from arcvq_lite.data.image_set import ImageSet
from arcvq_lite.data.pixels import resize_square, to_signed
from arcvq_lite.data.subset import spread_indices

TEST_DIGITS = 500
WHITE = 16  # each stored level counts the set pixels of a 4×4 block


def load_digits(split: str, size: int | None, limit: int | None) -> ImageSet:
    """Read scikit-learn's digits and split them, each class in proportion.

    The 500 test digits are spread evenly over the classes and over the file; the
    other 1,297 are for training. Both splits keep the order of the file.

    Args:
        split: "train" (1,297 digits) or "test" (500).
        size: resize to size × size pixels; None keeps 8 × 8.
        limit: keep an evenly spread subset of this many digits.

    Returns:
        Images (N, 1, size, size), ink at 1 and paper at -1; the label is the digit.

    Raises:
        ImportError: if scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits as read_digits
    except ImportError as error:
        raise ImportError(
            'load_images("digits") needs scikit-learn: pip install "arcvq-lite[lab]"',
            name="sklearn",
        ) from error
    stored = read_digits()
    levels = torch.from_numpy(stored.images).unsqueeze(1)  # (1797, 1, 8, 8), 0 … 16
    labels = torch.from_numpy(stored.target).long()  # (1797,)

    in_test = torch.zeros(len(labels), dtype=torch.bool)
    in_test[spread_indices(labels, TEST_DIGITS)] = True
    members = torch.nonzero(in_test if split == "test" else ~in_test).squeeze(1)
    kept = members[spread_indices(labels[members], limit)]
    return ImageSet(
        images=resize_square(to_signed(levels[kept], white=WHITE), size),
        labels=labels[kept],
        class_names=tuple("0123456789"),
        source="Handwritten digits shipped with scikit-learn, from UCI's Optical "
        "Recognition of Handwritten Digits (E. Alpaydin and C. Kaynak, 1998).",
    )

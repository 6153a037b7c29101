import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms import v2

from arcvq_lite.data.arguments import check_count, check_path
from arcvq_lite.data.image_set import ImageSet
from arcvq_lite.data.pixels import resize_square, to_signed
from arcvq_lite.data.subset import spread_indices


def make_set(images=None, labels=None, class_names=("a", "b")):
    images = torch.zeros(4, 3, 2, 2) if images is None else images
    labels = torch.tensor([0, 1, 1, 0]) if labels is None else labels
    return ImageSet(images, labels, class_names, "Made for a test.")


def test_length_and_a_short_repr():
    made = make_set()
    assert len(made) == 4
    assert repr(made) == "ImageSet(4 images 3×2×2, 2 classes)"


def test_is_frozen():
    with pytest.raises(AttributeError):
        make_set().source = "another"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"images": torch.zeros(4, 3, 2, 2).double()}, TypeError, "float32"),
        ({"images": torch.zeros(4, 2, 2)}, ValueError, r"got \(4, 2, 2\)"),
        ({"images": torch.zeros(0, 3, 2, 2)}, ValueError, "N >= 1"),
        ({"images": torch.full((4, 3, 2, 2), 1.5)}, ValueError, r"got \[1.5, 1.5\]"),
        ({"images": torch.full((4, 3, 2, 2), torch.nan)}, ValueError, "nan"),
        ({"labels": torch.zeros(4)}, TypeError, "int64"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, ValueError, r"\(4,\)"),
        ({"labels": torch.tensor([0, 1, 2, 0])}, ValueError, "0 to 2"),
        ({"labels": torch.tensor([0, 1, -1, 0])}, ValueError, "-1 to 1"),
    ],
)
def test_refuses_what_is_out_of_bounds(change, error, message):
    with pytest.raises(error, match=message):
        make_set(**change)


labelled = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(torch.tensor)


@given(labels=labelled, limit=st.integers(1, 70))
def test_a_subset_keeps_every_class_share_to_within_one(labels, limit):
    kept = spread_indices(labels, limit)
    size = min(limit, len(labels))
    assert len(kept) == size
    assert (kept.diff() > 0).all()
    assert kept.min() >= 0
    assert kept.max() < len(labels)
    share = labels.bincount(minlength=5) * size / len(labels)
    assert ((labels[kept].bincount(minlength=5) - share).abs() < 1).all()


def test_a_subset_of_a_periodic_order_still_holds_every_class():
    labels = torch.arange(500) % 10  # every tenth member would be of one class
    assert labels[spread_indices(labels, 50)].bincount().tolist() == [5] * 10


def test_a_subset_is_spread_within_its_class():
    assert spread_indices(torch.zeros(100).long(), 4).tolist() == [12, 37, 62, 87]


def test_no_limit_keeps_all():
    assert spread_indices(torch.zeros(5).long(), None).tolist() == [0, 1, 2, 3, 4]


def test_levels_map_to_the_ends_of_the_range_and_back():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    signed = to_signed(levels)
    assert signed.dtype == torch.float32
    assert signed.min() == -1
    assert signed.max() == 1
    assert torch.equal(((signed + 1) * 127.5).round().to(torch.uint8), levels)


def test_levels_come_out_contiguous_and_the_input_stays():
    levels = torch.zeros(2, 5, 4, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    assert to_signed(levels).is_contiguous()
    floats = torch.full((1, 1, 2, 2), 16.0)
    to_signed(floats, white=16)
    assert (floats == 16).all()


def test_resizing_equals_torchvision_and_stays_in_range():
    images = torch.rand(3, 1, 28, 28).round() * 2 - 1  # black and white: it overshoots
    resized = resize_square(images, 20)
    oracle = v2.functional.resize(
        images, [20, 20], v2.InterpolationMode.BICUBIC, antialias=True
    )
    assert oracle.abs().max() > 1
    torch.testing.assert_close(resized, oracle.clamp(-1, 1))


def test_resizing_to_the_same_size_changes_nothing():
    images = torch.rand(2, 1, 8, 8)
    assert torch.equal(resize_square(images, 8), images)
    assert torch.equal(resize_square(images, None), images)


@pytest.mark.parametrize("value", [1, 7, np.int64(7), None])
def test_counts_pass(value):
    checked = check_count("limit", value)
    assert checked == value
    assert checked is None or type(checked) is int


@pytest.mark.parametrize("value", [2.0, "3", True, [4], np.float64(2)])
def test_counts_of_another_kind_are_type_errors(value):
    with pytest.raises(TypeError, match="limit must be an integer"):
        check_count("limit", value)


@pytest.mark.parametrize("value", [0, -3])
def test_counts_below_one_are_value_errors(value):
    with pytest.raises(ValueError, match=f"size must be at least 1.*got {value}"):
        check_count("size", value)


@pytest.mark.parametrize("value", [5, None, b"photos"])
def test_paths_of_another_kind_are_type_errors(value):
    with pytest.raises(TypeError, match="root must be a path"):
        check_path("root", value)

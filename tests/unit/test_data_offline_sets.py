import socket
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from arcvq_lite.data import load_images, photos


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("an offline set went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def train_photos():
    return load_images("photos")


@pytest.fixture(scope="module")
def held_photos():
    return load_images("photos", split="test")


def patch_bytes(images):
    return {patch.numpy().tobytes() for patch in images}


def test_photos_have_the_promised_form(train_photos, held_photos):
    assert train_photos.images.shape == (6100, 3, 32, 32)
    assert held_photos.images.shape == (459, 3, 32, 32)
    for part in (train_photos, held_photos):
        assert part.images.dtype == torch.float32
        assert part.labels.dtype == torch.int64
        assert part.images.is_contiguous()
        assert part.images.min() >= -1
        assert part.images.max() <= 1


def test_train_and_test_share_no_photograph_and_no_patch(train_photos, held_photos):
    assert train_photos.class_names == held_photos.class_names
    assert not set(train_photos.labels.tolist()) & set(held_photos.labels.tolist())
    assert not patch_bytes(train_photos.images) & patch_bytes(held_photos.images)
    train_files = {photo.file for photo in photos.TRAIN_PHOTOGRAPHS}
    assert not train_files & {photo.file for photo in photos.TEST_PHOTOGRAPHS}


def test_the_label_is_the_photograph(held_photos):
    assert {held_photos.class_names[label] for label in held_photos.labels} == {
        "chelsea"
    }


def test_patches_run_from_left_to_right_then_down(held_photos):
    folder = photos._shipped_file(photos.TEST_PHOTOGRAPHS[0])
    cat = np.asarray(Image.open(folder).convert("RGB")).astype(np.float32) / 127.5 - 1
    columns = (cat.shape[1] - 32) // 16 + 1
    for index, (top, left) in {0: (0, 0), 1: (0, 16), columns: (16, 0)}.items():
        cut = cat[top : top + 32, left : left + 32].transpose(2, 0, 1)
        torch.testing.assert_close(held_photos.images[index], torch.from_numpy(cut))


def test_photos_are_the_same_on_every_call(train_photos):
    again = load_images("photos")
    assert torch.equal(again.images, train_photos.images)
    assert torch.equal(again.labels, train_photos.labels)


def test_a_limit_takes_every_photograph_in_proportion(train_photos):
    few = load_images("photos", limit=61)
    assert len(few) == 61
    share = train_photos.labels.bincount() / 100
    assert ((few.labels.bincount() - share).abs() < 1).all()
    assert patch_bytes(few.images) <= patch_bytes(train_photos.images)


@pytest.mark.parametrize(("size", "count"), [(64, 8 * 13), (300, 2), (33, 17 * 27)])
def test_another_size_cuts_other_patches(size, count):
    held = load_images("photos", split="test", size=size)
    assert held.images.shape == (count, 3, size, size)


def test_size_one_is_every_pixel():
    assert len(load_images("photos", split="test", size=1)) == 300 * 451


def test_a_size_above_the_photograph_is_refused():
    with pytest.raises(ValueError, match=r"size=301 .*'chelsea', 300×451.*at most 300"):
        load_images("photos", split="test", size=301)


@pytest.mark.parametrize(
    ("package", "distribution"),
    [("skimage", "scikit-image"), ("sklearn", "scikit-learn")],
)
def test_photos_without_their_package_say_what_to_install(
    package, distribution, monkeypatch
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=distribution) as caught:
        load_images("photos")
    assert 'pip install "arcvq-lite[lab]"' in str(caught.value)


def test_a_photograph_that_is_not_in_the_wheel_is_named(monkeypatch):
    lost = photos.Photograph("lost", "skimage", "scikit-image", "data/lost.png")
    monkeypatch.setattr(photos, "TRAIN_PHOTOGRAPHS", (lost,))
    with pytest.raises(FileNotFoundError, match=r"data/lost\.png"):
        load_images("photos")


def test_digits_have_the_promised_form():
    for split, count in (("train", 1297), ("test", 500)):
        digits = load_images("digits", split=split)
        assert digits.images.shape == (count, 1, 8, 8)
        assert digits.images.dtype == torch.float32
        assert digits.labels.dtype == torch.int64
        assert digits.images.min() == -1
        assert digits.images.max() == 1
        assert digits.class_names == tuple("0123456789")


def test_digits_are_split_whole_and_in_proportion():
    from sklearn.datasets import load_digits

    stored = load_digits()
    train, test = load_images("digits"), load_images("digits", split="test")
    together = torch.cat([train.images, test.images]).flatten(1)
    levels = ((together + 1) * 8).numpy()
    order = np.lexsort(levels.T)
    stored_order = np.lexsort(stored.data.T)
    np.testing.assert_array_equal(levels[order], stored.data[stored_order])
    share = torch.from_numpy(stored.target).bincount() * 500 / 1797
    assert ((test.labels.bincount() - share).abs() < 1).all()


def test_each_digit_keeps_its_label():
    from sklearn.datasets import load_digits

    stored = load_digits()
    label_of = {
        row.tobytes(): int(label)
        for row, label in zip(stored.data, stored.target, strict=True)
    }
    train = load_images("digits")
    rows = ((train.images + 1) * 8).flatten(1).double().numpy()
    assert [label_of[row.tobytes()] for row in rows] == train.labels.tolist()


def test_digits_are_the_same_on_every_call_and_a_limit_holds_every_class():
    few, again = (load_images("digits", split="test", limit=50) for _ in range(2))
    assert torch.equal(few.images, again.images)
    assert few.labels.bincount().min() >= 4


def test_digits_resize():
    digits = load_images("digits", size=16, limit=10)
    assert digits.images.shape == (10, 1, 16, 16)
    assert digits.images.abs().max() <= 1


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "arcvq-lite\[lab\]"'):
        load_images("digits")

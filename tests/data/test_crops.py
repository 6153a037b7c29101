import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import picture
from PIL import Image
from torchvision import transforms

from arcvq_lite.data.crops import CentreCrop, RandomCrop

LEVELS = 2  # what PyTorch's resizing of 8-bit levels may differ from Pillow's
LAST = 2**64 - 1
words = st.tuples(*3 * [st.integers(0, LAST)])
extents = st.tuples(st.integers(1, 60), st.integers(1, 60))


def tensor(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def furthest(a, b):
    return (a.int() - b.int()).abs().max().item()


@pytest.mark.parametrize("extent", [(96, 64), (64, 96), (64, 64), (97, 61), (20, 31)])
def test_the_centre_is_torchvisions(extent):
    image = picture(1, extent)
    oracle = transforms.Compose([transforms.Resize(32), transforms.CenterCrop(32)])
    made = CentreCrop()(tensor(image), 32, (0, 0, 0))
    assert furthest(made, tensor(oracle(image))) <= LEVELS


@given(words)
def test_a_random_crop_is_a_square_of_the_image_resized(drawn):
    image = picture(2, (97, 61))
    left = drawn[0] * (97 - 61 + 1) // 2**64
    box = (left, 0, left + 61, 61)
    oracle = image.resize((32, 32), Image.Resampling.BILINEAR, box=box)
    made = RandomCrop()(tensor(image), 32, drawn)
    assert furthest(made, tensor(oracle)) <= LEVELS


def test_a_random_crop_is_the_official_one_to_half_a_pixel():
    # The official recipe resizes first: shorter side to S, then S×S at a whole pixel.
    image = picture(3, (128, 64))
    resized = tensor(image.resize((64, 32), Image.Resampling.BILINEAR))
    for left in range(33):
        drawn = (left * 2 * 2**64 // 65 + 1, 0, LAST)  # the same place, 2 × left
        made = RandomCrop()(tensor(image), 32, drawn)
        inner = slice(2, -2)  # a cut edge is weighted by itself, not by its neighbours
        official = resized[:, :, left : left + 32]
        assert furthest(made[:, :, inner], official[:, :, inner]) <= LEVELS


def test_the_first_and_the_last_place_and_all_between_are_reached():
    ramp = torch.arange(10, dtype=torch.uint8).repeat(3, 4, 1)  # 10 wide, 4 high
    lefts = [
        RandomCrop()(ramp, 4, (word, 0, LAST))[0, 0, 0].item()
        for word in (0, *(LAST * step // 700 for step in range(700)), LAST)
    ]
    assert lefts[0] == 0
    assert lefts[-1] == 6
    assert np.abs(np.bincount(lefts) / len(lefts) - 1 / 7).max() < 0.01


@given(extents, words, st.integers(1, 24), st.sampled_from([0.0, 0.5, 1.0]))
def test_any_image_gives_a_square_of_the_size_asked(extent, drawn, size, chance):
    pixels = tensor(picture(0, extent))
    for crop in (RandomCrop(mirror_chance=chance), CentreCrop()):
        made = crop(pixels, size, drawn)
        assert made.shape == (3, size, size)
        assert made.dtype == torch.uint8


def test_mirroring_flips_the_same_square_and_keeps_its_share():
    pixels = tensor(picture(4, (50, 40)))
    half = RandomCrop(mirror_chance=0.5)
    for word, mirrored in ((0, True), (2**63 - 1, True), (2**63, False)):
        plain = RandomCrop()(pixels, 16, (word, 0, word))
        made = half(pixels, 16, (word, 0, word))
        assert torch.equal(made, plain.flip(2) if mirrored else plain)
    always = RandomCrop(mirror_chance=1.0)(pixels, 16, (0, 0, LAST))
    assert torch.equal(always, RandomCrop()(pixels, 16, (0, 0, 0)).flip(2))


def test_the_pixels_given_are_not_changed():
    pixels = tensor(picture(5))
    before = pixels.clone()
    RandomCrop(mirror_chance=1.0)(pixels, 40, (0, 0, 0)).zero_()
    assert torch.equal(pixels, before)


def test_a_chance_is_a_share():
    with pytest.raises(ValueError, match=r"mirror_chance=1\.5 must lie in \[0, 1\]"):
        RandomCrop(mirror_chance=1.5)

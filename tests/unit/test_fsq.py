"""FSQ: levels at their places, all of them reached, two levels among them."""

import math

import pytest
import torch

from arcvq_lite import FSQ

LEVELS = [(2,), (3,), (4,), (5, 2), (8, 5, 5, 5), (2, 2, 2), (7, 4, 3)]
every_levels = pytest.mark.parametrize("levels", LEVELS, ids=str)


def column(*values):
    return torch.tensor(values)[:, None]


def reach(count):
    return (count - 1) * 1.001 / 2


def latents_of(codes, levels):
    """The latents of which codes (N, D) are not even rounded, solved from b."""
    columns = []
    for count, code in zip(levels, codes.double().T, strict=True):
        offset = 0.0 if count % 2 else 0.5
        shift = math.atanh(offset / reach(count)) if count > 2 else 0.0
        # Two levels lie at tanh's limits, where b cannot quite be.
        bounded = (code * (count // 2) + offset) / reach(count)
        columns.append(torch.atanh(bounded.clamp(-0.9999, 0.9999)) - shift)
    return torch.stack(columns, dim=1)


# Places


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (2, [-1.0, 0.0]),
        (3, [-1.0, 0.0, 1.0]),
        (4, [-1.0, -0.5, 0.0, 0.5]),
        (5, [-1.0, -0.5, 0.0, 0.5, 1.0]),
    ],
)
def test_levels_lie_where_the_paper_has_them(count, expected):
    assert FSQ((count,)).codebook[:, 0].tolist() == expected


def test_three_levels_by_hand():
    """Half of tanh's slope from 0 to 1 is passed at artanh(½ / 1.001)."""
    border = math.atanh(0.5 / 1.001)
    tokens = column(-9.0, -border - 1e-3, -border + 1e-3, 0.0, border + 1e-3, 9.0)
    assert FSQ((3,)).assign(tokens).tolist() == [0, 0, 1, 1, 2, 2]


@every_levels
def test_every_code_is_reached_from_its_own_latents(levels):
    quantizer = FSQ(levels).eval()
    latents = latents_of(quantizer.codebook, levels)
    out = quantizer(latents)
    assert torch.equal(out.indices, torch.arange(quantizer.num_codes))
    torch.testing.assert_close(out.quantized, quantizer.codebook.double())
    assert out.terms["rounding"] < 1e-6


@every_levels
def test_each_latent_takes_the_level_nearest_to_it_in_every_channel(levels):
    tokens = 2 * torch.randn(500, len(levels), dtype=torch.float64)
    found = FSQ(levels).double().eval()(tokens).quantized
    for channel, count in enumerate(levels):
        offset = 0.0 if count % 2 else 0.5
        shift = math.atanh(offset / reach(count)) if count > 2 else 0.0
        bounded = torch.tanh(tokens[:, channel] + shift) * reach(count) - offset
        marks = torch.arange(-(count // 2), (count + 1) // 2)
        nearest = marks[(bounded[:, None] - marks).abs().argmin(dim=1)]
        torch.testing.assert_close(found[:, channel] * (count // 2), nearest.double())


def test_the_first_channel_changes_fastest():
    codebook = FSQ((3, 5)).codebook
    assert codebook[:4].tolist() == [[-1, -1], [0, -1], [1, -1], [-1, -0.5]]


@pytest.mark.parametrize("count", [3, 4, 5, 6, 7, 8, 16, 101])
def test_a_latent_of_0_lies_on_a_level(count):
    quantizer = FSQ((count,)).eval()
    out = quantizer(column(0.0))
    assert out.quantized == 0
    assert out.terms["rounding"] < 1e-12


# Two levels


def test_two_levels_share_latents_around_0_and_pass_a_gradient_there():
    """The published shift would leave one level all of these, and no slope."""
    quantizer, latents = FSQ((2,)), column(-0.2, -0.1, 0.1, 0.2).requires_grad_()
    out = quantizer(latents)
    assert out.indices.tolist() == [0, 0, 1, 1]
    out.quantized.sum().backward()
    assert (latents.grad > 0.45).all()


# Gradients


@every_levels
def test_the_gradient_is_that_of_the_bounding_tanh(levels):
    latents = torch.randn(30, len(levels), dtype=torch.float64, requires_grad=True)
    FSQ(levels)(latents).quantized.sum().backward()
    for channel, count in enumerate(levels):
        shift = math.atanh(0.5 / reach(count)) if count % 2 == 0 and count > 2 else 0
        tanh = torch.tanh(latents.detach()[:, channel] + shift)
        slope = reach(count) * (1 - tanh.square()) / (count // 2)
        torch.testing.assert_close(latents.grad[:, channel], slope)


def test_the_loss_is_0_and_can_be_differentiated():
    quantizer, latents = FSQ((8, 5)), torch.randn(20, 2, requires_grad=True)
    out = quantizer(latents)
    out.loss.backward()
    assert out.loss == 0
    assert not latents.grad.any()
    assert not list(quantizer.parameters())
    assert not quantizer.state_dict()


# Hostile


@every_levels
@pytest.mark.parametrize("size", [0.0, 1e-38, 1e10, 3e38])
def test_no_size_of_latents_leaves_the_grid(levels, size):
    latents = (size * torch.randn(40, len(levels)).clamp(-1, 1)).requires_grad_()
    quantizer = FSQ(levels)
    out = quantizer(latents)
    (out.quantized.sum() + out.loss).backward()
    assert torch.equal(quantizer.embed(out.indices), out.quantized)
    assert torch.isfinite(latents.grad).all()


def test_thousands_of_levels_stay_inside_theirs():
    quantizer = FSQ((5000,))
    assert quantizer.assign(column(-99.0, 99.0)).tolist() == [0, 4999]


@pytest.mark.parametrize(
    ("levels", "error", "message"),
    [
        ((8, 1), ValueError, r"levels=\(8, 1\) must be .*at least 2"),
        ((), ValueError, r"levels=\(\) must be"),
        ((8, 5.0), TypeError, r"levels=\(8, 5\.0\) must be one whole number"),
        ((8, True), TypeError, r"levels=\(8, True\) must be"),
        (8, TypeError, "levels=8 must be"),
        ("85", TypeError, "levels='85' must be"),
    ],
)
def test_levels_that_are_none_are_named(levels, error, message):
    with pytest.raises(error, match=message):
        FSQ(levels)

"""GroupedVQ: every slice of the channels has its quantizer, and they make a whole."""

import pytest
import torch
from torch import nn

from arcvq_lite import EMAVQ, FSQ, VQ, ArcVQ, GroupedVQ, ResidualVQ

K = 8


def sums_of_rows(quantizer, indices):
    """Σ_g of the rows of `codebook`, each codebook's after the one before."""
    total, first = 0, 0
    for size, one in zip(quantizer.num_codes, indices.unbind(-1), strict=True):
        total, first = total + quantizer.codebook[first + one], first + size
    return total


def test_one_group_is_its_quantizer():
    inner = ArcVQ(K, 4)
    latents = torch.randn(2, 4, 3, 5)
    expected, out = inner(latents, step=0), GroupedVQ([inner])(latents, step=0)
    assert torch.equal(out.indices[..., 0], expected.indices)
    assert torch.equal(out.quantized, expected.quantized)
    assert torch.equal(out.loss, expected.loss)
    assert out.terms == expected.terms


def test_each_group_quantizes_its_own_channels():
    quantizers = [VQ(K, 2), EMAVQ(K, 3), VQ(K, 1)]
    whole, latents = GroupedVQ(quantizers).eval(), torch.randn(40, 6)
    out = whole(latents)
    for group, (quantizer, channels) in enumerate(
        zip(quantizers, latents.split([2, 3, 1], dim=1), strict=True)
    ):
        alone = quantizer(channels)
        assert torch.equal(out.indices[:, group], alone.indices)
    separate = [q.embed(i) for q, i in zip(quantizers, out.indices.T, strict=True)]
    assert torch.equal(out.quantized, torch.cat(separate, dim=1))


def test_groups_of_any_sizes_have_the_loss_of_the_whole_latent():
    whole = GroupedVQ([VQ(K, 1), VQ(K, 5), VQ(2 * K, 2)])
    latents = torch.randn(40, 8)
    out = whole(latents)
    squared = (out.quantized - latents).square().mean()
    torch.testing.assert_close(out.loss, 1.25 * squared)
    torch.testing.assert_close(out.terms["codebook"], squared)
    torch.testing.assert_close(out.terms["commitment"], squared)


def test_every_combination_of_codes_can_be_decoded():
    whole = GroupedVQ([FSQ((2,)), FSQ((3,))])
    indices = torch.cartesian_prod(torch.arange(2), torch.arange(3))
    assert whole.embed(indices).unique(dim=0).shape == (6, 2)


def test_what_is_decoded_is_the_sum_of_one_row_of_each_codebook():
    whole = GroupedVQ([VQ(K, 2), EMAVQ(5, 4)]).eval()
    out = whole(torch.randn(40, 6))
    assert whole.num_codes == (K, 5)
    assert whole.codebook.shape == (K + 5, 6)
    torch.testing.assert_close(sums_of_rows(whole, out.indices), out.quantized)


def test_a_group_may_have_several_codebooks_itself():
    stages = ResidualVQ([VQ(K, 2), VQ(3, 2)])
    whole = GroupedVQ([stages, VQ(5, 4)]).eval()
    out = whole(torch.randn(2, 6, 3, 3))
    assert whole.num_codes == (K, 3, 5)
    assert out.indices.shape == (2, 3, 3, 3)
    assert torch.equal(whole.embed(out.indices), out.quantized)


def test_a_term_of_some_groups_is_the_mean_over_those():
    whole = GroupedVQ([VQ(K, 2), ArcVQ(K, 4, margin=None)])
    assert whole(torch.randn(20, 6), step=0).terms["radius"] == 1.0


def test_the_step_reaches_every_group():
    whole = GroupedVQ([ArcVQ(K, 2), ArcVQ(K, 2)])
    whole(torch.randn(20, 4), step=7)
    assert [int(quantizer.last_step) for quantizer in whole.quantizers] == [7, 7]


@pytest.mark.parametrize(
    ("quantizers", "error", "message"),
    [
        ([], ValueError, "quantizers are empty"),
        (VQ(K, 2), TypeError, "quantizers must be several.*got one: VQ"),
        ([VQ(K, 2), 3], TypeError, r"quantizers\[1\]=3 must be one such as"),
        ([nn.Linear(2, 2)], TypeError, r"quantizers\[0\]=Linear"),
    ],
)
@pytest.mark.parametrize("make", [GroupedVQ, ResidualVQ])
def test_what_is_no_quantizer_is_named(make, quantizers, error, message):
    with pytest.raises(error, match=message):
        make(quantizers)


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        (torch.zeros(4).long(), ValueError, r"indices must be \(N, 2\).*got \(4,\)"),
        (torch.zeros(4, 3).long(), ValueError, r"one of each codebook, got \(4, 3\)"),
        (torch.zeros(4, 2), TypeError, r"indices must be int64, got torch\.float32"),
        ([[0, 0]], TypeError, "indices must be int64, got list"),
        (torch.full((4, 2), K), ValueError, "indices must lie in 0 … 7, got 8 … 8"),
        (torch.zeros(0, 2).long(), ValueError, r"indices are empty, got shape \(0,\)"),
    ],
)
@pytest.mark.parametrize(
    "whole",
    [GroupedVQ([VQ(K, 2), VQ(K, 2)]), ResidualVQ([VQ(K, 4), VQ(K, 4)])],
    ids=["GroupedVQ", "ResidualVQ"],
)
def test_indices_that_are_not_one_of_each_codebook_are_refused(
    whole, indices, error, message
):
    with pytest.raises(error, match=message):
        whole.embed(indices)

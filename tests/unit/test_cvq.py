"""CVQ: anchors are drawn by distance, and idle codes land on them."""

import math

import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from arcvq_lite import CVQ, VQ
from arcvq_lite.quantizers.anchors import (
    cosines,
    drawn_anchors,
    negative_squared_distances,
)

K, D = 8, 3


def with_codes(codes, **options):
    quantizer = CVQ(*codes.shape, **options)
    with torch.no_grad():
        quantizer.codebook.copy_(codes)
    return quantizer


SIMILARITIES = {"cosine": cosines, "euclidean": negative_squared_distances}
both = pytest.mark.parametrize("matching", SIMILARITIES)


def anchors_of(tokens, codebook, matching="cosine"):
    return drawn_anchors(tokens, SIMILARITIES[matching](tokens, codebook))


def softmax_by_definition(tokens, code, matching):
    tokens, code = tokens.double(), code.double()
    if matching == "cosine":
        return torch.softmax(F.cosine_similarity(tokens, code[None]), dim=0)
    return torch.softmax(-(tokens - code).square().sum(dim=1), dim=0)


# Anchors


@both
def test_anchors_are_drawn_with_the_softmax_of_the_similarities(matching):
    """20,000 codes in one place draw 20,000 anchors of one distribution."""
    tokens, code = torch.randn(12, D), torch.full((D,), 0.3)
    anchors = anchors_of(tokens, code.repeat(20_000, 1), matching)
    drawn = (anchors[:, None] == tokens).all(dim=2).sum(dim=0)
    assert drawn.sum() == 20_000
    expected = 20_000 * softmax_by_definition(tokens, code, matching)
    assert stats.chisquare(drawn, expected).pvalue > 0.01


def test_each_code_has_the_distribution_of_its_own_place():
    tokens = torch.tensor([[0.0], [1.0], [2.0]])
    codes = torch.tensor([[0.0], [2.0]]).repeat_interleave(10_000, dim=0)
    anchors = anchors_of(tokens, codes, "euclidean").view(2, 10_000)
    for code, drawn in zip([0.0, 2.0], anchors, strict=True):
        expected = softmax_by_definition(tokens, torch.tensor([code]), "euclidean")
        counts = torch.stack([(drawn == place).sum() for place in tokens[:, 0]])
        assert stats.chisquare(counts, 10_000 * expected).pvalue > 0.01


def test_an_offset_that_tokens_and_codes_share_changes_no_draw():
    tokens, codes = torch.randn(40, D), torch.randn(K, D)
    torch.manual_seed(1)
    anchors = anchors_of(tokens, codes, "euclidean")
    torch.manual_seed(1)
    shifted = anchors_of(tokens + 512.0, codes + 512.0, "euclidean")
    torch.testing.assert_close(shifted - 512.0, anchors, rtol=0, atol=1e-4)


@both
@pytest.mark.parametrize("size", [0.0, 1e18, 1e30])
def test_an_anchor_is_a_token_at_any_size(size, matching):
    tokens = size * torch.randn(20, D)
    anchors = anchors_of(tokens, torch.randn(K, D), matching)
    assert (anchors[:, None] == tokens).all(dim=2).any(dim=1).all()


def test_a_distance_that_is_no_number_is_never_the_smallest():
    """Of 10^25 both the square and the product with the code overflow."""
    tokens, codes = torch.tensor([[1e25], [1e18]]), torch.tensor([[1e18], [-1e18]])
    assert anchors_of(tokens, codes, "euclidean")[0] == 1e18


# How far a code moves


@both
def test_usage_and_codes_equal_their_formula_over_several_steps(matching):
    quantizer = CVQ(K, D, decay=0.9, matching=matching)
    codes = quantizer.codebook.detach().double()
    usage = torch.zeros(K, dtype=torch.float64)
    for step in range(6):
        tokens = torch.randn(60, D)
        torch.manual_seed(step)
        anchors = anchors_of(tokens, codes.float(), matching).double()
        torch.manual_seed(step)
        indices = quantizer(tokens).indices
        for code in range(K):
            share = (indices == code).double().mean()
            usage[code] = 0.9 * usage[code] + 0.1 * share
            alpha = torch.exp(-usage[code] * K * 10 / 0.1 - 1e-3)
            codes[code] = (1 - alpha) * codes[code] + alpha * anchors[code]
        torch.testing.assert_close(quantizer.usage, usage.float())
        torch.testing.assert_close(quantizer.codebook.detach(), codes.float())


def test_a_code_that_nothing_takes_lands_on_a_token_and_one_in_use_stays():
    quantizer = with_codes(
        torch.tensor([[0.0, 0.0], [100.0, 100.0]]), matching="euclidean"
    )
    tokens = torch.randn(50, 2)
    quantizer(tokens)
    used, idle = quantizer.codebook.detach()
    assert used.abs().max() < 1e-3
    left = math.exp(-1e-3)
    landed = (1 - left) * 100.0 + left * tokens
    assert torch.isclose(landed, idle, rtol=1e-5).all(dim=1).any()
    assert quantizer.usage.tolist() == pytest.approx([0.01, 0.0])


def test_every_dead_code_is_revived_where_vq_leaves_all_of_them_dead():
    """One code takes every latent of K clusters, and K − 1 are opposite to it."""
    centres = torch.rand(K, D) + 0.5
    codes = -torch.ones(K, D)
    codes[0] = 1.0
    revived, left = with_codes(codes), VQ(K, D)
    left.codebook.data.copy_(codes)
    for _ in range(30):
        tokens = centres.repeat(16, 1) + 0.05 * torch.randn(16 * K, D)
        revived(tokens)
        left(tokens)
    assert len(left.eval().assign(tokens).unique()) == 1
    assert len(revived.eval().assign(tokens).unique()) == K


def test_a_batch_is_quantized_with_the_codes_it_has_not_moved_yet():
    quantizer = CVQ(K, D)
    before = quantizer.codebook.detach().clone()
    out = quantizer(torch.randn(50, D))
    assert torch.equal(out.quantized, before[out.indices])
    assert not torch.equal(quantizer.codebook, before)


def test_the_codebook_stays_the_parameter_that_an_optimizer_holds():
    quantizer = CVQ(K, D)
    held, storage = quantizer.codebook, quantizer.codebook.data_ptr()
    quantizer(torch.randn(50, D))
    assert quantizer.codebook is held
    assert quantizer.codebook.data_ptr() == storage


# The loss is VQ's


def test_loss_and_gradients_are_those_of_vq():
    options = {"commitment_weight": 0.3, "codebook_weight": 0.7}
    ours = CVQ(K, D, matching="euclidean", **options)
    plain = VQ(K, D, **options)
    plain.load_state_dict({"codebook": ours.codebook})
    latents = torch.randn(40, D, requires_grad=True)
    same = latents.detach().clone().requires_grad_()
    out, expected = ours(latents), plain(same)
    out.loss.backward()
    expected.loss.backward()
    assert torch.equal(out.indices, expected.indices)
    assert torch.equal(out.loss, expected.loss)
    assert torch.equal(latents.grad, same.grad)
    assert torch.equal(ours.codebook.grad, plain.codebook.grad)


# Hostile


def test_fewer_tokens_than_codes_and_one_token():
    quantizer = CVQ(K, D)
    token = torch.randn(1, D)
    quantizer(token)
    landed = (quantizer.codebook.detach() - token).norm(dim=1) < 0.01 * token.norm()
    assert landed.sum() == K - 1


@both
@pytest.mark.parametrize("size", [1e-30, 1e18, 1e30])
def test_codes_stay_finite_whatever_the_latents(size, matching):
    quantizer = CVQ(K, D, matching=matching)
    for _ in range(3):
        quantizer(size * torch.randn(20, D))
    assert torch.isfinite(quantizer.codebook).all()
    assert torch.isfinite(quantizer.usage).all()


@pytest.mark.parametrize("decay", [1.0, -0.1, math.nan])
def test_a_decay_out_of_range_is_named(decay):
    with pytest.raises(ValueError, match=rf"decay={decay} must lie in \[0, 1\)"):
        CVQ(K, D, decay=decay)


def test_another_matching_is_named():
    with pytest.raises(ValueError, match="matching='l2' must be 'cosine' or"):
        CVQ(K, D, matching="l2")

"""ArcVQ: spherical matching, the ball, the margin, the step that drives them."""

import math
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from zoo import ZOO, D, K, lengthen, made, over

from arcvq_lite import (
    ArcMarginLoss,
    ArcVQ,
    Constant,
    ConstantRadius,
    ExponentialRadius,
    ShrinkingRadius,
)

ARCS = [name for name in ZOO if name.startswith("ArcVQ")]

# Spherical matching


@given(st.lists(st.integers(-30, 30), min_size=K + 20, max_size=K + 20))
def test_cosine_matching_does_not_see_lengths_on_either_side(exponents):
    torch.manual_seed(0)
    lengths = 2.0 ** torch.tensor(exponents)[:, None]
    quantizer, tokens = made("ArcVQ"), torch.randn(20, D)
    expected = quantizer.assign(tokens)
    with torch.no_grad():
        quantizer.codebook.mul_(lengths[:K])
    assert torch.equal(quantizer.assign(tokens * lengths[K:]), expected)


def test_a_code_of_zero_norm_does_not_win_against_a_code_on_the_same_side():
    quantizer = ArcVQ(2, 3)
    with torch.no_grad():
        quantizer.codebook.copy_(torch.tensor([[0.0, 0, 0], [1, 0, 0]]))
    assert quantizer.assign(torch.tensor([[0.1, 5.0, 0.0]])).tolist() == [1]


# The ball and the margin


def test_the_ball_is_applied_in_place_before_the_step_is_quantized():
    quantizer = ArcVQ(K, D, radius=ShrinkingRadius(2.0, 100), margin=None)
    lengthen(quantizer)
    storage, before = quantizer.codebook.data_ptr(), quantizer.codebook.detach().clone()
    out = quantizer(torch.randn(50, D), step=75)
    expected = torch.renorm(before, 2, 0, 1.0)
    assert quantizer.codebook.data_ptr() == storage
    torch.testing.assert_close(quantizer.codebook.detach(), expected)
    assert torch.equal(out.quantized, quantizer.codebook[out.indices])
    assert out.terms["radius"].item() == pytest.approx(1.0)


def test_without_the_ball_norms_are_left_alone():
    quantizer = ArcVQ(K, D, radius=None)
    lengthen(quantizer)
    before = quantizer.codebook.detach().clone()
    quantizer(torch.randn(50, D), step=0)
    assert torch.equal(quantizer.codebook, before)


def test_the_total_is_the_sum_of_its_weighted_terms():
    quantizer = ArcVQ(K, D, margin_weight=Constant(0.5), codebook_weight=0.7)
    out = quantizer(torch.randn(50, D), step=3)
    terms = out.terms
    total = 0.7 * terms["codebook"] + 0.25 * terms["commitment"] + 0.5 * terms["margin"]
    torch.testing.assert_close(out.loss, total)
    assert terms["margin_weight"] == 0.5


def test_the_margin_moves_the_latents_and_not_the_codebook():
    quantizer = ArcVQ(
        K, D, commitment_weight=0.0, codebook_weight=0.0, margin=ArcMarginLoss()
    )
    latents = torch.randn(50, D, requires_grad=True)
    quantizer(latents, step=0).loss.backward()
    assert latents.grad.abs().sum() > 0
    assert not quantizer.codebook.grad.any()


def test_the_defaults_are_the_official_vq_vae_variants():
    quantizer = ArcVQ(K, D)
    assert (quantizer.codebook_weight, quantizer.commitment_weight) == (1.0, 0.25)
    assert quantizer.radius == ExponentialRadius(3e-4)
    assert quantizer.margin == ArcMarginLoss(scale=5.0, margin=0.1, top_k=3)
    assert quantizer.margin_weight(0) == 1.0
    assert quantizer.margin_weight(2000) == pytest.approx(math.exp(-1))


@over(["EMAVQ", *ARCS])
def test_codes_start_on_the_unit_sphere(name):
    torch.testing.assert_close(made(name).codebook.norm(dim=1), torch.ones(K))


def test_an_optimizer_goes_on_stepping_the_projected_parameter():
    quantizer = ArcVQ(K, D, radius=ConstantRadius(0.5))
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=0.1)
    latents = torch.randn(50, D)
    for step in range(3):
        optimizer.zero_grad()
        quantizer(latents, step=step).loss.backward()
        optimizer.step()
        moved = quantizer.codebook.detach().norm(dim=1)
    assert moved.max() > 0.5
    quantizer(latents, step=3)
    assert quantizer.codebook.detach().norm(dim=1).max() <= 0.5 * (1 + 1e-5)


def test_a_top_k_above_the_number_of_latents_is_named():
    with pytest.raises(ValueError, match="top_k=3 needs at least 3 latents, got 2"):
        ArcVQ(K, D)(torch.randn(2, D), step=0)


# The step


@over(ARCS)
def test_the_last_step_is_saved_and_going_back_is_warned_about(name):
    quantizer, resumed = made(name), made(name)
    latents = torch.randn(20, D)
    for step in (0, 1, 1, 41):
        quantizer(latents, step=step)
    resumed.load_state_dict(quantizer.state_dict())
    assert resumed.last_step == 41
    with pytest.warns(UserWarning, match="step=3 is below the last one trained, 41"):
        resumed(latents, step=3)
    resumed(latents, step=4)
    assert resumed.last_step == 4


def test_the_warning_points_at_the_line_that_called_the_quantizer():
    quantizer = ArcVQ(K, D)
    quantizer(torch.randn(20, D), step=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quantizer(torch.randn(20, D), step=0)
    assert caught[0].filename == __file__

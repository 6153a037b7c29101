"""The rules that every quantizer keeps, tested over all of them."""

import inspect
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

import arcvq_lite
from arcvq_lite import (
    EMAVQ,
    VQ,
    ArcMarginLoss,
    ArcVQ,
    CodebookUsage,
    Constant,
    ConstantRadius,
    ExponentialRadius,
    Quantized,
    ShrinkingRadius,
)

K, D = 16, 6

QUANTIZERS = {
    "VQ": lambda: VQ(K, D),
    "EMAVQ": lambda: EMAVQ(K, D),
    "ArcVQ": lambda: ArcVQ(K, D),
    "ArcVQ without the ball": lambda: ArcVQ(K, D, radius=None),
    "ArcVQ without the margin": lambda: ArcVQ(K, D, margin=None),
    "ArcVQ without either": lambda: ArcVQ(K, D, radius=None, margin=None),
}
COSINE = [name for name in QUANTIZERS if name.startswith("ArcVQ")]
GRADIENT = [name for name in QUANTIZERS if name != "EMAVQ"]
NEEDS_STEP = ["ArcVQ", "ArcVQ without the ball", "ArcVQ without the margin"]
SHAPES = [(20, D), (3, D, 7), (2, D, 3, 4), (2, D, 2, 3, 2)]

every_quantizer = pytest.mark.parametrize("name", QUANTIZERS)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def spread_out(quantizer):
    """Codes of different lengths, so that it matters which vector is decoded."""
    with torch.no_grad():
        quantizer.codebook.mul_(torch.linspace(0.3, 3, K)[:, None])
        if isinstance(quantizer, EMAVQ):
            quantizer.sums.copy_(quantizer.codebook)
    return quantizer


def state_of(quantizer):
    return {key: value.clone() for key, value in quantizer.state_dict().items()}


def same_state(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(one[k], other[k]) for k in one
    )


def distance_by_definition(tokens, codebook, *, cosine):
    tokens, codebook = tokens.double(), codebook.detach().double()
    if cosine:
        tokens, codebook = F.normalize(tokens, dim=1), F.normalize(codebook, dim=1)
    return (tokens[:, None] - codebook[None]).norm(dim=2)


# One return, one layout


@every_quantizer
@every_shape
def test_four_fields_of_the_promised_shapes_and_dtypes(name, shape):
    out = QUANTIZERS[name]()(torch.randn(shape), step=0)
    assert isinstance(out, Quantized)
    assert Quantized._fields == ("quantized", "indices", "loss", "terms")
    assert out.quantized.shape == shape
    assert out.indices.shape == (shape[0], *shape[2:])
    assert out.indices.dtype == torch.int64
    assert out.loss.shape == ()
    assert out.loss.dtype == torch.float32


@every_quantizer
@pytest.mark.parametrize("training", [True, False])
def test_terms_have_the_promised_names_and_are_detached_scalars(name, training):
    quantizer = QUANTIZERS[name]().train(training)
    terms = quantizer(torch.randn(20, D), step=0).terms
    expected = {"codebook", "commitment"}
    if training and getattr(quantizer, "radius", None):
        expected |= {"radius"}
    if training and getattr(quantizer, "margin", None):
        expected |= {"margin", "margin_weight"}
    assert terms.keys() == expected
    assert all(
        value.shape == () and not value.requires_grad for value in terms.values()
    )


@every_quantizer
@every_shape
def test_every_place_is_quantized_like_its_token(name, shape):
    quantizer = QUANTIZERS[name]().eval()
    latents = torch.randn(shape)
    out = quantizer(latents)
    tokens = latents.movedim(1, -1).reshape(-1, D)
    flat = quantizer(tokens)
    assert torch.equal(out.indices.flatten(), flat.indices)
    assert torch.equal(out.quantized.movedim(1, -1).reshape(-1, D), flat.quantized)
    assert out.loss.item() == pytest.approx(flat.loss.item(), rel=1e-5)


@every_quantizer
def test_a_view_is_quantized_like_its_copy(name):
    quantizer = QUANTIZERS[name]().eval()
    view = torch.randn(2, 4, 3, D).permute(0, 3, 1, 2)
    assert torch.equal(quantizer(view).quantized, quantizer(view.clone()).quantized)


# The nearest code, decoded as it is


@every_quantizer
def test_each_token_takes_the_nearest_code(name):
    quantizer = spread_out(QUANTIZERS[name]()).eval()
    tokens = torch.randn(300, D)
    expected = distance_by_definition(
        tokens, quantizer.codebook, cosine=name in COSINE
    ).argmin(dim=1)
    assert torch.equal(quantizer.assign(tokens), expected)
    assert torch.equal(quantizer(tokens).indices, expected)


@pytest.mark.parametrize("make", [VQ, EMAVQ])
@pytest.mark.parametrize("offset", [100.0, 1000.0])
def test_distances_survive_an_offset_that_both_sides_share(make, offset):
    quantizer = make(K, D).eval()
    with torch.no_grad():
        quantizer.codebook.copy_(torch.randn(K, D) + offset)
    tokens = torch.randn(300, D) + offset
    distance = distance_by_definition(tokens, quantizer.codebook, cosine=False)
    chosen = distance.gather(1, quantizer.assign(tokens)[:, None])[:, 0]
    torch.testing.assert_close(chosen, distance.min(dim=1).values, rtol=1e-3, atol=0)


@every_quantizer
@every_shape
def test_in_evaluation_embedding_the_indices_gives_the_quantized(name, shape):
    quantizer = spread_out(QUANTIZERS[name]()).eval()
    out = quantizer(torch.randn(shape))
    assert torch.equal(quantizer.embed(out.indices), out.quantized)


@every_quantizer
def test_the_decoder_gets_the_code_un_normalised(name):
    quantizer = spread_out(QUANTIZERS[name]()).eval()
    out = quantizer(torch.randn(50, D))
    assert torch.equal(out.quantized, quantizer.codebook[out.indices])
    lengths = out.quantized.norm(dim=1)
    assert lengths.max() > 1.5 * lengths.min()


@given(st.lists(st.integers(-30, 30), min_size=K + 20, max_size=K + 20))
def test_cosine_matching_does_not_see_lengths_on_either_side(exponents):
    torch.manual_seed(0)
    lengths = 2.0 ** torch.tensor(exponents)[:, None]
    quantizer, tokens = QUANTIZERS["ArcVQ"](), torch.randn(20, D)
    expected = quantizer.assign(tokens)
    with torch.no_grad():
        quantizer.codebook.mul_(lengths[:K])
    assert torch.equal(quantizer.assign(tokens * lengths[K:]), expected)


# Permutation


@every_quantizer
def test_permuting_the_codes_permutes_everything(name):
    quantizer, other = spread_out(QUANTIZERS[name]()), QUANTIZERS[name]()
    order = torch.randperm(K)
    state = state_of(quantizer)
    other.load_state_dict(
        {key: value[order] if value.dim() else value for key, value in state.items()}
    )
    tokens = torch.randn(200, D)
    out, permuted = quantizer(tokens, step=0), other(tokens, step=0)
    assert torch.equal(permuted.quantized, out.quantized)
    assert torch.equal(order[permuted.indices], out.indices)
    torch.testing.assert_close(permuted.loss, out.loss)
    torch.testing.assert_close(other.codebook, quantizer.codebook[order])

    usage, permuted_usage = CodebookUsage(K), CodebookUsage(K)
    usage.update(out.indices)
    permuted_usage.update(permuted.indices)
    assert torch.equal(permuted_usage.counts, usage.counts[order])

    if name in GRADIENT:
        out.loss.backward()
        permuted.loss.backward()
        torch.testing.assert_close(other.codebook.grad, quantizer.codebook.grad[order])


# Gradients


@every_quantizer
@every_shape
def test_the_decoders_gradient_passes_straight_through(name, shape):
    latents = torch.randn(shape, requires_grad=True)
    quantizer = QUANTIZERS[name]()
    upstream = torch.randn(shape)
    (quantizer(latents, step=0).quantized * upstream).sum().backward()
    assert torch.equal(latents.grad, upstream)
    assert quantizer.codebook.grad is None


@pytest.mark.parametrize("name", GRADIENT)
def test_loss_and_gradients_equal_their_formula(name):
    quantizer = spread_out(QUANTIZERS[name]())
    quantizer.commitment_weight, quantizer.codebook_weight = 0.3, 0.7
    latents = torch.randn(40, D, requires_grad=True)
    out = quantizer(latents, step=0)
    out.loss.backward()

    codes = quantizer.codebook.detach().clone().requires_grad_()
    z = latents.detach().clone().requires_grad_()
    loss = 0.7 * (codes[out.indices] - z.detach()).square().mean()
    loss = loss + 0.3 * (codes[out.indices].detach() - z).square().mean()
    if getattr(quantizer, "margin", None):
        loss = loss + quantizer.margin_weight(0) * quantizer.margin(z, codes)
    loss.backward()
    torch.testing.assert_close(out.loss, loss)
    torch.testing.assert_close(quantizer.codebook.grad, codes.grad)
    torch.testing.assert_close(latents.grad, z.grad)


def test_emavq_commits_the_latents_and_its_codebook_takes_no_gradient():
    quantizer = EMAVQ(K, D, commitment_weight=0.3)
    codes = quantizer.codebook.clone()
    latents = torch.randn(40, D, requires_grad=True)
    out = quantizer(latents)
    out.loss.backward()
    difference = latents.detach() - codes[out.indices]
    torch.testing.assert_close(out.loss, 0.3 * difference.square().mean())
    torch.testing.assert_close(latents.grad, 0.3 * 2 * difference / latents.numel())
    assert not list(quantizer.parameters())


@every_quantizer
def test_two_batches_can_be_accumulated_before_one_backward(name):
    quantizer = QUANTIZERS[name]()
    losses = [quantizer(torch.randn(20, D).requires_grad_(), step=5).loss for _ in "ab"]
    sum(losses).backward()


# 1. Evaluation is pure


@every_quantizer
@pytest.mark.parametrize("step", [None, 0, 10**9])
def test_evaluation_changes_nothing_and_warns_of_nothing(name, step):
    quantizer, latents = spread_out(QUANTIZERS[name]()), torch.randn(2, D, 3, 4)
    quantizer(latents, step=7)
    quantizer.eval()
    before, random_state = state_of(quantizer), torch.get_rng_state()
    out = quantizer(latents, step=step)
    quantizer.embed(quantizer.assign(latents))
    assert not out.terms.keys() & {"radius", "margin", "margin_weight"}
    assert same_state(state_of(quantizer), before)
    assert torch.equal(torch.get_rng_state(), random_state)


@every_quantizer
def test_the_evaluation_loss_is_the_true_one_without_the_margin(name):
    quantizer = spread_out(QUANTIZERS[name]()).eval()
    latents = torch.randn(40, D)
    out = quantizer(latents, step=10)
    squared = (quantizer.embed(out.indices) - latents).square().mean()
    weight = quantizer.commitment_weight + getattr(quantizer, "codebook_weight", 0.0)
    torch.testing.assert_close(out.loss, weight * squared)
    assert out.loss > 0


# 2. Nothing switches off in silence


@pytest.mark.parametrize("name", NEEDS_STEP)
def test_training_without_a_step_raises_and_names_it(name):
    quantizer = QUANTIZERS[name]()
    before = state_of(quantizer)
    with pytest.raises(ValueError, match=r"step is missing.*step=t"):
        quantizer(torch.randn(20, D))
    assert same_state(state_of(quantizer), before)


@pytest.mark.parametrize("name", ["VQ", "EMAVQ", "ArcVQ without either"])
def test_quantizers_without_schedules_need_no_step(name):
    assert torch.isfinite(QUANTIZERS[name]()(torch.randn(20, D)).loss)


@pytest.mark.parametrize("name", NEEDS_STEP)
@pytest.mark.parametrize(
    ("step", "error"), [(-1, ValueError), (2.5, TypeError), ("3", TypeError)]
)
def test_a_step_that_is_none_is_refused_before_it_changes_anything(name, step, error):
    quantizer = QUANTIZERS[name]()
    before = state_of(quantizer)
    with pytest.raises(error, match=f"step={step!r}"):
        quantizer(torch.randn(20, D), step=step)
    assert same_state(state_of(quantizer), before)


@pytest.mark.parametrize("name", COSINE)
def test_the_last_step_is_saved_and_going_back_is_warned_about(name):
    quantizer, resumed = QUANTIZERS[name](), QUANTIZERS[name]()
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


# 6. The float32 island


@every_quantizer
def test_bfloat16_latents_are_matched_in_float32(name):
    quantizer = spread_out(QUANTIZERS[name]())
    latents = torch.randn(50, D).bfloat16().requires_grad_()
    expected = quantizer.assign(latents.float())
    out = quantizer(latents, step=0)
    out.loss.backward()
    assert torch.equal(out.indices, expected)
    assert out.quantized.dtype == torch.bfloat16
    assert out.loss.dtype == torch.float32
    assert latents.grad.dtype == torch.bfloat16


@every_quantizer
def test_float64_is_kept(name):
    quantizer = QUANTIZERS[name]().double()
    latents = torch.randn(50, D, dtype=torch.float64, requires_grad=True)
    out = quantizer(latents, step=0)
    out.loss.backward()
    assert out.quantized.dtype == torch.float64
    assert quantizer.codebook.dtype == torch.float64
    assert out.loss.dtype == torch.float32
    expected = distance_by_definition(
        latents.detach(), quantizer.eval().codebook, cosine=name in COSINE
    )
    assert torch.equal(quantizer.assign(latents), expected.argmin(dim=1))


@every_quantizer
def test_autocast_changes_neither_indices_nor_loss_nor_state(name):
    plain, under = QUANTIZERS[name](), QUANTIZERS[name]()
    under.load_state_dict(plain.state_dict())
    latents = torch.randn(50, D)
    expected = plain(latents, step=0)
    with torch.autocast("cpu", torch.bfloat16):
        out = under(latents, step=0)
        assert torch.equal(under.assign(latents), plain.assign(latents))
    assert torch.equal(out.indices, expected.indices)
    assert torch.equal(out.quantized, expected.quantized)
    assert torch.equal(out.loss, expected.loss)
    assert same_state(state_of(under), state_of(plain))


@every_quantizer
@pytest.mark.parametrize("step", [0, 295_701, 1_780_000, 10**9])
def test_nothing_is_nan_at_the_corners(name, step):
    """Codes at the origin, latents on their code, opposite it and at the origin."""
    quantizer = QUANTIZERS[name]()
    with torch.no_grad():
        quantizer.codebook[:2] = 0
    code = quantizer.codebook.detach()[3]
    latents = torch.stack([code, -code, 2 * code, 0 * code, 1e-30 * code])
    latents.requires_grad_()
    out = quantizer(latents, step=step)
    (out.loss + out.quantized.sum()).backward()
    assert torch.isfinite(out.loss)
    assert torch.isfinite(latents.grad).all()
    assert all(torch.isfinite(value).all() for value in quantizer.state_dict().values())
    assert all(torch.isfinite(value) for value in out.terms.values())
    if name in GRADIENT:
        assert torch.isfinite(quantizer.codebook.grad).all()


def test_a_code_of_zero_norm_does_not_win_against_a_code_on_the_same_side():
    quantizer = ArcVQ(2, 3)
    with torch.no_grad():
        quantizer.codebook.copy_(torch.tensor([[0.0, 0, 0], [1, 0, 0]]))
    assert quantizer.assign(torch.tensor([[0.1, 5.0, 0.0]])).tolist() == [1]


# ArcVQ's ball and margin


def test_the_ball_is_applied_in_place_before_the_step_is_quantized():
    quantizer = ArcVQ(K, D, radius=ShrinkingRadius(2.0, 100), margin=None)
    spread_out(quantizer)
    storage, before = quantizer.codebook.data_ptr(), quantizer.codebook.detach().clone()
    out = quantizer(torch.randn(50, D), step=75)
    expected = torch.renorm(before, 2, 0, 1.0)
    assert quantizer.codebook.data_ptr() == storage
    torch.testing.assert_close(quantizer.codebook.detach(), expected)
    assert torch.equal(out.quantized, quantizer.codebook[out.indices])
    assert out.terms["radius"].item() == pytest.approx(1.0)


def test_without_the_ball_norms_are_left_alone():
    quantizer = spread_out(ArcVQ(K, D, radius=None))
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


@pytest.mark.parametrize("name", ["EMAVQ", *COSINE])
def test_codes_start_on_the_unit_sphere(name):
    torch.testing.assert_close(QUANTIZERS[name]().codebook.norm(dim=1), torch.ones(K))


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


# Saving


@every_quantizer
def test_a_loaded_state_goes_on_as_the_saved_one_would(name, tmp_path):
    quantizer, loaded = QUANTIZERS[name](), QUANTIZERS[name]()
    batches = [torch.randn(50, D) for _ in range(4)]
    quantizer(batches[0], step=0)
    torch.save(quantizer.state_dict(), tmp_path / "state.pt")
    loaded.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for step, batch in enumerate(batches[1:], start=1):
        one, other = quantizer(batch, step=step), loaded(batch, step=step)
        assert torch.equal(one.loss, other.loss)
    assert same_state(state_of(loaded), state_of(quantizer))


# Bad input


BAD_LATENTS = [
    (torch.ones(D), ValueError, r"latents must be .* got \(6,\)"),
    (torch.ones(4, D + 1), ValueError, r"\(4, 7\) have 7 channels.*dim=6"),
    (torch.ones(2, 3, 4, D), ValueError, r"\(2, 3, 4, 6\) have 3 channels.*dim=6"),
    (torch.ones(0, D), ValueError, r"latents are empty, got shape \(0, 6\)"),
    (torch.ones(2, D, 0, 4), ValueError, r"latents are empty.*\(2, 6, 0, 4\)"),
    (torch.full((4, D), math.nan), ValueError, "latents contain NaN"),
    (torch.full((4, D), -math.inf), ValueError, "latents contain .*infinity"),
    (torch.ones(4, D, dtype=torch.int64), TypeError, r"latents must.*torch\.int64"),
    (torch.ones(4, D, dtype=torch.uint8), TypeError, r"latents must.*torch\.uint8"),
    (np.ones((4, D)), TypeError, "latents must be a torch tensor, got ndarray"),
]
BAD_INDICES = [
    (torch.tensor([-1, 2]), ValueError, "indices must lie in 0 … 15, got -1 … 2"),
    (torch.tensor([0, K]), ValueError, "indices must lie in 0 … 15, got 0 … 16"),
    (torch.tensor([], dtype=torch.int64), ValueError, r"indices are empty.*\(0,\)"),
    (torch.tensor(3), ValueError, r"indices .*\(\)"),
    (torch.tensor([0.0]), TypeError, r"indices must be int64, got torch\.float32"),
    (torch.tensor([0], dtype=torch.int32), TypeError, r"indices must.*torch\.int32"),
]


@every_quantizer
@pytest.mark.parametrize(("latents", "error", "message"), BAD_LATENTS)
def test_latents_that_cannot_be_quantized_are_refused(name, latents, error, message):
    quantizer = QUANTIZERS[name]()
    before = state_of(quantizer)
    with pytest.raises(error, match=message):
        quantizer(latents, step=0)
    with pytest.raises(error, match=message):
        quantizer.assign(latents)
    assert same_state(state_of(quantizer), before)


@every_quantizer
@pytest.mark.parametrize(("indices", "error", "message"), BAD_INDICES)
def test_indices_that_are_none_are_refused(name, indices, error, message):
    with pytest.raises(error, match=message):
        QUANTIZERS[name]().embed(indices)


@pytest.mark.parametrize("make", [VQ, EMAVQ, ArcVQ])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_codes": 1}, "num_codes=1 must be at least 2"),
        ({"dim": 0}, "dim=0 must be at least 1"),
        ({"commitment_weight": -0.1}, r"commitment_weight=-0\.1 must be at least 0"),
        ({"commitment_weight": math.nan}, "commitment_weight=nan must be at least 0"),
    ],
)
def test_an_option_out_of_range_is_named(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**{"num_codes": K, "dim": D, **options})


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: VQ(K, D, codebook_weight=-1.0), ValueError, "codebook_weight=-1"),
        (lambda: ArcVQ(K, D, codebook_weight=-1.0), ValueError, "codebook_weight=-1"),
        (lambda: EMAVQ(K, D, decay=1.0), ValueError, r"decay=1\.0"),
        (lambda: EMAVQ(K, D, decay=-0.1), ValueError, r"decay=-0\.1"),
        (lambda: EMAVQ(K, D, restart_below=-1.0), ValueError, "restart_below=-1"),
        (lambda: ArcVQ(K, D, radius=1.5), TypeError, r"radius=1\.5.*ConstantRadius"),
        (lambda: ArcVQ(K, D, margin=0.1), TypeError, r"margin=0\.1.*ArcMarginLoss"),
        (lambda: ArcVQ(K, D, margin_weight=1.0), TypeError, r"margin_weight=1\.0"),
        (lambda: ArcVQ(K, D, margin_weight=None), TypeError, "margin_weight=None"),
    ],
)
def test_an_option_of_one_quantizer_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_top_k_above_the_number_of_latents_is_named():
    with pytest.raises(ValueError, match="top_k=3 needs at least 3 latents, got 2"):
        ArcVQ(K, D)(torch.randn(2, D), step=0)


def test_no_constructor_takes_more_than_8_arguments():
    public = [getattr(arcvq_lite, name) for name in arcvq_lite.__all__]
    classes = [made for made in public if "__init__" in getattr(made, "__dict__", ())]
    assert ArcVQ in classes
    for made in classes:
        assert len(inspect.signature(made).parameters) <= 8, made

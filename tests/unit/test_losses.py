"""The ArcCosine margin loss against its definition, and what it must not do."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import tensors
from torch.nn import functional as F

from arcvq_lite import ArcMarginLoss, arc_margin_loss

exact = {"dtype": torch.float64}


def loss_by_definition(latents, codebook, scale, margin, top_k):
    """One term at a time: the class is a code, the samples are the latents."""
    values = []
    for code in codebook.detach():
        cosine = torch.stack([F.cosine_similarity(code, z, dim=0) for z in latents])
        positives = cosine.argsort(descending=True)[:top_k]
        numerator, denominator = 0.0, 0.0
        for i, c in enumerate(cosine):
            if i in positives:
                numerator = numerator + torch.exp(scale * torch.cos(c.acos() + margin))
            else:
                denominator = denominator + torch.exp(scale * c)
        values.append(-torch.log(numerator / (numerator + denominator)))
    return torch.stack(values)


CASES = [
    # K, N, D, s, m, k
    (4, 9, 3, 5.0, 0.1, 3),
    (6, 5, 4, 10.0, 0.0, 1),
    (3, 12, 2, 2.0, 0.4, 5),
    (2, 7, 8, 20.0, 0.2, 6),
]


@pytest.mark.parametrize(("codes", "tokens", "dim", "scale", "margin", "top_k"), CASES)
def test_value_and_gradient_equal_the_definition(
    codes, tokens, dim, scale, margin, top_k
):
    latents = torch.randn(tokens, dim, requires_grad=True, **exact)
    codebook = torch.randn(codes, dim, **exact)
    options = {"scale": scale, "margin": margin, "top_k": top_k}
    values = arc_margin_loss(latents, codebook, **options, reduction="none")
    (gradient,) = torch.autograd.grad(values.mean(), latents)

    expected = loss_by_definition(latents, codebook, **options)
    (expected_gradient,) = torch.autograd.grad(expected.mean(), latents)
    torch.testing.assert_close(values, expected)
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize(("codes", "tokens", "dim", "scale", "margin", "top_k"), CASES)
def test_gradient_equals_finite_differences(codes, tokens, dim, scale, margin, top_k):
    latents = torch.randn(tokens, dim, requires_grad=True, **exact)
    codebook = torch.randn(codes, dim, **exact)
    assert torch.autograd.gradcheck(
        lambda z: arc_margin_loss(
            z, codebook, scale=scale, margin=margin, top_k=top_k, reduction="none"
        ),
        latents,
    )


@given(tensors(8, 3), tensors(5, 3))
def test_margin_0_is_the_plain_softmax_over_the_latents(latents, codebook):
    cosine = F.normalize(codebook, dim=1) @ F.normalize(latents, dim=1).T
    expected = F.cross_entropy(7 * cosine, cosine.argmax(dim=1), reduction="none")
    values = arc_margin_loss(
        latents, codebook, scale=7.0, margin=0.0, top_k=1, reduction="none"
    )
    torch.testing.assert_close(values, expected, rtol=1e-4, atol=1e-4)


@given(
    tensors(8, 3),
    tensors(5, 3),
    st.permutations(range(8)),
    st.permutations(range(5)),
)
def test_permuting_latents_changes_nothing_and_codes_are_permuted_along(
    latents, codebook, latent_order, code_order
):
    values = arc_margin_loss(latents, codebook, reduction="none")
    permuted = arc_margin_loss(
        latents[latent_order], codebook[code_order], reduction="none"
    )
    torch.testing.assert_close(permuted, values[code_order], rtol=1e-4, atol=1e-5)


def test_permuting_the_latents_permutes_their_gradients():
    latents, codebook = torch.randn(9, 4, **exact), torch.randn(5, 4, **exact)
    order = torch.randperm(9)
    one, other = latents.clone().requires_grad_(), latents[order].requires_grad_()
    arc_margin_loss(one, codebook).backward()
    arc_margin_loss(other, codebook).backward()
    torch.testing.assert_close(other.grad, one.grad[order])


@given(st.lists(st.integers(-20, 20), min_size=13, max_size=13))
def test_lengths_of_latents_and_codes_do_not_matter(exponents):
    """Powers of two scale without rounding, so equality is bit for bit."""
    torch.manual_seed(0)
    lengths = 2.0 ** torch.tensor(exponents)[:, None]
    latents, codebook = torch.randn(8, 4), torch.randn(5, 4)
    scaled = arc_margin_loss(latents * lengths[:8], codebook * lengths[8:])
    assert torch.equal(scaled, arc_margin_loss(latents, codebook))


@given(st.floats(0, 1.5), st.floats(0, 1.5))
def test_a_larger_margin_asks_for_more(a, b):
    torch.manual_seed(0)
    latents, codebook = torch.randn(20, 4, **exact), torch.randn(6, 4, **exact)
    low, high = (
        arc_margin_loss(latents, codebook, margin=m, reduction="none")
        for m in (min(a, b), max(a, b))
    )
    assert (low <= high + 1e-12).all()


def test_none_has_a_value_a_code_and_their_mean_is_the_loss():
    latents, codebook = torch.randn(20, 4), torch.randn(6, 4)
    values = arc_margin_loss(latents, codebook, reduction="none")
    assert values.shape == (6,)
    assert torch.equal(values.mean(), arc_margin_loss(latents, codebook))


def test_where_every_latent_is_a_positive_nothing_is_asked():
    latents = torch.randn(10, 4, requires_grad=True)
    loss = arc_margin_loss(latents, torch.randn(6, 4), top_k=10)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(latents.grad, torch.zeros(10, 4), rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 89.0, 1e4])
def test_value_and_gradient_are_finite_at_any_scale(scale):
    latents = torch.randn(10, 4, requires_grad=True)
    loss = arc_margin_loss(latents, torch.randn(6, 4), scale=scale)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(latents.grad).all()
    assert loss >= 0


def test_only_the_latents_are_moved():
    latents = torch.randn(10, 4, requires_grad=True)
    codebook = torch.randn(6, 4, requires_grad=True)
    arc_margin_loss(latents, codebook).backward()
    assert codebook.grad is None
    assert latents.grad.abs().sum() > 0


def test_the_gradient_pulls_a_lonely_positive_towards_its_code():
    latents = torch.tensor([[1.0, 0.2], [0.6, 0.8]], requires_grad=True)
    code = torch.tensor([[1.0, 0.0]])
    arc_margin_loss(latents, code, top_k=1).backward()
    moved = latents.detach() - 0.1 * F.normalize(latents.grad, dim=1)
    before = F.cosine_similarity(latents.detach(), code)
    assert F.cosine_similarity(moved, code)[0] > before[0] + 1e-3


@pytest.mark.parametrize("shape", [(2, 4, 6), (2, 4, 2, 3), (2, 4, 1, 2, 3)])
def test_channel_first_latents_are_the_tokens_of_every_place(shape):
    latents, codebook = torch.randn(shape), torch.randn(6, 4)
    tokens = latents.movedim(1, -1).reshape(-1, 4)
    torch.testing.assert_close(
        arc_margin_loss(latents, codebook), arc_margin_loss(tokens, codebook)
    )


def test_zero_norms_and_coinciding_directions_leave_everything_finite():
    codebook = torch.tensor([[0.0, 0.0], [1.0, 1.0], [-1.0, -1.0]])
    latents = torch.tensor([[1.0, 1.0], [-2.0, -2.0], [0.0, 0.0], [1.0, 0.0]])
    latents.requires_grad_()
    values = arc_margin_loss(latents, codebook, reduction="none")
    values.mean().backward()
    assert torch.isfinite(values).all()
    assert torch.isfinite(latents.grad).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_changes_neither_value_nor_gradient(dtype):
    latents, codebook = torch.randn(10, 4).to(dtype), torch.randn(6, 4)

    def value_and_gradient(*, autocast):
        leaf = latents.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = arc_margin_loss(leaf, codebook)
        return loss.detach(), torch.autograd.grad(loss, leaf)[0]

    loss, gradient = value_and_gradient(autocast=True)
    expected_loss, expected_gradient = value_and_gradient(autocast=False)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, expected_loss)
    assert torch.equal(gradient, expected_gradient)


def test_float64_latents_give_a_float64_loss():
    latents, codebook = torch.randn(10, 4, **exact), torch.randn(6, 4)
    assert arc_margin_loss(latents, codebook).dtype == torch.float64


def test_arc_margin_loss_as_a_set_of_options():
    latents, codebook = torch.randn(10, 4), torch.randn(6, 4)
    options = {"scale": 3.0, "margin": 0.2, "top_k": 2}
    chosen = ArcMarginLoss(**options)
    expected = arc_margin_loss(latents, codebook, **options)
    assert torch.equal(chosen(latents, codebook), expected)
    assert chosen == ArcMarginLoss(**options)
    with pytest.raises(dataclasses.FrozenInstanceError):
        chosen.scale = 1.0


OPTIONS = [
    ({"scale": 0.0}, r"scale=0\.0 must be above 0"),
    ({"scale": -1.0}, r"scale=-1\.0 must be above 0"),
    ({"scale": math.nan}, "scale=nan must be above 0"),
    ({"scale": math.inf}, "scale=inf must be above 0"),
    ({"margin": -0.1}, r"margin=-0\.1 must be at least 0"),
    ({"margin": 5.7}, r"margin=5\.7 looks like degrees"),
    ({"top_k": 0}, "top_k=0 must be at least 1"),
    ({"top_k": -3}, "top_k=-3 must be at least 1"),
]


@pytest.mark.parametrize(("option", "message"), OPTIONS)
def test_an_option_out_of_range_is_named_by_loss_and_options(option, message):
    with pytest.raises(ValueError, match=message):
        arc_margin_loss(torch.ones(4, 3), torch.ones(2, 3), **option)
    with pytest.raises(ValueError, match=message):
        ArcMarginLoss(**option)


@pytest.mark.parametrize(
    ("latents", "codebook", "message"),
    [
        (torch.ones(2, 3), torch.ones(2, 3), "top_k=3 needs at least 3.*got 2"),
        (torch.ones(3), torch.ones(2, 3), r"latents must be .* got \(3,\)"),
        (torch.ones(4, 5), torch.ones(2, 3), r"\(4, 5\) have 5 channels.*dim=3"),
        (torch.ones(0, 3), torch.ones(2, 3), r"latents are empty, got.*\(0, 3\)"),
        (torch.ones(4, 3), torch.ones(3), r"codebook must be \(K, D\), got \(3,\)"),
        (torch.ones(4, 3), torch.ones(0, 3), r"codebook.*\(0, 3\)"),
        (torch.full((4, 3), math.nan), torch.ones(2, 3), "latents contain NaN"),
        (torch.full((4, 3), math.inf), torch.ones(2, 3), "latents contain .*infinity"),
    ],
)
def test_bad_input_is_named(latents, codebook, message):
    with pytest.raises(ValueError, match=message):
        arc_margin_loss(latents, codebook)


def test_integers_and_an_unknown_reduction_are_refused():
    whole, real = torch.ones(4, 3, dtype=torch.int64), torch.ones(4, 3)
    with pytest.raises(TypeError, match="codebook must be a torch tensor, got list"):
        arc_margin_loss(real, [[1.0, 2.0, 3.0]])
    with pytest.raises(TypeError, match=r"latents must be floating.*torch\.int64"):
        arc_margin_loss(whole, real)
    with pytest.raises(TypeError, match=r"codebook must be floating.*torch\.int64"):
        arc_margin_loss(real, whole)
    with pytest.raises(ValueError, match="reduction='sum'"):
        arc_margin_loss(real, real, reduction="sum")

"""FactorizedVQ: matched in few dimensions, decoded in many."""

import math

import pytest
import torch
from torch.nn import functional as F

from arcvq_lite import FactorizedVQ

K, D, LOW = 12, 7, 3
exact = {"dtype": torch.float64}


def new(**options):
    return FactorizedVQ(K, D, code_dim=LOW, **options)


def by_definition(quantizer, latents):
    """Indices, what is decoded and the loss, in the letters of the docstring."""
    y = F.normalize(latents @ quantizer.project_in.weight.T + quantizer.project_in.bias)
    directions = F.normalize(quantizer.codes)
    indices = (y[:, None] - directions).norm(dim=2).argmin(dim=1)
    chosen = directions[indices]
    passed = chosen + (y - y.detach())
    decoded = passed @ quantizer.project_out.weight.T + quantizer.project_out.bias
    loss = quantizer.codebook_weight * (chosen - y.detach()).square().mean()
    loss = loss + quantizer.commitment_weight * (chosen.detach() - y).square().mean()
    return indices, decoded, loss


def test_everything_equals_its_formula_and_so_does_every_gradient():
    quantizer = new(commitment_weight=0.3, codebook_weight=0.7).double()
    latents = torch.randn(40, D, **exact, requires_grad=True)
    upstream = torch.randn(40, D, **exact)
    weights = [latents, *quantizer.parameters()]

    out = quantizer(latents)
    indices, decoded, loss = by_definition(quantizer, latents)
    assert torch.equal(out.indices, indices)
    torch.testing.assert_close(out.quantized, decoded)
    torch.testing.assert_close(out.loss, loss.float())
    for ours, theirs in (
        ((out.quantized * upstream).sum(), (decoded * upstream).sum()),
        (out.loss.double(), loss),
    ):
        options = {
            "retain_graph": True,
            "allow_unused": True,
            "materialize_grads": True,
        }
        found = torch.autograd.grad(ours, weights, **options)
        expected = torch.autograd.grad(theirs, weights, **options)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-8)


def test_what_is_decoded_is_differentiable_in_codes_and_projection():
    quantizer = new().double()
    latents = torch.randn(10, D, **exact)
    names = ["codes", "project_out.weight", "project_out.bias"]
    weights = [quantizer.get_parameter(name).detach() for name in names]

    def decoded(*changed):
        state = dict(zip(names, changed, strict=True))
        return torch.func.functional_call(quantizer, state, (latents,)).quantized

    assert torch.autograd.gradcheck(
        decoded, [weight.clone().requires_grad_() for weight in weights]
    )


def test_the_decoded_codes_span_no_more_than_the_few_dimensions():
    quantizer = new()
    shifted = quantizer.codebook - quantizer.project_out.bias
    assert quantizer.codebook.shape == (K, D)
    assert torch.linalg.matrix_rank(shifted, rtol=1e-4) == LOW


def test_the_lengths_of_codes_and_projected_latents_play_no_part():
    quantizer, latents = new().eval(), torch.randn(50, D)
    before = quantizer(latents)
    with torch.no_grad():
        quantizer.codes.mul_(torch.linspace(0.01, 100, K)[:, None])
        quantizer.project_in.weight.mul_(7.0)
        quantizer.project_in.bias.mul_(7.0)
    after = quantizer(latents)
    assert torch.equal(after.indices, before.indices)
    torch.testing.assert_close(after.quantized, before.quantized)
    torch.testing.assert_close(after.loss, before.loss)


def test_the_errors_are_between_points_of_the_unit_sphere():
    """4 / d is the largest mean squared error there."""
    terms = new()(1e6 * torch.randn(500, D)).terms
    assert 0 < terms["commitment"] == terms["codebook"] <= 4 / LOW


def test_training_its_loss_alone_brings_codes_and_latents_together():
    quantizer, latents = new(), torch.randn(64, D)
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        out = quantizer(latents)
        optimizer.zero_grad()
        out.loss.backward()
        optimizer.step()
        losses.append(out.loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_latents_of_no_length_give_no_nan():
    quantizer = new()
    with torch.no_grad():
        quantizer.project_in.bias.zero_()
        quantizer.codes[:2] = 0
    latents = torch.zeros(5, D, requires_grad=True)
    out = quantizer(latents)
    (out.loss + out.quantized.sum()).backward()
    assert torch.isfinite(out.quantized).all()
    assert torch.isfinite(latents.grad).all()
    assert all(torch.isfinite(weight.grad).all() for weight in quantizer.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"code_dim": 0}, f"code_dim=0 must lie in 1 … dim={D}"),
        ({"code_dim": D + 1}, f"code_dim={D + 1} must lie in 1 … dim={D}"),
        ({"code_dim": LOW, "codebook_weight": -1.0}, "codebook_weight=-1"),
        ({"code_dim": LOW, "commitment_weight": math.inf}, "commitment_weight=inf"),
    ],
)
def test_an_option_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        FactorizedVQ(K, D, **options)


def test_the_default_is_the_papers_32_dimensions():
    assert FactorizedVQ(K, 64).codes.shape == (K, 32)

"""SQVQ: its probabilities, its bound by hand, and the variance that anneals."""

import math

import pytest
import torch
from torch.nn import functional as F

from arcvq_lite import SQVQ, Constant, ExponentialDecay
from arcvq_lite.quantizers.gumbel import gumbel_noise

K, D, N = 8, 4, 30


def log_probabilities(quantizer, tokens):
    """log P(k | z) by definition, (N, K)."""
    squared = (tokens[:, None] - quantizer.codebook[None]).square().sum(dim=2)
    return (-squared / (2 * quantizer.log_variance.exp())).log_softmax(dim=1), squared


# The posterior


def test_two_codes_by_hand():
    """z = 0.25 between codes 0 and 1 with σ² = 0.5: log-odds are 0.5."""
    quantizer = SQVQ(2, 1, initial_variance=0.5, weight=1.0).eval()
    with torch.no_grad():
        quantizer.codebook.copy_(torch.tensor([[0.0], [1.0]]))
    out = quantizer(torch.tensor([[0.25]]))
    p = 1 / (1 + math.exp(-0.5))
    distortion = p * 0.25**2 + (1 - p) * 0.75**2
    divergence = p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))
    assert out.terms["distortion"].item() == pytest.approx(distortion)
    assert out.terms["kl"].item() == pytest.approx(divergence)
    assert out.loss.item() == pytest.approx(distortion + divergence)
    assert out.quantized.item() == 0.0
    assert out.terms["variance"].item() == pytest.approx(0.5)


def test_codes_are_drawn_with_their_probabilities():
    quantizer, token = SQVQ(K, D, initial_variance=2.0), torch.randn(1, D)
    probabilities = log_probabilities(quantizer, token)[0].exp()[0]
    draws = quantizer(token.expand(20_000, D), step=0).indices
    shares = draws.bincount(minlength=K) / len(draws)
    error = (probabilities * (1 - probabilities) / len(draws)).sqrt()
    assert ((shares - probabilities).abs() < 5 * error).all()


@pytest.mark.parametrize("variance", [1e-4, 1e-7])
def test_as_the_variance_falls_it_becomes_the_nearest_code(variance):
    quantizer = SQVQ(K, D, initial_variance=variance)
    tokens = torch.randn(N, D)
    out = quantizer(tokens, step=0)
    nearest = torch.cdist(tokens, quantizer.codebook).argmin(dim=1)
    assert torch.equal(out.indices, nearest)
    torch.testing.assert_close(out.quantized, quantizer.codebook[nearest])
    assert out.terms["kl"].item() == pytest.approx(math.log(K), rel=1e-4)


def test_as_the_variance_grows_every_code_is_as_probable():
    quantizer = SQVQ(K, D, initial_variance=1e8)
    out = quantizer(torch.randn(4000, D), step=0)
    assert out.terms["kl"] < 1e-6
    assert out.indices.bincount(minlength=K).min() > 350


# The bound


def test_the_training_loss_equals_its_formula_at_the_same_noise():
    quantizer = SQVQ(K, D, temperature=Constant(0.7), weight=0.3, initial_variance=0.4)
    tokens = torch.randn(N, D)
    log_p, _ = log_probabilities(quantizer, tokens)
    torch.manual_seed(1)
    soft = ((log_p + gumbel_noise(log_p)) / 0.7).softmax(dim=1)
    codes = soft @ quantizer.codebook
    distortion = (tokens - codes).square().sum(dim=1) / (2 * 0.4)
    divergence = (log_p.exp() * log_p).sum(dim=1) + math.log(K)
    torch.manual_seed(1)
    out = quantizer(tokens, step=0)
    torch.testing.assert_close(out.quantized, codes)
    torch.testing.assert_close(out.loss, 0.3 * (distortion + divergence).mean())
    assert out.terms["temperature"].item() == pytest.approx(0.7)


def test_the_evaluation_loss_is_the_free_energy():
    quantizer, tokens = SQVQ(K, D, weight=0.3).eval(), torch.randn(N, D)
    _, squared = log_probabilities(quantizer, tokens)
    energy = -(torch.logsumexp(-squared / 2, dim=1) - math.log(K)).mean()
    torch.testing.assert_close(quantizer(tokens).loss, 0.3 * energy)


def test_the_default_weight_makes_a_bound_of_the_error_over_its_variance():
    """32×32 RGB images, four times smaller: 64 tokens for 3,072 values."""
    quantizer, latents = SQVQ(K, D).eval(), torch.randn(5, D, 8, 8)
    out = quantizer(latents)
    tokens = latents.movedim(1, -1).reshape(-1, D)
    _, squared = log_probabilities(quantizer, tokens)
    energies = -(torch.logsumexp(-squared / 2, dim=1) - math.log(K))
    an_image = energies.reshape(5, 64).sum(dim=1).mean()
    torch.testing.assert_close(out.loss, 2 * an_image / 3072)


def test_gradients_pass_gradcheck_at_fixed_noise():
    quantizer = SQVQ(K, D, temperature=Constant(0.7)).double()

    def value(tokens, codebook, log_variance):
        state = {"codebook": codebook, "log_variance": log_variance}
        torch.manual_seed(1)
        return torch.func.functional_call(quantizer, state, (tokens, 0)).quantized

    tokens = torch.randn(5, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(value, (tokens, *quantizer.parameters()))


@pytest.mark.parametrize("training", [True, False])
def test_the_gradients_of_the_loss_equal_those_of_the_formula(training):
    quantizer = SQVQ(K, D, weight=1.0, initial_variance=0.6).double().train(training)
    tokens = torch.randn(N, D, dtype=torch.float64, requires_grad=True)
    inputs = (tokens, *quantizer.parameters())
    torch.manual_seed(1)
    ours = torch.autograd.grad(quantizer(tokens, step=0).loss, inputs)

    log_p, squared = log_probabilities(quantizer, tokens)
    torch.manual_seed(1)
    soft = (log_p + gumbel_noise(log_p)).softmax(dim=1)
    drawn = (tokens - soft @ quantizer.codebook).square().sum(dim=1)
    expected = (log_p.exp() * squared).sum(dim=1)
    distortion = (drawn if training else expected) / (2 * quantizer.log_variance.exp())
    value = (distortion + (log_p.exp() * log_p).sum(dim=1)).mean()
    theirs = torch.autograd.grad(value, inputs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def annealed(reconstruction, steps=200):
    """σ² from 1 on, trained on tight clusters with the identity for both halves."""
    torch.manual_seed(0)
    centres = 3 * torch.randn(K, D)
    quantizer = SQVQ(K, D, weight=2 / D)  # one token for a picture of D values
    with torch.no_grad():
        quantizer.codebook.add_(centres)
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=0.05)
    for step in range(steps):
        tokens = centres[torch.randint(K, (64,))] + 0.05 * torch.randn(64, D)
        out = quantizer(tokens, step=step)
        optimizer.zero_grad()
        error = F.mse_loss(out.quantized, tokens)
        (reconstruction(error) + out.loss).backward()
        optimizer.step()
    return quantizer.log_variance.exp().item()


def test_the_variance_falls_together_with_the_decoders():
    """log(mse) is the best decoder's variance; the control keeps one that is coarse."""
    assert annealed(torch.log) < 0.6
    assert annealed(lambda error: error / 10) > 5


# Corners


def test_the_default_temperature_is_the_papers_schedule():
    quantizer = SQVQ(K, D)
    for step in (0, 1000, 10**6):
        found = quantizer(torch.randn(N, D), step=step).terms["temperature"].item()
        assert found == pytest.approx(max(math.exp(-1e-5 * step), 1e-6))


@pytest.mark.parametrize("log_variance", [-1e4, -60.0, 60.0])
def test_nothing_is_nan_at_extreme_variances(log_variance):
    quantizer = SQVQ(K, D, temperature=ExponentialDecay(1.0, 1.0))
    with torch.no_grad():
        quantizer.log_variance.fill_(log_variance)
    tokens = torch.cat([quantizer.codebook.detach(), torch.zeros(1, D)])
    tokens.requires_grad_()
    out = quantizer(tokens, step=1000)
    (out.loss + out.quantized.sum()).backward()
    gradients = [tokens.grad, *(weight.grad for weight in quantizer.parameters())]
    assert torch.isfinite(out.loss)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"temperature": 0.5}, TypeError, r"temperature=0\.5 .*Constant\(0\.5\)"),
        ({"weight": -1.0}, ValueError, r"weight=-1\.0 must be at least 0"),
        ({"initial_variance": 0.0}, ValueError, r"initial_variance=0\.0 must be above"),
        ({"initial_variance": math.inf}, ValueError, "initial_variance=inf"),
        ({"num_codes": 1}, ValueError, "num_codes=1 must be at least 2"),
        ({"dim": 0}, ValueError, "dim=0 must be at least 1"),
    ],
)
def test_an_option_out_of_range_is_named(options, error, message):
    with pytest.raises(error, match=message):
        SQVQ(**{"num_codes": K, "dim": D, **options})

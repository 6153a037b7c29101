"""GumbelVQ against torch's own relaxation, and in its limits."""

import math

import pytest
import torch
from torch.nn import functional as F

from arcvq_lite import Constant, ExponentialDecay, GumbelVQ
from arcvq_lite.quantizers.gumbel import gumbel_noise, kl_to_uniform_prior

K, D, N = 8, 4, 30
ESTIMATORS = ["straight-through", "soft"]
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def quantizer_at(temperature, **options):
    return GumbelVQ(K, D, temperature=Constant(temperature), **options)


def with_noise(seed, function, *arguments):
    """What the function gives when its noise is drawn from this seed."""
    torch.manual_seed(seed)
    return function(*arguments)


# The draw and its relaxation


@pytest.mark.parametrize("temperature", [1e-2, 1e-4, 0.0])
def test_as_the_temperature_falls_the_mixture_becomes_the_code_that_was_drawn(
    temperature,
):
    quantizer, tokens = quantizer_at(temperature, estimator="soft"), torch.randn(N, D)
    logits = quantizer.to_logits(tokens)
    noisy = logits + with_noise(1, gumbel_noise, logits)
    two = noisy.topk(2, dim=1).values
    clear = two[:, 0] - two[:, 1] > 20 * temperature
    assert clear.sum() > N / 2
    out = with_noise(1, quantizer, tokens, 0)
    assert torch.equal(out.indices, noisy.argmax(dim=1))
    torch.testing.assert_close(
        out.quantized[clear], quantizer.codebook[out.indices][clear]
    )


@every_estimator
@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_values_and_gradients_equal_those_of_torchs_gumbel_softmax(
    estimator, temperature
):
    quantizer = quantizer_at(temperature, estimator=estimator).double()
    tokens = torch.randn(N, D, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(N, D, dtype=torch.float64)
    inputs = (tokens, *quantizer.parameters())

    ours = with_noise(1, quantizer, tokens, 0).quantized
    our_gradients = torch.autograd.grad((ours * upstream).sum(), inputs)
    torch.manual_seed(1)
    hard = estimator == "straight-through"
    draws = F.gumbel_softmax(quantizer.to_logits(tokens), temperature, hard=hard)
    theirs = draws @ quantizer.codebook
    their_gradients = torch.autograd.grad((theirs * upstream).sum(), inputs)

    torch.testing.assert_close(ours, theirs)
    for one, other in zip(our_gradients, their_gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_the_soft_gradient_passes_gradcheck_at_fixed_noise():
    quantizer = quantizer_at(0.7, estimator="soft", kl_weight=0.3).double()

    def value(tokens, codebook, weight):
        state = {"codebook": codebook, "to_logits.weight": weight}
        torch.manual_seed(1)
        # The loss is float32 whatever comes in, too coarse for finite differences.
        return torch.func.functional_call(quantizer, state, (tokens, 0)).quantized

    tokens = torch.randn(5, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        value, (tokens, quantizer.codebook, quantizer.to_logits.weight)
    )


def test_straight_through_gives_the_code_and_takes_the_gradient_of_the_relaxation():
    quantizer, tokens = quantizer_at(0.7), torch.randn(N, D, requires_grad=True)
    upstream = torch.randn(N, D)
    out = with_noise(1, quantizer, tokens, 0)
    assert torch.equal(out.quantized, quantizer.codebook[out.indices])
    (out.quantized * upstream).sum().backward()

    z = tokens.detach().requires_grad_()
    logits = quantizer.to_logits(z)
    soft = ((logits + with_noise(1, gumbel_noise, logits)) / 0.7).softmax(dim=1)
    ((soft @ quantizer.codebook.detach()) * upstream).sum().backward()
    torch.testing.assert_close(tokens.grad, z.grad)
    one_hot = F.one_hot(out.indices, K).float()
    torch.testing.assert_close(quantizer.codebook.grad, one_hot.T @ upstream)


@every_estimator
def test_codes_are_drawn_with_their_probabilities(estimator):
    quantizer = quantizer_at(0.5, estimator=estimator)
    token = torch.randn(1, D)
    probabilities = quantizer.to_logits(token).softmax(dim=1)[0]
    draws = quantizer(token.expand(20_000, D), step=0).indices
    shares = draws.bincount(minlength=K) / len(draws)
    error = (probabilities * (1 - probabilities) / len(draws)).sqrt()
    assert ((shares - probabilities).abs() < 5 * error).all()


def test_evaluation_takes_the_most_probable_code():
    quantizer, tokens = quantizer_at(5.0).eval(), torch.randn(N, D)
    expected = quantizer.to_logits(tokens).argmax(dim=1)
    assert torch.equal(quantizer(tokens).indices, expected)
    assert torch.equal(quantizer.assign(tokens), expected)


# The divergence


def test_the_divergence_equals_torchs():
    logits = torch.randn(200, K, dtype=torch.float64) * 3
    given = torch.distributions.Categorical(logits=logits)
    uniform = torch.distributions.Categorical(logits=torch.zeros(K).double())
    expected = torch.distributions.kl_divergence(given, uniform)
    torch.testing.assert_close(kl_to_uniform_prior(logits), expected)


@pytest.mark.parametrize("size", [0.0, 1e-4, 1e-2, 1.0, 100.0, 1e30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_divergence_is_never_negative(size, dtype):
    logits = (size * torch.randn(500, K, dtype=dtype)).requires_grad_()
    divergence = kl_to_uniform_prior(logits)
    divergence.sum().backward()
    assert (divergence >= 0).all()
    assert (divergence <= math.log(K) * (1 + 1e-6)).all()
    assert torch.isfinite(logits.grad).all()


def test_the_divergence_is_0_at_the_uniform_and_log_k_at_one_code():
    logits = torch.tensor([[5.0] * K, [1e4] + [0.0] * (K - 1)])
    found = kl_to_uniform_prior(logits)
    torch.testing.assert_close(found, torch.tensor([0.0, math.log(K)]))


def test_small_divergences_keep_their_digits_in_float32():
    """Half the variance of the logits, to the leading order."""
    logits = 1e-3 * torch.randn(100, K)
    expected = logits.double().var(dim=1, correction=0) / 2
    torch.testing.assert_close(
        kl_to_uniform_prior(logits).double(), expected, rtol=0.2, atol=1e-9
    )
    assert kl_to_uniform_prior(logits).min() > 0


@pytest.mark.parametrize("training", [True, False])
def test_the_loss_is_the_weighted_mean_divergence(training):
    quantizer = quantizer_at(1.0, kl_weight=0.3).train(training)
    tokens = torch.randn(N, D)
    p = quantizer.to_logits(tokens).softmax(dim=1)
    divergence = (p * (p * K).log()).sum(dim=1).mean()
    out = quantizer(tokens, step=0)
    torch.testing.assert_close(out.loss, 0.3 * divergence)
    torch.testing.assert_close(out.terms["kl"], divergence.detach())


# The temperature


def test_the_default_temperature_is_the_papers_schedule():
    quantizer, tokens = GumbelVQ(K, D), torch.randn(N, D)
    for step in (0, 1000, 6931, 6932, 10**6):
        found = quantizer(tokens, step=step).terms["temperature"].item()
        assert found == pytest.approx(max(0.5, math.exp(-1e-4 * step)))


def test_a_temperature_that_has_decayed_to_0_is_still_finite():
    quantizer = GumbelVQ(K, D, temperature=ExponentialDecay(1.0, 0.1), estimator="soft")
    tokens = torch.randn(N, D, requires_grad=True)
    out = quantizer(tokens, step=10**9)
    (out.quantized.sum() + out.loss).backward()
    assert torch.isfinite(out.quantized).all()
    assert torch.isfinite(tokens.grad).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"temperature": 0.5}, TypeError, r"temperature=0\.5 .*Constant\(0\.5\)"),
        ({"temperature": None}, TypeError, "temperature=None"),
        ({"kl_weight": -1.0}, ValueError, r"kl_weight=-1\.0 must be at least 0"),
        ({"estimator": "hard"}, ValueError, "estimator='hard' must be"),
        ({"num_codes": 1}, ValueError, "num_codes=1 must be at least 2"),
        ({"dim": 0}, ValueError, "dim=0 must be at least 1"),
    ],
)
def test_an_option_out_of_range_is_named(options, error, message):
    with pytest.raises(error, match=message):
        GumbelVQ(**{"num_codes": K, "dim": D, **options})


def test_a_schedule_that_turns_negative_is_refused():
    quantizer = GumbelVQ(K, D, temperature=lambda step: -0.5)
    with pytest.raises(ValueError, match=r"temperature=-0\.5 at step=3"):
        quantizer(torch.randn(N, D), step=3)

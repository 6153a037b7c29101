"""WassersteinVQ: every code is drawn to its share of the latents."""

import math

import pytest
import torch

from arcvq_lite import VQ, WassersteinVQ
from arcvq_lite.transport import entropic_transport

K, D, N = 8, 4, 40


def transport_by_hand(quantizer, tokens, weights):
    """The plan, and W_ε of mean squared distances by their definition."""
    cost = (tokens[:, None] - quantizer.codebook[None]).square().mean(dim=2)
    return entropic_transport(
        cost,
        torch.full_like(tokens[:, 0].detach(), 1 / len(tokens)),
        weights,
        epsilon=quantizer.epsilon * cost.detach().mean(),
        iterations=quantizer.iterations,
    )


@pytest.mark.parametrize("training", [True, False])
def test_the_loss_is_the_transport_cost_and_the_divergence_of_the_weights(training):
    quantizer = WassersteinVQ(K, D, transport_weight=0.7, weights_kl=0.2)
    quantizer.train(training)
    with torch.no_grad():
        quantizer.weight_logits.copy_(torch.randn(K))
    tokens, weights = torch.randn(N, D), quantizer.weights.detach()
    cost = transport_by_hand(quantizer, tokens, weights).value
    divergence = (weights * (weights * K).log()).sum()
    out = quantizer(tokens)
    torch.testing.assert_close(out.loss, 0.7 * cost + 0.2 * divergence)
    torch.testing.assert_close(out.terms["transport"], cost.detach())
    torch.testing.assert_close(out.terms["weights_kl"], divergence)
    error = (out.quantized - tokens).square().mean()
    torch.testing.assert_close(out.terms["codebook"], error)


def test_uniform_weights_are_no_parameter():
    quantizer, tokens = WassersteinVQ(K, D, weights_kl=None), torch.randn(N, D)
    assert [name for name, _ in quantizer.named_parameters()] == ["codebook"]
    cost = transport_by_hand(quantizer, tokens, torch.full((K,), 1 / K)).value
    out = quantizer(tokens)
    torch.testing.assert_close(out.loss, cost)
    assert out.terms["weights_kl"] == 0
    torch.testing.assert_close(quantizer.weights, torch.full((K,), 1 / K))


def test_the_gradients_are_those_of_a_transport_by_a_fixed_plan():
    """dW/dz_i = Σ_j P_ij 2 (z_i − e_j) / D, and its mirror for the codes."""
    quantizer = WassersteinVQ(K, D).double()
    tokens = torch.randn(N, D, dtype=torch.float64, requires_grad=True)
    weights = quantizer.weights.detach()
    plan = transport_by_hand(quantizer, tokens, weights).plan
    quantizer(tokens).loss.backward()
    pull = 2 / D * (tokens[:, None] - quantizer.codebook[None]) * plan[:, :, None]
    torch.testing.assert_close(tokens.grad, pull.sum(dim=1).detach())
    torch.testing.assert_close(quantizer.codebook.grad, -pull.sum(dim=0).detach())


def test_a_code_that_is_nearest_to_nothing_is_drawn_all_the_same():
    tokens = torch.randn(N, D)
    ours, plain = WassersteinVQ(K, D), VQ(K, D)
    for quantizer in (ours, plain):
        with torch.no_grad():
            quantizer.codebook.copy_(torch.randn(K, D))
            quantizer.codebook[0] = 50.0
        out = quantizer(tokens)
        out.loss.backward()
        assert 0 not in out.indices
    assert not plain.codebook.grad[0].any()
    assert (ours.codebook.grad[0] > 0).all()  # downhill is towards the latents


def used_after_training(quantizer, centres, shares, steps=150):
    """Codes used on clusters, from a codebook that lies in one far place."""
    torch.manual_seed(1)
    with torch.no_grad():
        quantizer.codebook.copy_(4 + 0.1 * torch.randn(K, D))
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=0.1)
    for _ in range(steps):
        chosen = torch.multinomial(shares, 128, replacement=True)
        tokens = centres[chosen] + 0.1 * torch.randn(128, D)
        optimizer.zero_grad()
        quantizer(tokens).loss.backward()
        optimizer.step()
    chosen = torch.multinomial(shares, 1000, replacement=True)
    indices = quantizer.eval().assign(centres[chosen] + 0.1 * torch.randn(1000, D))
    return indices.bincount(minlength=K)


def test_a_collapsed_codebook_spreads_where_plain_quantization_stays_collapsed():
    centres, equal = 2 * torch.randn(K, D), torch.full((K,), 1 / K)
    spread = used_after_training(WassersteinVQ(K, D, weights_kl=None), centres, equal)
    collapsed = used_after_training(VQ(K, D), centres, equal)
    assert (spread > 0).all()
    assert (collapsed > 0).sum() <= K / 2


def test_trained_weights_follow_the_shares_of_the_clusters_unless_held():
    centres = 3 * torch.randn(2, D)
    shares = torch.tensor([0.9, 0.1])
    found = {}
    for weights_kl in (0.0, 1e3):
        quantizer = WassersteinVQ(2, D, weights_kl=weights_kl)
        with torch.no_grad():
            quantizer.codebook.copy_(centres)
        optimizer = torch.optim.SGD([quantizer.weight_logits], lr=1e-3)
        if weights_kl == 0:
            optimizer = torch.optim.Adam([quantizer.weight_logits], lr=0.05)
        for _ in range(100):
            tokens = centres[torch.multinomial(shares, 100, replacement=True)]
            optimizer.zero_grad()
            quantizer(tokens + 0.1 * torch.randn(100, D)).loss.backward()
            optimizer.step()
        found[weights_kl] = quantizer.weights[0].item()
    assert found[0.0] == pytest.approx(0.9, abs=0.05)
    assert found[1e3] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("scale", [1e-3, 30.0, 1e6])
def test_the_plan_does_not_see_the_scale_of_the_latents(scale):
    quantizer, tokens = WassersteinVQ(K, D).double(), torch.randn(N, D).double()
    before = quantizer(tokens).terms["transport"]
    with torch.no_grad():
        quantizer.codebook.mul_(scale)
    after = quantizer(scale * tokens).terms["transport"]
    torch.testing.assert_close(after, scale**2 * before)


def test_everything_at_one_point_costs_nothing():
    quantizer = WassersteinVQ(K, D)
    with torch.no_grad():
        quantizer.codebook.zero_()
    tokens = torch.zeros(N, D, requires_grad=True)
    out = quantizer(tokens)
    out.loss.backward()
    assert out.loss == 0
    assert not tokens.grad.any()
    assert not quantizer.codebook.grad.any()


def test_the_default_iterations_balance_a_batch_of_spread_latents():
    """Shares of the rows within 0.1 %, at the default ε, for 1,024 latents."""
    quantizer, tokens = WassersteinVQ(128, 16), torch.randn(1024, 16)
    plan = transport_by_hand(quantizer, tokens, torch.full((128,), 1 / 128)).plan
    torch.testing.assert_close(
        1024 * plan.sum(dim=1), torch.ones(1024), rtol=0, atol=1e-3
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transport_weight": -1.0}, r"transport_weight=-1\.0 must be at least 0"),
        ({"weights_kl": -1.0}, r"weights_kl=-1\.0 must be at least 0"),
        ({"epsilon": 0.0}, r"epsilon=0\.0 must be above 0"),
        ({"epsilon": math.inf}, "epsilon=inf must be"),
        ({"iterations": 0}, "iterations=0 must be at least 1"),
        ({"num_codes": 1}, "num_codes=1 must be at least 2"),
        ({"dim": 0}, "dim=0 must be at least 1"),
    ],
)
def test_an_option_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        WassersteinVQ(**{"num_codes": K, "dim": D, **options})

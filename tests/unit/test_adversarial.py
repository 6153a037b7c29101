"""The hinge losses and the adaptive weight."""

import pytest
import torch

from arcvq_lite.adversarial import (
    adaptive_weight,
    balance,
    hinge_critic_loss,
    hinge_generator_loss,
)


def test_hinge_losses_recomputed_by_hand():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 1.0])
    assert hinge_generator_loss(fake).item() == pytest.approx(2 / 3)
    expected = ((0 + 0.5 + 2) / 3 + (0 + 1 + 2) / 3) / 2
    assert hinge_critic_loss(real, fake).item() == pytest.approx(expected)


def test_scores_that_are_good_enough_have_no_gradient():
    real = torch.tensor([1.5, 0.0], requires_grad=True)
    fake = torch.tensor([-1.5, 0.0], requires_grad=True)
    hinge_critic_loss(real, fake).backward()
    assert real.grad.tolist() == [0.0, -0.25]
    assert fake.grad.tolist() == [0.0, 0.25]


def test_losses_of_bfloat16_scores_are_taken_in_float32():
    scores = torch.tensor([1 / 3, 1 / 5, 1 / 7], dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        losses = hinge_generator_loss(scores), hinge_critic_loss(scores, scores)
    exact = scores.float()
    for loss, expected in zip(
        losses,
        (hinge_generator_loss(exact), hinge_critic_loss(exact, exact)),
        strict=True,
    ):
        assert loss.dtype == torch.float32
        assert torch.equal(loss, expected)


def test_the_weight_makes_both_pulls_equally_strong():
    at = torch.randn(5, requires_grad=True)
    reconstruction, gan = (at * 3).sum(), (at * torch.tensor([4.0, 3, 0, 0, 0])).sum()
    weight = adaptive_weight(reconstruction, gan, at)
    assert weight.item() == pytest.approx(3 * 5**0.5 / (5 + 1e-4))
    assert not weight.requires_grad
    assert at.grad is None
    (reconstruction + weight * gan).backward()  # both graphs are still there


@pytest.mark.parametrize(
    ("reconstruction", "gan", "expected"),
    [(1.0, 0.0, 1e4), (0.5e-4, 0.0, 0.5), (0.0, 1.0, 0.0), (1.0, 1e-4, 5e3)],
)
def test_epsilon_and_bound_are_the_official_ones(reconstruction, gan, expected):
    weight = balance(torch.tensor(reconstruction), torch.tensor(gan))
    assert weight.item() == pytest.approx(expected)

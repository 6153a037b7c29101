"""The two losses of the game, each recomputed from its formula."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from arcvq_lite import ArcVQ, Reconstruction
from arcvq_lite.objective import VQGANObjective, without_critic

START = 10


class Squares(nn.Module):
    """A perceptual distance that can be computed by hand."""

    term = "squares"

    def forward(self, images, others):
        return (images - others).square().mean(dim=(1, 2, 3), keepdim=True)


@pytest.fixture
def images():
    return torch.randn(3, 3, 8, 8)


@pytest.fixture
def layer():
    return nn.Conv2d(4, 3, 3, padding=1)


@pytest.fixture
def output(layer):
    quantized = ArcVQ(8, 4)(torch.randn(3, 4, 8, 8, requires_grad=True), step=5)
    return Reconstruction(layer(quantized.quantized), quantized)


def critic(images):
    return images.square().sum(dim=1, keepdim=True) - 1


def losses_at(step, images, output, layer, **options):
    objective = VQGANObjective(critic_start=START, **options)
    return objective.generator_losses(
        images, output, critic(output.reconstruction), step, last_layer=layer.weight
    )


def weight_by_hand(nll, gan, weight):
    nll, gan = (
        torch.autograd.grad(term, weight, retain_graph=True)[0].norm()
        for term in (nll, gan)
    )
    return nll / (gan + 1e-4)


def test_the_defaults_are_the_official_imagenet_numbers():
    assert VQGANObjective() == VQGANObjective(None, 1.0, 250_001, 0.8)
    with pytest.raises(dataclasses.FrozenInstanceError):
        VQGANObjective().critic_start = 0


def test_the_autoencoders_loss_is_the_sum_of_its_parts(images, output, layer):
    losses = losses_at(
        START, images, output, layer, perceptual=Squares(), perceptual_weight=0.5
    )
    difference = images - output.reconstruction
    nll = difference.abs().mean() + 0.5 * difference.square().mean()
    gan = -critic(output.reconstruction).mean()
    weight = 0.8 * weight_by_hand(nll, gan, layer.weight)
    total = nll + output.quantized.loss + weight * gan
    terms = losses.terms
    torch.testing.assert_close(losses.total, total)
    torch.testing.assert_close(terms["total"], total.detach())
    torch.testing.assert_close(terms["nll"], nll.detach())
    torch.testing.assert_close(terms["l1"], difference.abs().mean().detach())
    torch.testing.assert_close(terms["squares"], difference.square().mean().detach())
    torch.testing.assert_close(terms["gan"], gan.detach())
    torch.testing.assert_close(terms["adaptive_weight"], weight.detach())
    assert torch.equal(terms["quantizer"], output.quantized.loss.detach())
    assert terms.items() >= output.quantized.terms.items()


def test_every_term_is_a_detached_scalar(images, output, layer):
    losses = losses_at(START, images, output, layer)
    judged = VQGANObjective().critic_losses(critic(images), critic(images), 0)
    for value in (*losses.terms.values(), *judged.terms.values()):
        assert value.shape == ()
        assert not value.requires_grad


def test_before_the_critic_starts_nothing_of_it_counts(images, output, layer):
    early = losses_at(START - 1, images, output, layer)
    objective = VQGANObjective()
    alone = without_critic(
        objective.reconstruction_losses(images, output.reconstruction),
        output.quantized,
    )
    assert torch.equal(early.total, alone.total)
    assert early.terms["adaptive_weight"] > 0  # computed and logged all the same
    assert "gan" not in alone.terms
    assert losses_at(START, images, output, layer).total != alone.total


def test_without_a_perceptual_distance_there_is_no_term_of_it(images):
    terms = VQGANObjective().reconstruction_losses(images, images + 0.5).terms
    assert terms.keys() == {"nll", "l1"}
    assert terms["nll"].item() == pytest.approx(0.5)


@pytest.mark.parametrize(("step", "factor"), [(START - 1, 0), (START, 1)])
def test_the_critics_loss(step, factor):
    real, fake = torch.randn(2, 1, 4, 4), torch.randn(2, 1, 4, 4)
    losses = VQGANObjective(critic_start=START).critic_losses(real, fake, step)
    hinge = (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2
    torch.testing.assert_close(losses.total, factor * hinge)
    torch.testing.assert_close(losses.terms["critic"], factor * hinge)
    torch.testing.assert_close(losses.terms["score_real"], real.mean())
    torch.testing.assert_close(losses.terms["score_fake"], fake.mean())


def test_the_watch_sees_every_loss_and_changes_none(images, output, layer):
    seen = []

    def watch(total, terms):
        seen.append((total, terms))

    losses = losses_at(START, images, output, layer, watch=watch)
    judged = VQGANObjective(watch=watch).critic_losses(critic(images), images, 0)
    (nll, first), *rest = seen
    assert torch.equal(nll.detach(), first["nll"])
    assert "total" not in first
    assert [id(total) for total, _ in rest] == [id(losses.total), id(judged.total)]
    assert [terms for _, terms in rest] == [losses.terms, judged.terms]
    unwatched = losses_at(START, images, output, layer)
    assert torch.equal(losses.total, unwatched.total)


def test_a_watch_that_refuses_comes_before_the_walk_to_the_last_layer(
    images, output, layer, monkeypatch
):
    walked = []
    monkeypatch.setattr(torch.autograd, "grad", lambda *_, **__: walked.append(1))

    def refuse(total, terms):
        raise FloatingPointError("no number")

    with pytest.raises(FloatingPointError):
        losses_at(START, images, output, layer, watch=refuse)
    assert walked == []


def test_losses_of_bfloat16_images_are_taken_in_float32(images):
    others = torch.randn_like(images).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        losses = VQGANObjective().reconstruction_losses(images, others)
    assert losses.total.dtype == torch.float32
    assert torch.equal(losses.total, (images - others.float()).abs().mean())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"critic_weight": -0.1}, "critic_weight=-0.1 must be at least 0"),
        ({"perceptual_weight": float("nan")}, "perceptual_weight=nan must be"),
        ({"critic_start": -1}, "critic_start=-1 must be at least 0"),
    ],
)
def test_an_option_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        VQGANObjective(**options)

"""Arms: paired by their seed, composed as they are called, and controls that are."""

import math

import pytest
import torch
from small_studies import ARMS, MARGIN, study_of, trained, tree, weights_of
from torch.nn import functional as F

from arcvq_lite.data.order import ShuffledOrder
from arcvq_lite.losses import ArcMarginLoss, arc_margin_loss
from arcvq_lite.study import single_run
from arcvq_lite.study.arms import build_model, plan_run
from arcvq_lite.study.controls import SwappedAxisMargin


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path, tree(tuple(ARMS)))


def model_of(study, arm, seed=0):
    return build_model(plan_run(study, arm, seed), channels=1)


def quantizer_of(folder, arm, steps=20):
    study = study_of(folder, tree({"a": arm, "b": {}}, steps=steps))
    return model_of(study, "a").quantizer


# Pairs


@pytest.mark.parametrize("arm", ARMS)
def test_arms_of_one_seed_begin_with_the_same_encoder_and_decoder(study, arm):
    one, other = model_of(study, "cosine"), model_of(study, arm)
    for part in ("encoder", "decoder"):
        ours, theirs = weights_of(getattr(one, part)), weights_of(getattr(other, part))
        assert torch.equal(ours, theirs)


# The published methods of these draw their codes from a normal distribution.
NORMAL = {"gumbel", "sq"}


@pytest.mark.parametrize("arm", sorted(ARMS.keys() - NORMAL))
def test_arms_of_one_seed_begin_with_the_same_directions_of_the_codes(study, arm):
    one = F.normalize(model_of(study, "cosine").quantizer.codebook, dim=1)
    other = F.normalize(model_of(study, arm).quantizer.codebook, dim=1)
    torch.testing.assert_close(one, other)


def test_seeds_begin_differently(study):
    one, other = model_of(study, "cosine", 0), model_of(study, "cosine", 1)
    assert not torch.equal(weights_of(one.encoder), weights_of(other.encoder))
    assert not torch.equal(one.quantizer.codebook, other.quantizer.codebook)


def test_building_leaves_the_global_random_state_as_it_was(study):
    before = torch.get_rng_state()
    model_of(study, "ema")
    assert torch.equal(before, torch.get_rng_state())


def test_arms_of_one_seed_see_the_same_batches_in_the_same_order(study, monkeypatch):
    class Noted(ShuffledOrder):
        def indices(self, step):
            found = super().indices(step)
            seen[-1].append(found.tolist())
            return found

    seen = []
    monkeypatch.setattr(single_run, "ShuffledOrder", Noted)
    for arm, seed in (("vanilla", 0), ("ema", 0), ("both", 0), ("both", 1)):
        seen.append([])
        trained(study, arm, seed)
    assert len(seen[0]) == 20
    assert seen[0] == seen[1] == seen[2] != seen[3]


# Compositions


def test_a_radius_that_is_fixed_stays_at_what_it_has_reached(tmp_path):
    arm = {**ARMS["ball"], "radius_fixed_after": 0.25, "clock": "paper"}
    radius = quantizer_of(tmp_path, arm, steps=400).radius
    assert radius(50) == math.exp(3e-4 * 50)
    assert {radius(step) for step in (100, 101, 399)} == {math.exp(3e-4 * 100)}


def test_a_margin_that_is_dropped_has_no_weight_any_more(tmp_path):
    arm = {**ARMS["margin"], "margin_dropped_after": 0.5, "clock": "paper"}
    weight = quantizer_of(tmp_path, arm, steps=400).margin_weight
    assert weight(199) == math.exp(-5e-4 * 199)
    assert {weight(step) for step in (200, 399)} == {0.0}


def test_dropping_the_margin_changes_nothing_before_and_something_after(tmp_path):
    kept = {"quantizer": {"margin": {**MARGIN, "decay": 0.0}}}
    arms = {"kept": kept, "dropped": {**kept, "margin_dropped_after": 0.4}}
    study = study_of(tmp_path, tree(arms))
    one, other = trained(study, "kept"), trained(study, "dropped")
    assert one.steps[0] == 8
    assert one["psnr"][0] == other["psnr"][0]
    assert one["psnr"][-1] != other["psnr"][-1]


def test_a_ball_that_outruns_the_codes_is_no_ball_bit_for_bit(study):
    outrun, none = trained(study, "outrun"), trained(study, "cosine")
    for measure in ("psnr", "usage", "norm_max", "code_angle", "train_total"):
        assert outrun[measure] == none[measure]
    assert outrun.final("ball_binding") == 0.0


# Controls


@pytest.fixture
def latents_and_codes():
    return torch.randn(11, 4, requires_grad=True), torch.randn(6, 4, requires_grad=True)


def test_the_swapped_axis_is_cross_entropy_over_the_codes(latents_and_codes):
    latents, codebook = latents_and_codes
    loss = SwappedAxisMargin(ArcMarginLoss(5.0, 0.1, top_k=1))(latents, codebook)
    cosine = F.normalize(latents, dim=1) @ F.normalize(codebook, dim=1).T
    label = cosine.argmax(dim=1)
    angle = cosine.acos() + 0.1 * F.one_hot(label, num_classes=6)
    by_hand = F.cross_entropy(5.0 * angle.cos(), label)
    torch.testing.assert_close(loss, by_hand)


@pytest.mark.parametrize("top_k", [1, 3])
def test_the_swapped_axis_is_the_papers_loss_with_the_roles_exchanged(
    latents_and_codes, top_k
):
    latents, codebook = latents_and_codes
    options = ArcMarginLoss(5.0, 0.2, top_k)
    exchanged = arc_margin_loss(codebook, latents, scale=5.0, margin=0.2, top_k=top_k)
    loss = SwappedAxisMargin(options)(latents, codebook)
    torch.testing.assert_close(loss, exchanged)
    assert not torch.isclose(loss, options(latents, codebook))


def test_the_swapped_axis_moves_the_latents_alone(latents_and_codes):
    latents, codebook = latents_and_codes
    SwappedAxisMargin(ArcMarginLoss(top_k=1))(latents, codebook).backward()
    assert latents.grad.abs().sum() > 0
    assert codebook.grad is None


def test_the_swapped_axis_takes_channel_first_latents(latents_and_codes):
    latents, codebook = latents_and_codes
    grid = latents.detach().T.reshape(1, 4, 11)
    loss = SwappedAxisMargin(ArcMarginLoss(top_k=2))
    torch.testing.assert_close(loss(grid, codebook), loss(latents, codebook))


def test_a_swapped_arm_differs_from_the_margin_in_that_loss_alone(study):
    swapped = model_of(study, "swapped").quantizer
    assert isinstance(swapped.margin, SwappedAxisMargin)
    assert swapped.margin.options == model_of(study, "margin").quantizer.margin


def test_a_frozen_codebook_never_changes(study, monkeypatch):
    built = []

    def build(*given):
        built.append(build_model(*given))
        return built[-1]

    monkeypatch.setattr(single_run, "build_model", build)
    history = trained(study, "frozen")
    trained(study, "cosine")
    frozen, learnt = (model.quantizer.codebook for model in built)
    start = model_of(study, "frozen").quantizer.codebook
    assert torch.equal(frozen, start)
    assert not torch.equal(learnt, start)
    assert len(set(history["psnr"])) == len(history.steps)

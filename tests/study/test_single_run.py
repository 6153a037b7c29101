"""One run: its bits, its measures, and what stops it."""

import math

import numpy as np
import pytest
import torch
from small_studies import ARMS, held_out_images, study_of, trained, tree

from arcvq_lite import ArcMarginLoss, ArcVQ, ConstantRadius, ExponentialRadius
from arcvq_lite.evaluation.evaluate import evaluate_images
from arcvq_lite.geometry import codebook_geometry
from arcvq_lite.layout import to_tokens
from arcvq_lite.models import VQVAE
from arcvq_lite.study.alignment import gradient_alignment
from arcvq_lite.study.ball_watch import BallWatch
from arcvq_lite.study.measures import Instruments
from arcvq_lite.study.options import ScoreOptions
from arcvq_lite.training.divergence import DivergenceError


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path, tree(tuple(ARMS)))


@pytest.mark.parametrize("arm", ["gumbel", "both"])
def test_a_run_is_the_same_bit_for_bit_whatever_was_drawn_before(study, arm):
    once = trained(study, arm)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = trained(study, arm)
    assert again == once
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.are_deterministic_algorithms_enabled()


def test_every_update_is_told_and_every_row_is_logged(study):
    said = []
    history = trained(study, "cosine", said=said.append)
    assert said == list(range(1, 21))
    assert history.steps == [8, 16, 20]


def test_a_run_learns(study):
    history = trained(study, "cosine")
    assert history["psnr"][-1] > history["psnr"][0] + 0.5
    assert history["train_reconstruction"][-1] < history["train_reconstruction"][0]


def test_a_loss_that_is_no_number_is_named_with_its_step(tmp_path):
    arms = {"bad": {"quantizer": {"commitment_weight": 1e38}}, "cosine": {}}
    with pytest.raises(DivergenceError, match=r"step \d+: .*not finite"):
        trained(study_of(tmp_path, tree(arms)), "bad")


# Measures


@pytest.fixture
def model():
    quantizer = ArcVQ(8, 4, margin=ArcMarginLoss(5.0, 0.1, 2))
    return VQVAE(1, quantizer, hidden=8, residual_layers=1, residual_hidden=4)


def test_the_measures_are_of_the_whole_held_out_set(model):
    held_out = held_out_images()
    row = Instruments(held_out).measure(model)
    scores = evaluate_images(model, [held_out]).scores
    for name in ("psnr", "ssim", "l1", "usage", "perplexity"):
        assert row[name] == pytest.approx(scores[name])
    assert "lpips" not in row
    assert "rfid" not in row


def test_the_measures_are_of_the_codebook(model):
    with torch.no_grad():
        model.quantizer.codebook.mul_(torch.linspace(0.5, 2, 8)[:, None])
    row = Instruments(held_out_images()).measure(model)
    geometry = codebook_geometry(model.quantizer.codebook)
    norms = geometry.norms.detach().numpy()
    assert row["code_angle"] == pytest.approx(geometry.mean_nearest_angle)
    for name, share in (("norm_min", 0), ("norm_p25", 0.25), ("norm_max", 1)):
        assert row[name] == pytest.approx(np.quantile(norms, share), rel=1e-6)


def test_the_measures_are_of_the_latents(model):
    held_out = held_out_images()[:16]
    row = Instruments(held_out).measure(model)
    with torch.no_grad():
        latents = model.latents(held_out)
        codes = to_tokens(model.quantizer.embed(model.quantizer.assign(latents)))
        cosine = torch.cosine_similarity(to_tokens(latents), codes, dim=1)
    degrees = math.degrees(cosine.acos().mean())
    assert row["angle_to_code"] == pytest.approx(degrees, rel=1e-4)


def test_measuring_changes_nothing_of_a_model(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Instruments(held_out_images()).measure(model)
    assert all(torch.equal(before[name], v) for name, v in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())


def test_networks_score_where_weights_are_given(model):
    pytest.importorskip("lpips")
    pytest.importorskip("torch_fidelity")
    large = torch.rand(4, 1, 16, 16) * 2 - 1
    scores = ScoreOptions(lpips_weights="random", fid_weights="random")
    row = Instruments.of(large, scores).measure(model)
    assert {"random_perceptual", "random_frechet"} <= row.keys()


# The ball


def test_the_ball_binds_at_the_steps_at_which_a_code_is_rescaled():
    quantizer = ArcVQ(4, 3, radius=ConstantRadius(1.0), margin=None)
    watch = BallWatch(quantizer)
    watch.look(0)  # on the ball by their making, and not moved
    with torch.no_grad():
        quantizer.codebook[0] *= 1.5
        quantizer.codebook[1] *= 0.5
    watch.look(1)
    assert watch.row() == {"ball_binding": 0.5, "ball_codes": 0.125}


def test_looking_at_the_ball_moves_no_code():
    quantizer = ArcVQ(4, 3, radius=ConstantRadius(0.1), margin=None)
    before = quantizer.codebook.detach().clone()
    BallWatch(quantizer).look(0)
    assert torch.equal(before, quantizer.codebook)


def test_there_is_nothing_to_say_of_no_ball():
    watch = BallWatch(ArcVQ(4, 3, radius=None, margin=None))
    watch.look(0)
    assert watch.row() == {}


def test_a_growing_ball_is_asked_at_its_step():
    quantizer = ArcVQ(4, 3, radius=ExponentialRadius(0.1), margin=None)
    with torch.no_grad():
        quantizer.codebook *= 1.5
    watch = BallWatch(quantizer)
    watch.look(10)  # M = e
    assert watch.row()["ball_binding"] == 0
    watch.look(1)  # M = 1.1
    assert watch.row()["ball_binding"] == 0.5


def test_a_ball_that_is_smaller_than_the_codes_binds_at_every_step_of_a_run(study):
    history = trained(study, "shrinking")
    assert history.final("ball_binding") > 0.9
    assert history.final("norm_max") < 0.5


# Gradients


def test_the_alignment_is_that_of_the_gradients_by_hand(model):
    images = held_out_images()[:4]
    row = gradient_alignment(model, images)
    latents = model.latents(images).detach().requires_grad_()
    quantizer = model.quantizer
    codes = quantizer.embed(quantizer.assign(latents)).detach()
    one = torch.autograd.grad(quantizer.margin(latents, quantizer.codebook), latents)
    other = torch.autograd.grad((codes - latents).square().mean(), latents)
    cosine = torch.cosine_similarity(
        to_tokens(one[0]).double(), to_tokens(other[0]).double(), dim=1, eps=1e-30
    )
    assert row["margin_commitment_cosine"] == pytest.approx(cosine.mean().item())
    opposed = (cosine < 0).double().mean().item()
    assert row["margin_commitment_opposed"] == opposed


def test_a_margin_against_the_commitment_is_seen_as_such(model):
    """With the commitment itself in the margin's place, and with its negative."""

    class Commitment:
        def __init__(self, sign):
            self.sign = sign

        def __call__(self, latents, codebook):
            codes = model.quantizer.embed(model.quantizer.assign(latents)).detach()
            return self.sign * (codes - latents).square().mean()

    for sign, opposed in ((1.0, 0.0), (-1.0, 1.0)):
        model.quantizer.margin = Commitment(sign)
        row = gradient_alignment(model, held_out_images()[:4])
        assert row["margin_commitment_cosine"] == pytest.approx(sign)
        assert row["margin_commitment_opposed"] == opposed


def test_without_a_margin_there_is_no_alignment(study):
    history = trained(study, "ball")
    assert not [name for name in history.names if name.startswith("margin_")]

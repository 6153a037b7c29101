"""The scores of a set: right, complete about what was done, and pure."""

import json
import math
import platform

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from small_models import Echo, pictures, vqgan, vqvae

from arcvq_lite.evaluation import (
    evaluate_images,
    paper_protocol,
    random_extractor,
)
from arcvq_lite.perceptual import PerceptualDistance


def scores_of(model, images, **options):
    return evaluate_images(model, [images], **options).scores


def in_unit(images):
    return (images.double() + 1) / 2


# Each score, recomputed


def test_both_psnrs_are_those_of_the_definition():
    images = pictures(3) * 0.5
    shifts = torch.tensor([0.02, 0.1, 0.3]).view(3, 1, 1, 1)
    scores = scores_of(Echo(lambda shown: shown + shifts), images)
    errors = (shifts.flatten().double() / 2).square()  # on [0, 1]
    expected = -10 * errors.log10()
    assert scores["psnr"] == pytest.approx(expected.mean().item(), rel=1e-6)
    assert scores["psnr_of_mean_error"] == pytest.approx(
        -10 * errors.mean().log10().item(), rel=1e-6
    )
    assert scores["psnr"] > scores["psnr_of_mean_error"] + 1


def test_a_perfect_image_counts_as_a_hundred_decibels():
    scores = scores_of(Echo(), pictures(2))
    assert scores["psnr"] == scores["psnr_of_mean_error"] == 100
    assert scores["ssim"] == pytest.approx(1, abs=1e-6)
    assert scores["l1"] == 0


def test_l1_is_of_values_between_0_and_1():
    images = pictures(2) * 0.5
    scores = scores_of(Echo(lambda shown: shown - 0.25), images)
    assert scores["l1"] == pytest.approx(0.125, rel=1e-6)


def test_what_lies_beyond_black_and_white_is_cut_before_it_is_scored():
    white = torch.ones(2, 3, 32, 32)
    assert scores_of(Echo(lambda shown: shown + 3), white)["l1"] == 0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_ssim_is_scikit_images(channels, protocol):
    images = pictures(4, channels)
    noise = 0.2 * torch.randn(images.shape)
    windows = {
        "clean": {"gaussian_weights": True, "sigma": 1.5},
        "paper": {"win_size": 11},
    }
    found = scores_of(Echo(lambda shown: shown + noise), images, protocol=protocol)
    others = (images + noise).clamp(-1, 1)
    if protocol == "paper":
        shown = paper_protocol().shown
        images, others = shown(images), shown(others)
    expected = [
        structural_similarity(
            one.permute(1, 2, 0).numpy(),
            other.permute(1, 2, 0).numpy(),
            data_range=1,
            channel_axis=2,
            use_sample_covariance=False,  # the factor that the result tells
            **windows[protocol],
        )
        for one, other in zip(in_unit(images), in_unit(others), strict=True)
    ]
    assert found["ssim"] == pytest.approx(np.mean(expected), abs=1e-5)
    assert 0.05 < found["ssim"] < 0.95


def test_usage_is_of_the_whole_set_and_not_a_mean_of_batches():
    model, images = vqvae(), pictures(9)
    found = evaluate_images(model, images.split(2))
    counts = model.encode(images).flatten().bincount(minlength=16).double()
    share = counts / counts.sum()
    assert found.tokens == 9 * 64
    assert found.scores["usage"] == (counts > 0).double().mean()
    expected = torch.special.entr(share).sum().exp().item()
    assert found.scores["perplexity"] == pytest.approx(expected, rel=1e-12)
    one = evaluate_images(model, [images[:1]]).scores
    assert one["perplexity"] != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("make", [vqvae, vqgan])
def test_how_the_set_is_cut_into_batches_changes_nothing(make):
    model, images = make(), pictures(7)
    options = {"fid": random_extractor()}
    whole = scores_of(model, images, **options)
    parts = evaluate_images(model, images.split([1, 4, 2]), **options).scores
    assert parts == pytest.approx(whole, rel=1e-6)


# What random networks give is not called by the name of what trained ones give


@pytest.fixture(scope="module")
def untrained():
    return PerceptualDistance("random")


def test_scores_of_random_networks_have_names_of_their_own(untrained):
    found = evaluate_images(
        vqvae(), [pictures(4)], lpips=untrained, fid=random_extractor()
    )
    assert {"random_perceptual", "random_frechet"} < found.scores.keys()
    assert not {"lpips", "rfid"} & found.scores.keys()
    assert found.not_computed == {
        "lpips": "needs weights: --lpips_weights PATH",
        "rfid": "needs weights: --fid_weights PATH",
    }


def test_the_perceptual_distance_is_the_mean_over_the_images(untrained):
    model, images = vqvae().eval(), pictures(4)
    found = evaluate_images(model, images.split(3), lpips=untrained).scores
    expected = untrained(images, model(images).reconstruction.clamp(-1, 1)).mean()
    assert found["random_perceptual"] == pytest.approx(expected.item(), rel=1e-5)


# What was done is told


def test_the_json_tells_everything_that_was_done(untrained):
    fid = random_extractor()
    found = evaluate_images(
        vqvae(), [pictures(4)], lpips=untrained, fid=fid, data="four pictures"
    )
    told = json.loads(found.to_json())
    assert told["images"] == 4
    assert told["image_shape"] == [3, 32, 32]
    assert (told["tokens"], told["num_codes"], told["processes"]) == (256, 16, 1)
    assert told["protocol"]["name"] == "clean"
    assert told["protocol"]["rfid_levels"] == "rounded to uint8"
    measure = told["measures"]["random_frechet"]
    assert measure["samples"] == 4
    assert "four pictures" in measure["reference"]
    assert measure["sha256"] == fid.facts["sha256"]
    assert len(told["measures"]["random_perceptual"]["sha256_of_tensors"]) == 64
    assert told["versions"]["python"] == platform.python_version()
    assert told["versions"]["torch"] == torch.__version__
    assert told["scores"] == found.scores


def test_other_weights_have_another_hash():
    one, other = vqvae(), vqvae()
    other.decoder[0].bias.data[0] += 1e-3
    a, b = (evaluate_images(m, [pictures(1)]).model for m in (one, other))
    assert a["sha256_of_tensors"] != b["sha256_of_tensors"]
    assert a["codebook_sha256"] == b["codebook_sha256"]


def test_the_table_names_every_score_and_what_is_missing():
    found = evaluate_images(vqvae(), [pictures(2)], data="two pictures")
    lines = found.table().splitlines()
    assert [line.split()[0] for line in lines[:-1]] == [
        *found.scores,
        *found.not_computed,
    ]
    assert "needs weights: --fid_weights PATH" in found.table()
    assert "2 images 3×32×32 of two pictures, 128 tokens of K = 16" in lines[-1]


# Pure, and clear about what it refuses


def test_evaluation_changes_nothing_in_the_model():
    model = vqgan()
    model.decoder.eval()
    modes = [part.training for part in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    evaluate_images(model, [pictures(2)], fid=random_extractor())
    assert [part.training for part in model.modules()] == modes
    assert all(torch.equal(before[n], v) for n, v in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_one_image_has_no_covariance():
    found = evaluate_images(Echo(), [pictures(1)], fid=random_extractor())
    assert found.not_computed["random_frechet"] == "needs at least 2 images, got 1"


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "no image"),
        ([torch.zeros(3, 16, 16)], r"\(b, C, H, W\)"),
        ([torch.zeros(0, 3, 16, 16)], "not empty"),
        ([torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 20)], "of one shape"),
        ([torch.full((1, 3, 16, 16), 255.0)], r"\[255, 255\]"),
        ([torch.full((1, 3, 16, 16), math.nan)], "nan"),
        ([torch.zeros(1, 3, 8, 8)], "SSIM"),
    ],
)
def test_batches_that_cannot_be_scored_are_refused(batches, message):
    with pytest.raises(ValueError, match=message):
        evaluate_images(Echo(), batches)


def test_a_model_that_gives_nan_is_refused():
    with pytest.raises(ValueError, match="NaN or infinity"):
        evaluate_images(Echo(lambda shown: shown / 0), [pictures(1)])


def test_an_unknown_protocol_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'papr' must be one of clean, paper"):
        evaluate_images(Echo(), [pictures(1)], protocol="papr")

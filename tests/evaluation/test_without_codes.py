"""A model without codes: scored by its mean directions, and refused as a tokenizer."""

import json

import pytest
import torch
from small_models import hyperspherical_vae, pictures, save_image, vqvae
from test_tokens import levels_of

from arcvq_lite import cli
from arcvq_lite.evaluation import evaluate_images, reconstruct
from arcvq_lite.training.run_folder import load_trained
from arcvq_lite.von_mises_fisher import kl_to_uniform


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "sphere"
    words = f"train --config photos_hyperspherical_vae --run.folder {folder} "
    words += "--run.steps 1 --hyperspherical_vae.hidden 8 --run.device cpu"
    assert cli.main(words.split()) == 0
    return folder


def arcvq(capsys, *words):
    status = cli.main([str(word) for word in words])
    written = capsys.readouterr()
    return status, written.out, written.err


# Scores


def test_scores_are_those_of_the_mean_directions():
    model, images = hyperspherical_vae(), pictures(5)
    state = torch.get_rng_state()
    found = evaluate_images(model, images.split(2))
    assert torch.equal(torch.get_rng_state(), state)
    model.eval()
    shown = model.decode(model.encode(images)).clamp(-1, 1)
    error = ((shown - images) / 2).double().square().mean(dim=(1, 2, 3))
    assert found.scores["psnr"] == pytest.approx(
        (-10 * error.log10()).mean().item(), rel=1e-6
    )
    kappa = model.posterior(images)[1]
    assert found.scores["concentration"] == pytest.approx(kappa.mean().item(), rel=1e-6)
    assert found.scores["kl"] == pytest.approx(
        kl_to_uniform(kappa, model.dim).mean().item(), rel=1e-6
    )


def test_what_it_has_not_is_not_told():
    found = evaluate_images(hyperspherical_vae(), [pictures(2)], data="two pictures")
    assert not {"usage", "perplexity", "entropy"} & found.scores.keys()
    told = json.loads(found.to_json())
    assert (told["tokens"], told["num_codes"]) == (0, None)
    assert told["model"].keys() == {"kind", "sha256_of_tensors"}
    assert told["model"]["kind"] == "HypersphericalVAE"
    *_, last = found.table().splitlines()
    assert "of two pictures, mean directions, no codes, protocol clean" in last
    coded = evaluate_images(vqvae(), [pictures(2)])
    assert not {"kl", "concentration"} & coded.scores.keys()


def test_how_the_set_is_cut_into_batches_changes_nothing():
    model, images = hyperspherical_vae(), pictures(7)
    whole = evaluate_images(model, [images]).scores
    parts = evaluate_images(model, images.split([1, 4, 2])).scores
    assert parts == pytest.approx(whole, rel=1e-6)


# Side by side


def test_a_picture_stands_beside_its_concentrations_and_reconstruction(tmp_path):
    model, image = hyperspherical_vae(), pictures(1, height=32, width=48)
    path = save_image(image[0], tmp_path / "picture.png")
    told = reconstruct(model, path, tmp_path / "out.png")
    assert (told.grid, told.latents) == ((8, 12), "directions")
    assert reconstruct(vqvae(), path, tmp_path / "codes.png").latents == "tokens"
    found = levels_of(told.out)
    expected = model.eval()(image).reconstruction[0].clamp(-1, 1)
    assert (found[..., 104:].float() - (expected + 1) * 127.5).abs().max() <= 0.51
    # The more concentrated, the darker.
    red = found[0, ::4, 52:100:4].flatten().int()
    order = model.posterior(image)[1].flatten().argsort()
    assert (red[order].diff() <= 0).all()
    assert (red[order[0]], red[order[-1]]) == (243, 11)


# Commands


def test_its_run_is_evaluated_and_shown(capsys, run, tmp_path):
    words = ("--data", "photos", "--json", tmp_path / "scores.json")
    status, out, _ = arcvq(capsys, "evaluate", run, *words)
    assert status == 0
    assert "nats a place" in out
    found = json.loads((tmp_path / "scores.json").read_text())
    assert found["scores"]["concentration"] > 1
    path = save_image(pictures(1)[0], tmp_path / "picture.png")
    status, out, _ = arcvq(
        capsys, "reconstruct", path, "--model", run, "--out", tmp_path / "shown"
    )
    assert status == 0
    assert "8×8 directions" in out
    assert arcvq(capsys, "watch", run, "--once")[1].count("concentration") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("encode", "--data", "photos", "--out", "tokens.npz"),
        ("decode", "--tokens", "tokens.npz", "--out", "images"),
    ],
    ids=["encode", "decode"],
)
def test_it_is_no_tokenizer(words, capsys, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    verb, *rest = words
    status, out, err = arcvq(capsys, verb, run, *rest)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert f"{run} is the run of a hyperspherical_vae, which has no codes" in err
    assert "pass the run of a vqvae or vqgan" in err
    assert "arcvq evaluate" in err
    assert not list(tmp_path.iterdir())


def test_the_run_is_loaded_on_the_cpu_in_eval_mode(run):
    model = load_trained(run).autoencoder
    assert not model.training
    assert next(model.parameters()).device.type == "cpu"

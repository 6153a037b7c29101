"""A hyperspherical VAE trained by `arcvq train`: learnt, stopped, refused."""

import dataclasses
import math
import os
import signal

import pytest
import torch
from small_runs import (
    changed,
    die,
    final_state,
    finish,
    log_of,
    pictures_of,
    same,
    small_images,
    start,
    train_here,
)
from sphere_runs import TINY, rows_of, sphere_run, without_noise

from arcvq_lite import HypersphericalVAE, cli
from arcvq_lite.data import load_images
from arcvq_lite.training.configuration import OptionError, parse_options
from arcvq_lite.training.loop import FINISHED, train
from arcvq_lite.training.model_options import QuantizerOptions
from arcvq_lite.training.report import Report
from arcvq_lite.training.run_folder import load_trained


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return small_images(tmp_path_factory.mktemp("noise") / "images")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


# Training


def test_it_learns_and_logs_the_parts_of_the_bound(tmp_path):
    words = "train --config photos_hyperspherical_vae --data.source digits "
    words += "--data.size null --run.steps 150 --run.log_every 10 --run.device cpu "
    words += f"--hyperspherical_vae.variance 0.1 --run.folder {tmp_path}"
    assert cli.main(words.split()) == FINISHED
    rows = rows_of(tmp_path)
    parts = ["total", "reconstruction", "kl", "concentration"]
    assert [*rows[0]] == ["step", "images", *parts, "substituted", "samples"]
    for row in rows:
        assert all(math.isfinite(row[name]) for name in parts)
        assert row["kl"] > 0
        assert row["concentration"] > 1
        # Four places and 64 values an image, and a weight of 1.
        bound = row["reconstruction"] + row["kl"] * 4 / 64
        assert row["total"] == pytest.approx(bound, rel=1e-5)
    assert rows[-1]["total"] < 0.5 * rows[0]["total"]
    assert rows[-1]["kl"] > 2 * rows[0]["kl"]
    assert {name.split("-")[0] for name in pictures_of(tmp_path)} == {"reconstructions"}


def test_the_error_is_divided_by_twice_the_variance_which_can_be_measured(
    tmp_path, monkeypatch
):
    without_noise(monkeypatch)
    measured = load_images("digits").images.var().item()
    found = {}
    for variance in (None, measured, measured / 4):
        model = dataclasses.replace(TINY, variance=variance)
        options = sphere_run("digits", tmp_path / str(variance), model=model, steps=1)
        data = dataclasses.replace(options.data, batch_size=64)
        train(dataclasses.replace(options, data=data))
        [found[variance]] = rows_of(tmp_path / str(variance))
    assert found[None] == found[measured]
    assert found[measured / 4]["reconstruction"] == pytest.approx(
        4 * found[None]["reconstruction"], rel=1e-6
    )
    # A decoder that gives almost nothing errs by the images' mean square.
    square = load_images("digits").images.square().mean().item()
    assert found[None]["reconstruction"] == pytest.approx(
        square / (2 * measured), rel=0.2
    )


def test_parts_of_a_batch_make_the_step_of_the_whole(images, tmp_path, monkeypatch):
    without_noise(monkeypatch)
    for name, accumulate in (("whole", 1), ("parts", 4)):
        train(sphere_run(images, tmp_path / name, accumulate=accumulate))
    whole, parts = rows_of(tmp_path / "whole"), rows_of(tmp_path / "parts")
    for one, other in zip(whole, parts, strict=True):
        assert one["samples"] == other["samples"]
        for name in ("total", "kl", "concentration"):
            assert other[name] == pytest.approx(one[name], rel=1e-4)


def test_bfloat16_and_channels_last_train_and_tensorboard_has_no_codes(
    images, tmp_path
):
    from tensorboard.backend.event_processing import event_accumulator as loading

    options = sphere_run(
        images, tmp_path, precision="bfloat16", channels_last=True, tensorboard=True
    )
    assert train(options) == FINISHED
    assert math.isfinite(rows_of(tmp_path)[-1]["total"])
    assert final_state(tmp_path)["autoencoder"]["encoder.0.weight"].dtype == (
        torch.float32
    )
    events = loading.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert {"total", "kl", "concentration"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"] == ["reconstructions"]
    assert events.Tags()["histograms"] == []


def test_the_average_is_loaded_and_decodes_its_own_directions(images, tmp_path):
    train(sphere_run(images, tmp_path, ema_decay=0.9))
    state = torch.get_rng_state()
    trained = load_trained(tmp_path)
    model = trained.autoencoder
    assert isinstance(model, HypersphericalVAE)
    assert (trained.source, trained.step, model.dim) == ("average", 8, 3)
    pictures = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)
    torch.testing.assert_close(
        model.decode(model.encode(pictures)), model(pictures).reconstruction
    )
    assert torch.equal(torch.get_rng_state(), state)


# Stopped


def test_a_run_is_taken_up_as_if_it_had_not_stopped(images, tmp_path):
    options = {"ema_decay": 0.9, "accumulate": 2, "steps": 12}
    train(sphere_run(images, tmp_path / "whole", **options))
    parts = sphere_run(images, tmp_path / "parts", **options)
    for steps in (1, 5, 6, 12):
        torch.manual_seed(steps)  # what else the process draws is of no account
        assert train(changed(parts, steps=steps)) == FINISHED
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "parts")
    assert pictures_of(tmp_path / "whole").items() <= (
        pictures_of(tmp_path / "parts").items()
    )
    assert same(final_state(tmp_path / "whole"), final_state(tmp_path / "parts"))


def killed_at(options, step):
    """Train, and die when a step is done, wherever its checkpoint is."""
    really = Report.step

    def watched(self, state, now, *arguments):
        if now == step:
            die()
        really(self, state, now, *arguments)

    Report.step = watched
    train_here(options)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_run_ends_like_one_that_was_not(images, tmp_path):
    whole = sphere_run(images, tmp_path / "whole", steps=12)
    killed = sphere_run(images, tmp_path / "killed", steps=12)
    assert finish(start(train_here, whole)) == FINISHED
    for step in (1, 4, 5, 10):  # a checkpoint is there after steps 2, 5, 8 and 11
        assert finish(start(killed_at, killed, step)) == -signal.SIGKILL
    assert finish(start(train_here, killed)) == FINISHED
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "killed")
    assert pictures_of(tmp_path / "whole") == pictures_of(tmp_path / "killed")
    assert same(final_state(tmp_path / "whole"), final_state(tmp_path / "killed"))


def test_another_weight_is_another_run(images, tmp_path):
    options = sphere_run(images, tmp_path, steps=2)
    train(options)
    other = dataclasses.replace(TINY, kl_weight=0.5)
    with pytest.raises(ValueError, match=r"vae\.kl_weight from 1\.0 to 0\.5"):
        train(dataclasses.replace(options, hyperspherical_vae=other))


# Refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--hyperspherical_vae.dims 3", "did you mean hyperspherical_vae.dim?"),
        ("--hyperspherical_vae.beta 3", "no option hyperspherical_vae.beta"),
        ("--hyperspherical_vae.dim 1", "hyperspherical_vae.dim=1 must be at least 2"),
        ("--hyperspherical_vae.variance 0", "hyperspherical_vae.variance=0.0 must be"),
        ("--hyperspherical_vae.kl_weight -1", "hyperspherical_vae.kl_weight=-1.0"),
        ("--hyperspherical_vae.hidden big", "hyperspherical_vae.hidden=big must be of"),
        ("--hyperspherical_vae null", "give exactly one of the sections"),
        ("--vqvae.hidden 8", "give exactly one of the sections"),
        (
            "--quantizer.num_codes 8 --quantizer.dim 4",
            "the section quantizer belongs to a vqvae or vqgan: a hyperspherical_vae",
        ),
    ],
)
def test_what_is_wrong_is_named(words, said):
    with pytest.raises(OptionError) as refused:
        parse_options(["--config", "photos_hyperspherical_vae", *words.split()])
    assert said in str(refused.value)


def test_a_codebook_beside_it_is_refused_in_python_too(images, tmp_path):
    with pytest.raises(ValueError, match="write quantizer: null"):
        dataclasses.replace(
            sphere_run(images, tmp_path), quantizer=QuantizerOptions(8, 4)
        )

"""A hyperspherical VAE on two processes: one step, draws of their own, one end."""

import json
import math

import pytest
import torch
from small_runs import (
    as_rank,
    changed,
    final_state,
    log_of,
    same,
    small_images,
    train_here,
    train_on,
)
from sphere_runs import rows_of, sphere_run, without_noise

from arcvq_lite.models import hyperspherical_vae
from arcvq_lite.training.images import EncodedImages
from arcvq_lite.training.loop import FINISHED, train


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return small_images(tmp_path_factory.mktemp("noise") / "images")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


def train_as_certain_rank(rank, world_size, port, options):
    as_rank(rank, world_size, port)
    hyperspherical_vae.draw = lambda mean, concentration: mean
    train_here(options)


@pytest.mark.slow
def test_two_processes_make_the_step_of_one(images, tmp_path, monkeypatch):
    """Without the noise, which every rank draws from a state of its own."""
    two = sphere_run(images, tmp_path / "two")
    assert train_on(2, two, target=train_as_certain_rank) == [FINISHED] * 2
    without_noise(monkeypatch)
    train(sphere_run(images, tmp_path / "one"))
    pairs = zip(rows_of(tmp_path / "one"), rows_of(tmp_path / "two"), strict=True)
    for one, other in pairs:
        assert one["samples"] == other["samples"]
        for name in ("total", "reconstruction", "kl", "concentration"):
            assert other[name] == pytest.approx(one[name], rel=1e-4)
    found, expected = (final_state(tmp_path / name) for name in ("two", "one"))
    for name, weight in expected["autoencoder"].items():
        assert (weight - found["autoencoder"][name]).abs().max() < 1e-4, name


@pytest.mark.slow
def test_two_processes_draw_apart_and_are_taken_up_exactly(images, tmp_path):
    whole = sphere_run(images, tmp_path / "whole", steps=6)
    parts = sphere_run(images, tmp_path / "parts", steps=6)
    assert train_on(2, whole) == [FINISHED] * 2
    for steps in (2, 6):
        assert train_on(2, changed(parts, steps=steps)) == [FINISHED] * 2
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "parts")
    state = final_state(tmp_path / "whole")
    assert same(state, final_state(tmp_path / "parts"))
    one, other = state["random"]
    assert not torch.equal(one["cpu"], other["cpu"])

    # Before the first update nothing but the noise sets it apart from one process.
    train(sphere_run(images, tmp_path / "alone", steps=1))
    alone, together = rows_of(tmp_path / "alone")[0], rows_of(tmp_path / "whole")[0]
    for name in ("kl", "concentration"):
        assert together[name] == pytest.approx(alone[name], rel=1e-5)
    assert together["reconstruction"] != pytest.approx(
        alone["reconstruction"], rel=1e-4
    )
    assert together["reconstruction"] == pytest.approx(
        alone["reconstruction"], rel=0.05
    )


# What is no number


def spoil(at_rank):
    """Put a NaN into one image of the batch of step 4, on one rank."""
    really = EncodedImages.batches

    def spoilt(self, first, rank, world_size):
        for step, batch in enumerate(really(self, first, rank, world_size), first):
            if rank == at_rank and step == 4:
                batch.images[0, 0, 0, 0] = math.nan
            yield batch

    EncodedImages.batches = spoilt


def train_spoilt_rank_1(rank, world_size, port, options):
    as_rank(rank, world_size, port)
    spoil(1)
    train_here(options)


@pytest.mark.slow
def test_a_nan_on_one_rank_stops_both_before_the_update(images, tmp_path):
    codes = train_on(2, sphere_run(images, tmp_path), target=train_spoilt_rank_1)
    assert codes == [1, 1]
    report = json.loads((tmp_path / "diverged-00000004.json").read_text())
    other, own = report["ranks"]
    assert "latents contain NaN" in own["reason"]
    assert "another rank" in other["reason"]

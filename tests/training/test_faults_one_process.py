"""What befalls one process: a signal, a full disk, a flipped byte, a NaN, a rival."""

import dataclasses
import errno
import json
import math
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from small_runs import (
    VQGAN,
    changed,
    context,
    die,
    final_state,
    finish,
    log_of,
    prepare,
    same,
    small_images,
    small_run,
    start,
    train_here,
)

from arcvq_lite.training.checkpoint import CheckpointError
from arcvq_lite.training.divergence import DivergenceError
from arcvq_lite.training.hold import FolderInUseError, hold
from arcvq_lite.training.images import EncodedImages
from arcvq_lite.training.log import LogError
from arcvq_lite.training.loop import FINISHED, REQUEUE, train
from arcvq_lite.training.loss_watch import LossWatch
from arcvq_lite.training.processes import Processes
from arcvq_lite.training.report import Report
from arcvq_lite.training.run_folder import load_trained

pytestmark = [pytest.mark.slow]
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return small_images(tmp_path_factory.mktemp("noise") / "images")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture(scope="module")
def undisturbed(images, tmp_path_factory):
    os.environ["TQDM_DISABLE"] = "1"
    options = small_run(images, tmp_path_factory.mktemp("undisturbed"))
    assert train(options) == FINISHED
    return options


def assert_same_run(one, other):
    folders = one.run.folder, other.run.folder
    assert log_of(folders[0]) == log_of(folders[1])
    assert same(*map(final_state, folders))


def at_step(monkeypatch, step, act):
    """Do something when a step has been trained and not yet saved."""
    really = Report.step

    def watched(self, state, now, *arguments):
        really(self, state, now, *arguments)
        if now == step:
            act()

    monkeypatch.setattr(Report, "step", watched)


def die_at_step(options, step):
    at_step(pytest.MonkeyPatch(), step, die)
    train_here(options)


# Signals


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_the_step_and_asks_to_be_queued_again(
    number, images, undisturbed, tmp_path, monkeypatch
):
    options = small_run(images, tmp_path)
    said = []
    with monkeypatch.context() as patched:
        at_step(patched, 7, lambda: os.kill(os.getpid(), number))
        assert train(options, said.append) == REQUEUE == 75
    assert "stopped as asked after step 7" in said[-1]
    assert load_trained(tmp_path).step == 8
    assert train(options, said.append) == FINISHED
    assert "goes on at step 8 of 18" in said[-1]
    assert_same_run(options, undisturbed)


@posix
def test_a_child_that_is_told_to_stop_leaves_with_the_status(images, tmp_path):
    options = small_run(images, tmp_path, steps=100_000)
    child = start(train_here, options)
    while not (tmp_path / "log.jsonl").exists() or len(log_of(tmp_path)) < 1000:
        assert child.is_alive()
        time.sleep(0.05)
    child.terminate()
    assert finish(child) == REQUEUE
    assert load_trained(tmp_path).step == log_of(tmp_path).count(b"\n")


def test_the_handlers_are_put_back(undisturbed):
    before = signal.getsignal(signal.SIGTERM)
    train(undisturbed)
    assert signal.getsignal(signal.SIGTERM) == before


# Where the critic begins


@posix
@pytest.mark.parametrize("update", ["fast", "official"])
def test_a_kill_where_the_critic_begins_changes_nothing(update, images, tmp_path):
    vqgan = dataclasses.replace(VQGAN, update=update)
    start_step = vqgan.critic.start
    runs = [
        small_run(images, tmp_path / name, vqgan=vqgan, save_every=start_step, steps=14)
        for name in ("undisturbed", "killed")
    ]
    assert finish(start(train_here, runs[0])) == FINISHED
    # Before the first step with the critic, in it, and after it.
    for step in (start_step - 1, start_step, start_step + 1):
        assert finish(start(die_at_step, runs[1], step)) == -signal.SIGKILL
    assert finish(start(train_here, runs[1])) == FINISHED
    assert_same_run(*runs)

    rows = [json.loads(line) for line in log_of(tmp_path / "killed").splitlines()]
    factor = [row.get("critic", 0) > 0 for row in rows]
    assert factor == [step >= start_step for step in range(14)]


# The disk


def test_a_full_disk_ends_the_run_and_leaves_the_checkpoint(
    images, undisturbed, tmp_path, monkeypatch
):
    options = small_run(images, tmp_path)
    sync = os.fsync

    def full(descriptor):
        name = f"/proc/self/fd/{descriptor}"
        if os.path.exists(name) and ".step-00000009" in os.readlink(name):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("the files of a process are not listed here")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(CheckpointError, match=r"step 9 .*step-00000006 stands"):
            train(options)
    assert train(options) == FINISHED
    assert_same_run(options, undisturbed)


def test_a_flipped_byte_is_said_and_the_checkpoint_before_is_used(
    images, undisturbed, tmp_path
):
    train(small_run(images, tmp_path, steps=9))
    path = tmp_path / "checkpoints" / "step-00000009" / "autoencoder.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    said = []
    options = small_run(images, tmp_path)
    assert train(options, said.append) == FINISHED
    assert "step-00000009 is damaged: autoencoder.pt has SHA-256" in said[0]
    assert "goes on at step 6" in said[1]
    assert_same_run(options, undisturbed)


# NaN


def spoil(monkeypatch, step, value):
    """Put a value into the images of a step, as no decoder would."""
    really = EncodedImages.batches

    def spoilt(self, first, rank, world_size):
        for now, batch in enumerate(really(self, first, rank, world_size), first):
            if now == step:
                batch.images[0, 0, 0, 0] = value
            yield batch

    monkeypatch.setattr(EncodedImages, "batches", spoilt)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
@pytest.mark.parametrize("vqgan", [None, VQGAN], ids=["vqvae", "vqgan"])
def test_a_loss_that_is_no_number_stops_before_the_update(
    vqgan, value, images, tmp_path, monkeypatch
):
    options = small_run(images, tmp_path, vqgan=vqgan)
    train(changed(options, steps=4))
    before = final_state(tmp_path)
    spoil(monkeypatch, 4, value)
    with pytest.raises(DivergenceError, match=r"step 4: .*the last checkpoint stands"):
        train(options)
    report = json.loads((tmp_path / "diverged-00000004.json").read_text())
    assert report["step"] == 4
    [rank] = report["ranks"]
    assert len(rank["samples"]) == len(rank["names"]) == 8
    assert rank["names"][0].endswith(".png")
    assert same(final_state(tmp_path), before)
    # Without the spoilt image the run goes on as if nothing had been.
    monkeypatch.undo()
    os.environ["TQDM_DISABLE"] = "1"
    assert train(options) == FINISHED


def test_weights_that_an_update_has_spoilt_are_never_saved(images, tmp_path):
    options = small_run(images, tmp_path, rate=1e30, save_every=1)
    with pytest.raises(DivergenceError, match=r"step 0: .*after the update"):
        train(options)
    assert not (tmp_path / "checkpoints").exists()
    network = torch.nn.Linear(2, 2)
    watch = LossWatch(Processes(0, 1, torch.device("cpu")))
    watch.check_weights(network)
    torch.nn.init.constant_(network.bias, math.inf)
    with pytest.raises(DivergenceError, match="weights are not finite after"):
        watch.check_weights(network)


def test_the_terms_are_left_behind_whatever_they_are(images, tmp_path):
    options = small_run(images, tmp_path)
    variance = dataclasses.replace(options.vqvae, variance=1e-39)
    with pytest.raises(DivergenceError, match="step 0: the loss is not finite"):
        train(dataclasses.replace(options, vqvae=variance))
    report = json.loads((tmp_path / "diverged-00000000.json").read_text())
    assert report["ranks"][0]["terms"]["total"] == "inf"
    assert 0 < float(report["ranks"][0]["terms"]["codebook"]) < 10


# The folder


def hold_until(folder, gate):
    prepare()
    with hold(Path(folder)):
        gate.set()
        time.sleep(60)


def test_two_trainers_on_one_folder_are_refused(images, tmp_path):
    gate = context().Event()
    rival = start(hold_until, str(tmp_path), gate)
    assert gate.wait(30)
    try:
        with pytest.raises(FolderInUseError, match="another process trains in"):
            train(small_run(images, tmp_path))
    finally:
        rival.kill()
        rival.join()
    # The lock went with the process that held it.
    assert train(small_run(images, tmp_path, steps=2)) == FINISHED


def test_another_model_in_the_same_folder_is_refused(images, tmp_path):
    options = small_run(images, tmp_path, steps=3)
    train(options)
    other = dataclasses.replace(
        options, vqvae=dataclasses.replace(options.vqvae, hidden=8)
    )
    with pytest.raises(ValueError, match=r"vqvae\.hidden from 4 to 8"):
        train(other)
    with pytest.raises(ValueError, match=r"run\.seed from 0 to 1"):
        train(changed(options, seed=1))
    assert train(changed(options, steps=5, log_every=2)) == FINISHED


def test_a_log_that_was_cut_is_not_passed_over(images, tmp_path):
    options = small_run(images, tmp_path, steps=3)
    train(options)
    (tmp_path / "log.jsonl").write_bytes(log_of(tmp_path)[:50])
    with pytest.raises(LogError, match="has 50 bytes"):
        train(changed(options, steps=5))

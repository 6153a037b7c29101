"""What befalls one of several ranks, and what a change of their number changes."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import (
    QUANTIZER,
    VQGAN,
    as_rank,
    changed,
    die,
    final_state,
    finish,
    free_port,
    log_of,
    same,
    small_images,
    small_run,
    start,
    train_as_rank,
    train_here,
    train_on,
)

from arcvq_lite.training.configuration import to_yaml
from arcvq_lite.training.images import EncodedImages
from arcvq_lite.training.loop import FINISHED, REQUEUE, train
from arcvq_lite.training.report import Report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL"),
]

# Seconds in which a job ends once a rank is gone, on a machine that is busy.
ENDED_WITHIN = 60


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return small_images(tmp_path_factory.mktemp("noise") / "images")


def rows_of(folder):
    return [json.loads(line) for line in log_of(folder).splitlines()]


def at_step(rank, step, act):
    """Do something on a rank when it has trained a step."""
    really = Report.step

    def watched(self, state, now, *arguments):
        if now == step and state.processes.rank == rank:
            act()
        really(self, state, now, *arguments)

    Report.step = watched


# A rank dies


def lose_rank_1(rank, world_size, port, options):
    as_rank(rank, world_size, port)
    at_step(1, 7, die)
    train_here(options)


def test_the_other_rank_ends_too(images, tmp_path):
    began = time.monotonic()
    codes = train_on(2, small_run(images, tmp_path), target=lose_rank_1)
    assert codes[1] == -signal.SIGKILL
    assert codes[0] not in (0, REQUEUE)
    assert time.monotonic() - began < ENDED_WITHIN
    # Nothing was saved of a step that only one of them finished.
    assert max(int(p.name[-8:]) for p in (tmp_path / "checkpoints").iterdir()) == 6


DRIVER = """
import os, sys
sys.path[:0] = [{tests!r}]
from small_runs import die, prepare
from test_faults_ranks import at_step
from arcvq_lite.training.command import main

if __name__ == "__main__":
    prepare()
    if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        at_step(1, 7, die)
    sys.exit(main(sys.argv[1:], print, print))
"""


def test_torchrun_starts_it_again_and_it_goes_on(images, tmp_path):
    undisturbed = small_run(images, tmp_path / "undisturbed", vqgan=VQGAN)
    assert train_on(2, undisturbed) == [FINISHED, FINISHED]

    options = small_run(images, tmp_path / "restarted", vqgan=VQGAN)
    (tmp_path / "run.yaml").write_text(to_yaml(options))
    driver = tmp_path / "driver.py"
    driver.write_text(DRIVER.format(tests=str(Path(__file__).parent)))
    began = time.monotonic()
    command = [sys.executable, "-m", "torch.distributed.run", "--max-restarts", "1"]
    command += ["--nproc-per-node", "2", "--master-port", str(free_port())]
    done = subprocess.run(
        [*command, str(driver), "--config", str(tmp_path / "run.yaml")],
        capture_output=True,
        text=True,
        timeout=4 * ENDED_WITHIN,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < 2 * ENDED_WITHIN
    assert "goes on at step 6" in done.stdout
    assert log_of(tmp_path / "restarted") == log_of(tmp_path / "undisturbed")
    assert same(
        final_state(tmp_path / "restarted"), final_state(tmp_path / "undisturbed")
    )


# One rank's NaN, and one rank's signal


def blind_rank_1(rank, world_size, port, options):
    as_rank(rank, world_size, port)
    really = EncodedImages.batches

    def spoilt(self, first, rank, world_size):
        for step, batch in enumerate(really(self, first, rank, world_size), first):
            if rank == 1 and step == 4:
                batch.images[0, 0, 0, 0] = float("nan")
            yield batch

    EncodedImages.batches = spoilt
    train_here(options)


@pytest.mark.parametrize("vqgan", [None, VQGAN], ids=["vqvae", "vqgan"])
def test_a_nan_on_one_rank_stops_both_before_the_update(vqgan, images, tmp_path):
    options = small_run(images, tmp_path, vqgan=vqgan, save_every=4)
    assert train_on(2, options, target=blind_rank_1) == [1, 1]
    report = json.loads((tmp_path / "diverged-00000004.json").read_text())
    own, other = (report["ranks"][rank] for rank in (1, 0))
    assert "NaN" in own["reason"] or "not finite" in own["reason"]
    assert "another rank" in other["reason"]
    assert len(own["samples"]) == len(other["samples"]) == 4
    assert set(own["samples"]).isdisjoint(other["samples"])
    assert max(int(p.name[-8:]) for p in (tmp_path / "checkpoints").iterdir()) == 4


def signal_rank_1(rank, world_size, port, options):
    as_rank(rank, world_size, port)
    at_step(1, 7, lambda: os.kill(os.getpid(), signal.SIGTERM))
    train_here(options)


def test_a_signal_to_one_rank_saves_on_all(images, tmp_path):
    options = small_run(images, tmp_path)
    assert train_on(2, options, target=signal_rank_1) == [REQUEUE, REQUEUE]
    assert (tmp_path / "checkpoints" / "step-00000008").is_dir()


# One, two, and one again

WITHOUT_MARGIN = dataclasses.replace(QUANTIZER, margin=None)
SAME_EVERYWHERE = ("step", "images", "samples", "radius", "substituted")


@pytest.mark.parametrize(
    ("quantizer", "tolerance"),
    [(WITHOUT_MARGIN, 1e-4), (QUANTIZER, 0.05)],
    ids=["without margin", "with margin"],
)
def test_another_number_of_ranks_keeps_order_and_schedule(
    quantizer, tolerance, images, tmp_path
):
    """The margin's softmax runs over a rank's latents, so its loss is another one.

    With half the latents a rank the softmax has half the terms, and the loss is lower
    by about ln 2; the terms that it moves follow within the wider tolerance.
    """
    alone = small_run(images, tmp_path / "alone", quantizer=quantizer)
    assert finish(start(train_here, alone)) == FINISHED
    options = small_run(images, tmp_path / "varied", quantizer=quantizer)
    for world_size, steps in ((1, 6), (2, 12), (1, 18)):
        codes = train_on(world_size, changed(options, steps=steps))
        assert codes == [FINISHED] * world_size

    pairs = list(
        zip(rows_of(tmp_path / "alone"), rows_of(tmp_path / "varied"), strict=True)
    )
    assert len(pairs) == 18
    for one, other in pairs:
        for name in SAME_EVERYWHERE:
            assert one[name] == other[name], (name, one["step"])
        for name in ("reconstruction", "codebook", "commitment"):
            assert other[name] == pytest.approx(one[name], rel=tolerance), one["step"]


def test_a_batch_that_does_not_divide_is_refused(images, tmp_path):
    options = changed(small_run(images, tmp_path), accumulate=3)
    with pytest.raises(ValueError, match=r"data\.batch_size=8 must be a multiple of 1"):
        train(options)


def test_ranks_end_with_the_same_weights_as_accumulated_parts(images, tmp_path):
    """Two ranks of half a batch do what one does with two parts of it."""
    for name, world_size, accumulate in (("ranks", 2, 1), ("parts", 1, 2)):
        options = small_run(images, tmp_path / name, steps=6, accumulate=accumulate)
        assert train_on(world_size, options) == [FINISHED] * world_size
    one, other = (final_state(tmp_path / name) for name in ("ranks", "parts"))
    for key, value in one["autoencoder"].items():
        assert (value - other["autoencoder"][key]).abs().max() < 1e-5, key


def test_a_rank_alone_is_a_process_alone(images, tmp_path):
    options = [small_run(images, tmp_path / name) for name in ("alone", "rank")]
    assert finish(start(train_here, options[0])) == FINISHED
    child = start(train_as_rank, 0, 1, free_port(), options[1])
    assert finish(child) == FINISHED
    assert log_of(tmp_path / "alone") == log_of(tmp_path / "rank")

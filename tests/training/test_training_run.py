"""What a run does when nothing goes wrong: parts, precision, averages, pictures."""

import dataclasses
import json
import math
import sys

import pytest
import torch
from PIL import Image
from small_runs import (
    QUANTIZER,
    VQGAN,
    changed,
    final_state,
    log_of,
    pictures_of,
    same,
    small_images,
    small_run,
)

from arcvq_lite import ArcVQ
from arcvq_lite.data import load_images
from arcvq_lite.training.images import open_images
from arcvq_lite.training.log import LogError, RunLog, read_rows
from arcvq_lite.training.loop import FINISHED, train
from arcvq_lite.training.options import DataOptions
from arcvq_lite.training.pictures import show_code_use, show_reconstructions
from arcvq_lite.training.report import digest
from arcvq_lite.training.run_folder import load_trained

WITHOUT_MARGIN = dataclasses.replace(QUANTIZER, margin=None)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return small_images(tmp_path_factory.mktemp("noise") / "images")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


def rows_of(folder):
    return [json.loads(line) for line in log_of(folder).splitlines()]


def test_two_runs_write_the_same_bytes_and_another_seed_others(images, tmp_path):
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        train(small_run(images, tmp_path / name, seed=seed, steps=7))
    assert log_of(tmp_path / "one") == log_of(tmp_path / "two")
    assert same(final_state(tmp_path / "one"), final_state(tmp_path / "two"))
    assert pictures_of(tmp_path / "one") == pictures_of(tmp_path / "two")
    assert log_of(tmp_path / "one") != log_of(tmp_path / "other")


def test_a_row_counts_batches_and_images_whatever_the_number_of_optimisers(
    images, tmp_path
):
    train(small_run(images, tmp_path, vqgan=VQGAN, steps=12))
    rows = rows_of(tmp_path)
    assert [row["step"] for row in rows] == list(range(12))
    assert [row["images"] for row in rows] == list(range(8, 104, 8))
    assert rows[9]["radius"] == pytest.approx(math.exp(QUANTIZER.radius.alpha * 9))
    assert {"critic", "gan", "adaptive_weight"} <= rows[9].keys()
    assert "critic" not in rows[8]
    assert rows[-1]["substituted"] == 2


def test_the_loss_falls(tmp_path):
    options = small_run("digits", tmp_path, steps=150, rate=3e-3, log_every=149)
    train(dataclasses.replace(options, data=DataOptions("digits", 32)))
    first, last = rows_of(tmp_path)
    assert last["reconstruction"] < 0.8 * first["reconstruction"]


def test_a_run_is_taken_up_as_if_it_had_not_stopped(images, tmp_path):
    whole = small_run(images, tmp_path / "whole", vqgan=VQGAN, ema_decay=0.9)
    train(whole)
    parts = small_run(images, tmp_path / "parts", vqgan=VQGAN, ema_decay=0.9)
    for steps in (5, 9, 10, 18):
        assert train(changed(parts, steps=steps)) == FINISHED
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "parts")
    assert same(final_state(tmp_path / "whole"), final_state(tmp_path / "parts"))


def test_a_finished_run_is_left_as_it_is(images, tmp_path):
    options = small_run(images, tmp_path, steps=4)
    train(options)
    before = {
        path: path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and "clock" not in path.name
    }
    assert train(options) == FINISHED
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("vqgan", [None, VQGAN], ids=["vqvae", "vqgan"])
def test_parts_of_a_batch_make_the_step_of_the_whole(vqgan, images, tmp_path):
    """Up to rounding: without a margin, and before the critic with its batch norm."""
    for name, accumulate in (("whole", 1), ("parts", 4)):
        options = small_run(
            images,
            tmp_path / name,
            vqgan=vqgan,
            quantizer=WITHOUT_MARGIN,
            accumulate=accumulate,
            steps=6,
        )
        train(options)
    one, other = rows_of(tmp_path / "whole"), rows_of(tmp_path / "parts")
    for whole, parts in zip(one, other, strict=True):
        assert parts.keys() == whole.keys()
        assert parts["total"] == pytest.approx(whole["total"], rel=1e-4)


def test_the_gradient_is_clipped(images, tmp_path):
    norms = {}
    for name, clip in (("free", None), ("clipped", 1e-6)):
        options = small_run(images, tmp_path / name, steps=2)
        optimizer = dataclasses.replace(options.optimizer, clip=clip)
        train(dataclasses.replace(options, optimizer=optimizer))
        moments = final_state(tmp_path / name)["optimizer_autoencoder"]["state"]
        norms[name] = sum(s["exp_avg"].square().sum() for s in moments.values()).sqrt()
    assert norms["clipped"] < 1e-6 < norms["free"]


@pytest.mark.parametrize("vqgan", [None, VQGAN], ids=["vqvae", "vqgan"])
def test_bfloat16_and_channels_last_train_too(vqgan, images, tmp_path):
    for name, precision in (("exact", "float32"), ("mixed", "bfloat16")):
        options = small_run(
            images,
            tmp_path / name,
            vqgan=vqgan,
            precision=precision,
            channels_last=precision == "bfloat16",
            steps=12,
        )
        assert train(options) == FINISHED
    rows = [rows_of(tmp_path / name) for name in ("exact", "mixed")]
    for exact, mixed in zip(*rows, strict=True):
        assert mixed["samples"] == exact["samples"]
        assert mixed["total"] == pytest.approx(exact["total"], rel=0.1)
    weights = final_state(tmp_path / "mixed")["autoencoder"].values()
    assert all(w.dtype in (torch.float32, torch.int64) for w in weights)


def test_the_average_follows_the_weights_and_is_what_is_loaded(images, tmp_path):
    options = small_run(images, tmp_path, ema_decay=0.5, steps=1, save_every=1)
    followed = None
    for steps in (1, 2, 3):
        train(changed(options, steps=steps))
        weight = final_state(tmp_path)["autoencoder"]["encoder.0.weight"]
        followed = weight if followed is None else (followed + weight) / 2
    model = load_trained(tmp_path)
    assert (model.source, model.step) == ("average", 3)
    torch.testing.assert_close(model.autoencoder.encoder[0].weight, followed)
    plain = load_trained(tmp_path, average=False)
    assert plain.source == "autoencoder"
    assert torch.equal(plain.autoencoder.encoder[0].weight, weight)
    assert isinstance(plain.autoencoder.quantizer, ArcVQ)


def test_loading_a_run_draws_nothing_and_names_what_is_missing(images, tmp_path):
    train(small_run(images, tmp_path / "run", steps=2))
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_trained(tmp_path / "run")
    assert torch.equal(torch.rand(1), expected)
    with pytest.raises(FileNotFoundError, match=r"has no config\.yaml"):
        load_trained(tmp_path)


def test_more_or_fewer_images_than_before_are_refused(images, tmp_path):
    own = small_images(tmp_path / "images")
    options = small_run(own, tmp_path / "run", steps=3)
    train(options)
    Image.new("RGB", (8, 8)).save(own / "new.png")
    with pytest.raises(ValueError, match=r"has 42 images, and when .* had 41"):
        train(changed(options, steps=5))


# Images


def test_named_sets_and_folders_serve_batches_by_their_number(images):
    for options in (
        DataOptions("digits", 8),
        DataOptions(str(images), 8, size=8, max_substituted=0.1),
    ):
        opened = open_images(options)
        whole = opened.batches(0, 0, 1)
        for step in range(6):
            expected = next(whole)
            halves = [next(opened.batches(step, rank, 2)) for rank in (0, 1)]
            both = torch.cat([half.images for half in halves])
            assert torch.equal(both, expected.images)
            indices = torch.cat([half.indices for half in halves])
            assert torch.equal(indices, expected.indices)


def test_the_variance_is_that_of_the_images(images):
    digits = open_images(DataOptions("digits", 8))
    assert digits.variance() == pytest.approx(load_images("digits").images.var().item())
    folder = open_images(DataOptions(str(images), 8, size=8, max_substituted=0.1))
    held = [next(folder.batches(step, 0, 1)).images for step in range(5)]
    assert folder.variance() == pytest.approx(torch.cat(held).var().item(), rel=0.02)


def test_a_folder_needs_a_size(images):
    with pytest.raises(ValueError, match=r"data\.size is missing"):
        open_images(DataOptions(str(images), 8))


# What is shown


def test_a_logs_tail_is_cut_and_a_shorter_one_refused(tmp_path):
    log = RunLog(tmp_path)
    log.append({"step": 0}, {"time": 1.0})
    length = log.settled_length()
    log.append({"step": 1}, {"time": 2.0})
    log.close()
    log = RunLog(tmp_path, length)
    log.append({"step": 7}, {"time": 3.0})
    log.close()
    assert read_rows(tmp_path / "log.jsonl") == [{"step": 0}, {"step": 7}]
    assert [row["time"] for row in read_rows(tmp_path / "clock.jsonl")] == [1, 2, 3]
    with pytest.raises(LogError, match=r"has 24 bytes, .* had 1000"):
        RunLog(tmp_path, 1000)


def test_the_digest_is_of_the_samples_and_their_order():
    assert digest(torch.tensor([1, 2])) == digest(torch.tensor([1, 2]))
    assert digest(torch.tensor([1, 2])) != digest(torch.tensor([2, 1]))


def test_pictures_show_originals_above_reconstructions():
    images = torch.full((3, 1, 4, 4), -1.0)
    picture = show_reconstructions(images, -images * 9)
    assert picture.shape == (3, 11, 16)
    assert (picture[:, 1:5, 1:5] == 0).all()
    assert (picture[:, 6:10, 1:5] == 255).all()


def test_bars_are_as_high_as_the_share_of_their_code():
    picture = show_code_use(torch.tensor([0, 1, 2, 4]))
    assert picture.shape == (3, 128, 512)
    dark = (picture[0] == 0).sum(dim=0)
    assert dark[::128].tolist() == [128, 64, 32, 0]
    assert not (show_code_use(torch.zeros(3, dtype=torch.int64)) == 0).any()


def test_pictures_are_written_where_they_are_due(images, tmp_path):
    train(small_run(images, tmp_path, steps=8))
    assert sorted(pictures_of(tmp_path)) == [
        f"{name}-{step:08d}.png"
        for name in ("codes", "reconstructions")
        for step in (0, 6, 7)
    ]
    with Image.open(tmp_path / "pictures" / "reconstructions-00000006.png") as picture:
        assert picture.size == (8 * 9 + 1, 19)


def test_tensorboard_shows_the_scalars_of_the_log(images, tmp_path):
    from tensorboard.backend.event_processing import event_accumulator as loading

    train(small_run(images, tmp_path, steps=4, tensorboard=True))
    events = loading.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    shown = [event.value for event in events.Scalars("total")]
    assert shown == pytest.approx([row["total"] for row in rows_of(tmp_path)])
    assert events.Tags()["images"] == ["reconstructions", "codes"]
    assert events.Tags()["histograms"] == ["codes"]


def test_without_tensorboard_the_run_goes_on_and_says_so_once(
    images, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said = []
    options = small_run(images, tmp_path, steps=4, tensorboard=True)
    assert train(options, said.append) == FINISHED
    assert len([line for line in said if line.startswith("run.tensorboard")]) == 1

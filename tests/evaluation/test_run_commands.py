"""evaluate, reconstruct, encode and decode, from the words typed to the files."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from arcvq_lite import cli, load_images
from arcvq_lite.evaluation import load_tokens
from arcvq_lite.training.run_folder import load_trained

SIZE = 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six noise pictures of 40×36 pixels in two classes."""
    place = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for number in range(6):
        path = place / "train" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (36, 40, 3), np.uint8)).save(path)
    return place


def trained(folder, run, seed=0):
    words = ["train", "--config", "imagenet_vqgan_smoke", "--run.folder", str(run)]
    words += ["--data.source", str(folder), "--data.size", str(SIZE)]
    words += ["--data.batch_size", "2", "--run.steps", "1", "--run.seed", str(seed)]
    words += ["--vqgan.multipliers", "[1, 1]", "--vqgan.attention_resolutions", "[]"]
    words += ["--vqgan.perceptual", "null", "--quantizer.num_codes", "16"]
    assert cli.main(words) == 0
    return run


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    return trained(folder, tmp_path_factory.mktemp("runs") / "one")


def arcvq(capsys, *words):
    status = cli.main([str(word) for word in words])
    written = capsys.readouterr()
    return status, written.out, written.err


def test_scores_are_shown_and_written_with_what_is_missing(
    capsys, folder, run, tmp_path
):
    report = tmp_path / "scores.json"
    status, out, _ = arcvq(
        capsys, "evaluate", run, "--data", folder, "--split", "train", "--json", report
    )
    assert status == 0
    assert "after 1 steps" in out
    assert "rfid" in out
    assert "--fid_weights" in out
    found = json.loads(report.read_text())
    assert found["images"] == 6
    assert found["tokens"] == 6 * 16 * 16
    assert f"{found['scores']['usage']:.5g}" in out


def test_tokens_go_to_a_file_and_come_back_as_the_models_own_images(
    capsys, folder, run, tmp_path
):
    tokens, images = tmp_path / "tokens.npz", tmp_path / "images"
    assert arcvq(capsys, "encode", run, "--data", folder, "--out", tokens)[0] == 0
    assert arcvq(capsys, "decode", run, "--tokens", tokens, "--out", images)[0] == 0

    model = load_trained(run).autoencoder
    indices = torch.from_numpy(load_tokens(tokens).indices.astype(np.int64))
    wanted = ((model.decode(indices).clamp(-1, 1) + 1) * 127.5).round()
    written = [np.asarray(Image.open(path)) for path in sorted(images.iterdir())]
    found = torch.from_numpy(np.stack(written)).movedim(-1, 1)
    torch.testing.assert_close(found.float(), wanted, atol=1, rtol=0)


def test_a_named_set_is_encoded_in_its_own_order_with_its_labels(capsys, run, tmp_path):
    path = tmp_path / "tokens.npz"
    words = ("--data", "photos", "--split", "test", "--out", path)
    assert arcvq(capsys, "encode", run, *words, "--batch_size", 50)[0] == 0
    photos = load_images("photos", split="test", size=SIZE)
    found, model = load_tokens(path), load_trained(run).autoencoder
    some = [0, 49, 50, len(photos) - 1]
    expected = model.encode(photos.images[some]).numpy()
    assert len(found) == len(photos)
    assert np.array_equal(found.indices[some], expected)
    assert np.array_equal(found.labels, photos.labels.numpy())
    assert found.class_names == photos.class_names
    assert set(found.names) == {"chelsea"}


def test_tokens_of_another_run_are_refused(capsys, folder, run, tmp_path):
    tokens = tmp_path / "tokens.npz"
    other = trained(folder, tmp_path / "other", seed=1)
    arcvq(capsys, "encode", other, "--data", folder, "--out", tokens)
    status, _, err = arcvq(
        capsys, "decode", run, "--tokens", tokens, "--out", tmp_path / "images"
    )
    assert status == 2
    assert "another codebook" in err
    assert not (tmp_path / "images").exists()


def test_pictures_are_shown_side_by_side(capsys, folder, run, tmp_path):
    pictures = sorted(folder.rglob("*.png"))[:2]
    status, out, _ = arcvq(
        capsys, "reconstruct", *pictures, "--model", run, "--out", tmp_path
    )
    assert status == 0
    assert len(out.splitlines()) == 2
    for picture in pictures:
        with Image.open(tmp_path / picture.name) as shown:
            assert shown.size == (3 * 40 + 2 * 4, 36)


def test_two_pictures_of_one_name_are_refused_before_anything_is_written(
    capsys, folder, run, tmp_path
):
    out = tmp_path / "out"
    picture = next(folder.rglob("*.png"))
    status, _, err = arcvq(
        capsys, "reconstruct", picture, picture, "--model", run, "--out", out
    )
    assert status == 2
    assert "names" in err
    assert not out.exists()


def test_a_folder_that_is_no_run_is_named(capsys, folder, tmp_path):
    status, _, err = arcvq(capsys, "evaluate", tmp_path, "--data", folder)
    assert status == 2
    assert str(tmp_path) in err

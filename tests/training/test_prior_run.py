"""A prior trained by `arcvq train` on a token file."""

import dataclasses
import json
import math

import pytest
import torch
from prior_runs import CODES, TINY, counting_tokens, prior_run
from small_runs import changed, final_state, log_of, same, train_on

from arcvq_lite import cli
from arcvq_lite.prior import sample
from arcvq_lite.training.configuration import OptionError, parse_options
from arcvq_lite.training.loop import FINISHED, train
from arcvq_lite.training.options import (
    DataOptions,
)
from arcvq_lite.training.tokens import open_tokens
from arcvq_lite.training.trained_prior import load_prior


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    return counting_tokens(tmp_path_factory.mktemp("tokens") / "tokens.npz")


def rows_of(folder):
    return [json.loads(line) for line in log_of(folder).splitlines()]


def arcvq_train(tokens, folder, *words):
    given = f"train --config photos_prior --data.source {tokens} --data.batch_size 20 "
    given += f"--run.folder {folder} --prior.width 32 --prior.layers 2 "
    given += "--prior.heads 2 --run.device cpu --run.log_every 10"
    return cli.main([*given.split(), *words])


# Training


def test_it_learns_what_can_be_learnt_and_knows_the_classes(tokens, tmp_path):
    words = "--prior.classes labels --prior.dropout 0 --run.steps 200"
    words += " --run.ema_decay null"
    assert arcvq_train(tokens, tmp_path, *words.split()) == 0
    rows = rows_of(tmp_path)
    assert rows[0]["total"] == pytest.approx(math.log(CODES), abs=0.2)
    # Of four tokens the first is free, and of a hidden class the second too.
    assert rows[-1]["total"] < 0.4 * math.log(CODES)
    assert rows[-1].keys() == {"step", "images", "total", "substituted", "samples"}
    assert not (tmp_path / "pictures").exists()

    prior = load_prior(tmp_path).prior
    for label, by in ((0, 1), (1, 3)):
        found = sample(
            prior, 40, classes=label, generator=torch.Generator().manual_seed(0)
        )
        steps = (found[:, 1:] - found[:, :-1]) % CODES
        assert (steps == by).float().mean() > 0.8


def test_a_run_is_taken_up_as_if_it_had_not_stopped(tokens, tmp_path):
    train(prior_run(tokens, tmp_path / "whole"))
    parts = prior_run(tokens, tmp_path / "parts")
    for steps in (2, 5, 8):
        assert train(changed(parts, steps=steps)) == FINISHED
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "parts")
    whole, other = final_state(tmp_path / "whole"), final_state(tmp_path / "parts")
    assert {"prior", "optimizer_prior", "average", "random"} <= whole.keys()
    assert same(whole, other)


def test_parts_of_a_batch_make_the_step_of_the_whole(tokens, tmp_path):
    """Without dropout and hidden classes, which are drawn for each part."""
    certain = dataclasses.replace(TINY, dropout=0.0, class_drop=0.0)
    for name, accumulate in (("whole", 1), ("parts", 4)):
        train(prior_run(tokens, tmp_path / name, prior=certain, accumulate=accumulate))
    whole, parts = rows_of(tmp_path / "whole"), rows_of(tmp_path / "parts")
    for one, other in zip(whole, parts, strict=True):
        assert one["samples"] == other["samples"]
        assert one["total"] == pytest.approx(other["total"], rel=1e-5)


@pytest.mark.slow
def test_two_processes_make_the_step_of_one(tokens, tmp_path):
    certain = dataclasses.replace(TINY, dropout=0.0, class_drop=0.0)
    train(prior_run(tokens, tmp_path / "one", prior=certain, steps=4))
    two = prior_run(tokens, tmp_path / "two", prior=certain, steps=4)
    assert train_on(2, two) == [FINISHED] * 2
    for one, other in zip(
        rows_of(tmp_path / "one"), rows_of(tmp_path / "two"), strict=True
    ):
        assert one["samples"] == other["samples"]
        assert one["total"] == pytest.approx(other["total"], rel=1e-5)


def test_weight_decay_pulls_weights_to_zero_and_0_is_adam(tokens, tmp_path):
    """On a weight without a gradient, a class that never occurs, it acts alone."""
    certain = dataclasses.replace(TINY, class_drop=0.0)
    unmoved = {}
    for decay in (0.0, 0.5):
        folder = tmp_path / str(decay)
        options = prior_run(
            tokens, folder, prior=certain, steps=3, rate=0.1, weight_decay=decay
        )
        train(options)
        unmoved[decay] = final_state(folder)["prior"]["start.weight"][2]
    torch.testing.assert_close(unmoved[0.5], unmoved[0.0] * (1 - 0.1 * 0.5) ** 3)


def test_a_prior_without_classes_leaves_the_labels_unread(tokens, tmp_path):
    blind = dataclasses.replace(TINY, classes=None)
    train(prior_run(tokens, tmp_path, prior=blind, steps=2))
    assert load_prior(tmp_path).prior.classes is None


def test_bfloat16_trains(tokens, tmp_path):
    train(prior_run(tokens, tmp_path, precision="bfloat16", steps=2))
    assert math.isfinite(rows_of(tmp_path)[-1]["total"])


def test_a_sequence_is_the_class_and_the_tokens_row_by_row(tokens):
    batch = next(open_tokens(DataOptions(str(tokens), 4)).batches(0, 0, 1))
    for sequence, number in zip(batch.images, batch.indices.tolist(), strict=True):
        label = number % 2
        by = 1 + 2 * label
        counted = [(number // 2 + by * place) % CODES for place in range(4)]
        assert sequence.tolist() == [label, *counted]


def test_a_run_goes_on_with_the_tokens_of_its_codebook_alone(tokens, tmp_path):
    options = prior_run(tokens, tmp_path / "run", steps=2)
    train(options)
    for name, difference in (
        ("codebook_sha256", {"codebook_sha256": "1" * 64}),
        ("num_codes", {"num_codes": CODES + 1}),
        ("20 images", {"count": 20}),
    ):
        other = counting_tokens(tmp_path / "other.npz", **difference)
        data = dataclasses.replace(options.data, source=str(other))
        with pytest.raises(ValueError, match=f"data.source has .*{name}|{name}"):
            train(dataclasses.replace(options, data=data))


# Refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--config photos_prior --vqvae.hidden 8", "exactly one of the sections"),
        ("--config photos_prior --prior null", "exactly one of the sections"),
        (
            "--config photos_prior --quantizer.num_codes 8 --quantizer.dim 4",
            "the section quantizer belongs to a vqvae or vqgan",
        ),
        ("--config photos_vqgan --quantizer null", "section quantizer is missing"),
        ("--config photos_prior --data.size 32", "data.size=32 is of images"),
        ("--config photos_prior --run.compile true", "run.compile=true is for"),
        ("--config photos_prior --prior.heads 3", "multiple of prior.heads=3"),
        ("--config photos_prior --prior.class_drop 1", "prior.class_drop=1.0 must"),
        ("--config photos_prior --prior.classes names", "prior.classes=names must be"),
        ("--config photos_prior --prior.wide 3", "did you mean prior.width"),
        ("--config photos_prior --optimizer.weight_decay -1", "weight_decay=-1.0 must"),
    ],
)
def test_what_is_wrong_is_named(words, said):
    with pytest.raises(OptionError) as refused:
        parse_options(words.split())
    assert said in str(refused.value)


def test_a_token_file_that_is_none_is_named(capsys, tmp_path):
    (tmp_path / "no.npz").write_bytes(b"no tokens")
    for name, said in (("no.npz", "damaged or no token file"), ("gone", "is no file")):
        assert arcvq_train(tmp_path / name, tmp_path / "run") == 2
        complaint = capsys.readouterr().err
        assert "data.source" in complaint
        assert said in complaint

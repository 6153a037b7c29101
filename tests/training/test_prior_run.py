"""A prior trained by `arcvq train`, from a token file to new pictures."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import changed, final_state, log_of, same, small_run, train_on

from arcvq_lite import cli
from arcvq_lite.data.token_file import TokenSet
from arcvq_lite.evaluation.fingerprint import digest_codebook
from arcvq_lite.prior import sample
from arcvq_lite.training.configuration import OptionError, parse_options
from arcvq_lite.training.loop import FINISHED, train
from arcvq_lite.training.model_options import PriorOptions
from arcvq_lite.training.options import (
    DataOptions,
    OptimizerOptions,
    RunOptions,
    TrainOptions,
)
from arcvq_lite.training.run_folder import load_trained
from arcvq_lite.training.tokens import open_tokens
from arcvq_lite.training.trained_prior import load_prior

CODES, COUNT = 8, 40
TINY = PriorOptions(width=16, layers=1, heads=2, dropout=0.1, classes="labels")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


def counting_tokens(path, codebook_sha256="0" * 64, count=COUNT, num_codes=CODES):
    """Pictures of 2×2 tokens that count on from a number, by 1 or 3 by their class."""
    numbers = np.arange(count)
    labels = numbers % 2
    places = np.arange(4).reshape(1, 2, 2)
    by = (1 + 2 * labels)[:, None, None]
    indices = (numbers[:, None, None] // 2 + by * places) % CODES
    TokenSet(
        indices=indices.astype(np.uint16),
        labels=labels.astype(np.int64),
        names=tuple(f"{number}.png" for number in numbers),
        class_names=("ones", "threes"),
        num_codes=num_codes,
        codebook_sha256=codebook_sha256,
    ).save(path)
    return path


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    return counting_tokens(tmp_path_factory.mktemp("tokens") / "tokens.npz")


def prior_run(tokens, folder, *, prior=TINY, rate=1e-3, weight_decay=0.0, **run):
    run = {"steps": 8, "log_every": 1, "save_every": 3, "ema_decay": 0.9} | run
    return TrainOptions(
        data=DataOptions(source=str(tokens), batch_size=8),
        optimizer=OptimizerOptions(
            learning_rate=rate, clip=1.0, weight_decay=weight_decay
        ),
        run=RunOptions(folder=str(folder), device="cpu", patience_s=30, **run),
        prior=prior,
    )


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


# New pictures


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """The run of a tiny VQ-VAE with 8 codes on the digits, 8×8 in grey."""
    folder = tmp_path_factory.mktemp("tokenizer")
    options = small_run("digits", folder, steps=1)
    train(dataclasses.replace(options, data=DataOptions("digits", 32)))
    return folder


@pytest.fixture(scope="module")
def prior(tokenizer, tmp_path_factory):
    """The run of a prior over that tokenizer's codes."""
    folder = tmp_path_factory.mktemp("prior")
    codebook = load_trained(tokenizer).autoencoder.quantizer.codebook
    path = counting_tokens(folder / "tokens.npz", digest_codebook(codebook))
    train(prior_run(path, folder / "run", rate=0.02, steps=60))
    return folder / "run"


def arcvq_sample(prior, tokenizer, out, **options):
    """What the verb does: its lines, and a status."""
    from arcvq_lite.evaluation.sampling_commands import sample as command

    return list(command(prior, model=tokenizer, out=out, **options))


def test_a_grid_is_written_the_same_for_the_same_seed(prior, tokenizer, tmp_path):
    made = {}
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        out = tmp_path / f"{name}.png"
        lines = arcvq_sample(
            prior, tokenizer, out, count=5, label=1, guidance=2.0, seed=seed
        )
        assert "5 pictures of the class threes" in lines[-1]
        made[name] = np.asarray(Image.open(out))
    # Three in a row, of 8×8 pixels with 2 around.
    assert made["one"].shape == (2 * 10 + 2, 3 * 10 + 2, 3)
    assert (made["one"] == made["again"]).all()
    assert (made["one"] != made["other"]).any()


@pytest.mark.parametrize("label", [None, 1])
def test_the_grid_shows_what_the_tokenizer_makes_of_the_codes(
    label, prior, tokenizer, tmp_path
):
    out = tmp_path / "grid.png"
    choice = {"temperature": 0.8, "top_k": 6, "top_p": 0.9, "guidance": 1.5}
    arcvq_sample(prior, tokenizer, out, count=4, label=label, **choice, seed=7)

    trained, model = load_prior(prior).prior, load_trained(tokenizer).autoencoder
    drawn = {
        of: sample(
            trained,
            4,
            classes=trained.no_class if of is None else of,
            generator=torch.Generator().manual_seed(7),
            **choice,
        )
        for of in (None, 0, 1)
    }
    wanted = (model.decode(drawn[label].view(4, 2, 2)).clamp(-1, 1) + 1) * 127.5
    grid = torch.from_numpy(np.array(Image.open(out)))[..., 0].float()
    shown = grid[2:, 2:].unfold(0, 8, 10).unfold(1, 8, 10).flatten(0, 1)
    torch.testing.assert_close(shown, wanted[:, 0].detach(), atol=0.51, rtol=0)
    others = [codes for of, codes in drawn.items() if of != label]
    assert not any(torch.equal(drawn[label], codes) for codes in others)


@pytest.mark.parametrize("count", [32, 33])
def test_as_many_pictures_as_are_drawn_at_once_and_more(
    count, prior, tokenizer, tmp_path
):
    arcvq_sample(prior, tokenizer, tmp_path / "grid.png", count=count)
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (6 * 10 + 2, 6 * 10 + 2)


def test_the_running_mean_is_taken_where_there_is_one(prior):
    state = final_state(prior)
    for average, source, wanted in (
        (True, "average", state["average"]["module.head.weight"]),
        (False, "prior", state["prior"]["head.weight"]),
    ):
        read = load_prior(prior, average=average)
        assert read.source == source
        assert torch.equal(read.prior.head.weight, wanted)


def test_another_tokenizer_is_refused(prior, tokenizer, tmp_path):
    options = small_run("digits", tmp_path / "foreign", steps=1, seed=1)
    train(dataclasses.replace(options, data=DataOptions("digits", 32)))
    with pytest.raises(ValueError, match="another codebook"):
        arcvq_sample(prior, tmp_path / "foreign", tmp_path / "grid.png")
    assert not (tmp_path / "grid.png").exists()


def test_a_run_of_the_other_kind_is_refused(prior, tokenizer, tmp_path):
    with pytest.raises(ValueError, match="run of an autoencoder, wanted that of a"):
        arcvq_sample(tokenizer, tokenizer, tmp_path / "grid.png")
    with pytest.raises(ValueError, match="run of a prior, wanted that of an auto"):
        arcvq_sample(prior, prior, tmp_path / "grid.png")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label": 2}, r"label=2 must lie in 0 … 1, from ones to threes"),
        ({"count": 0}, "count=0 must be at least 1"),
        ({"temperature": -1.0}, "temperature=-1.0 must be"),
    ],
)
def test_what_cannot_be_drawn_is_named(options, said, prior, tokenizer, tmp_path):
    with pytest.raises(ValueError, match=said):
        arcvq_sample(prior, tokenizer, tmp_path / "grid.png", **options)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        arcvq_sample(prior, tokenizer, tmp_path / "none" / "grid.png")


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({"classes": None}, {"label": 0}, "label=0 needs a prior that was told"),
        ({"class_drop": 0.0}, {}, "class_drop=0; give a label in 0 … 1"),
        ({"class_drop": 0.0}, {"label": 0, "guidance": 2.0}, "leave guidance at 1"),
    ],
)
def test_a_prior_is_asked_for_what_it_was_trained_on(
    changes, options, said, tokenizer, tmp_path
):
    codebook = load_trained(tokenizer).autoencoder.quantizer.codebook
    path = counting_tokens(tmp_path / "tokens.npz", digest_codebook(codebook))
    other = dataclasses.replace(TINY, **changes)
    train(prior_run(path, tmp_path / "run", prior=other, steps=1))
    with pytest.raises(ValueError, match=said):
        arcvq_sample(tmp_path / "run", tokenizer, tmp_path / "grid.png", **options)

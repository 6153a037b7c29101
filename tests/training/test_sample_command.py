"""`arcvq sample`: new pictures from a trained prior and its tokenizer."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from prior_runs import TINY, counting_tokens, prior_run
from small_runs import final_state, small_run

from arcvq_lite.evaluation.fingerprint import digest_codebook
from arcvq_lite.prior import sample
from arcvq_lite.training.loop import train
from arcvq_lite.training.options import (
    DataOptions,
)
from arcvq_lite.training.run_folder import load_trained
from arcvq_lite.training.trained_prior import load_prior


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


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

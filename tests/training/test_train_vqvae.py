"""train_vqvae: repeatable, honest about held-out images, and loud when it diverges."""

import random
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from arcvq_lite import (
    EMAVQ,
    VQ,
    VQVAE,
    ArcVQ,
    CodebookUsage,
    DivergenceError,
    History,
    train_vqvae,
)
from arcvq_lite.training import evaluate_vqvae

K, D = 8, 4
QUANTIZERS = {
    "VQ": lambda: VQ(K, D),
    "EMAVQ": lambda: EMAVQ(K, D, decay=0.5, restart_below=0.5),
    "ArcVQ": lambda: ArcVQ(K, D),
}
every_quantizer = pytest.mark.parametrize("name", QUANTIZERS)
QUICK = {"steps": 7, "batch_size": 8, "log_every": 3, "progress": False}


def small_model(name="ArcVQ", seed=0):
    torch.manual_seed(seed)
    return VQVAE(1, QUANTIZERS[name](), hidden=8, residual_hidden=4)


def pictures(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 1, 8, 8, generator=generator) * 2 - 1


def same_weights(one, other):
    one, other = one.state_dict(), other.state_dict()
    return all(torch.equal(one[key], other[key]) for key in one)


# Repeatable


@every_quantizer
def test_the_same_seed_gives_the_same_history_and_weights(name):
    models = [small_model(name), small_model(name)]
    torch.manual_seed(1)
    first, second = (train_vqvae(model, pictures(20), **QUICK) for model in models)
    assert first == second
    assert same_weights(*models)


@every_quantizer
def test_another_seed_gives_another_history(name):
    first = train_vqvae(small_model(name), pictures(20), seed=1, **QUICK)
    second = train_vqvae(small_model(name), pictures(20), seed=2, **QUICK)
    assert first["total"] != second["total"]


@every_quantizer
def test_the_global_random_states_are_left_as_they_were(name):
    model = small_model(name)
    before = torch.get_rng_state(), np.random.get_state()[1], random.getstate()
    train_vqvae(model, pictures(20), **QUICK)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


@every_quantizer
@pytest.mark.parametrize("log_every", [1, 7])
def test_neither_held_out_images_nor_logging_influence_training(name, log_every):
    plain, watched = small_model(name), small_model(name)
    train_vqvae(plain, pictures(20), **QUICK)
    train_vqvae(
        watched,
        pictures(20),
        held_out=pictures(5, seed=9),
        **{**QUICK, "log_every": log_every},
    )
    assert same_weights(plain, watched)


# What it does


def test_it_is_adam_on_the_error_over_the_variance_plus_the_quantizers_loss():
    images, model, expected = pictures(8), small_model(), small_model()
    optimizer = torch.optim.Adam(expected.parameters(), lr=1e-2)
    totals = []
    for step in range(4):
        reconstruction, quantized = expected(images, step=step)
        total = F.mse_loss(reconstruction, images) / images.var() + quantized.loss
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())

    options = {"steps": 4, "batch_size": 8, "learning_rate": 1e-2, "log_every": 1}
    history = train_vqvae(model, images, progress=False, **options)
    assert history["total"] == pytest.approx(totals, rel=1e-4)
    torch.testing.assert_close(model.state_dict(), expected.state_dict())


def test_every_image_is_seen_once_in_a_pass(monkeypatch):
    seen, model = [], small_model()
    images = torch.arange(12.0).view(12, 1, 1, 1).expand(12, 1, 8, 8) / 12

    def note(module, arguments, keywords):
        if module.training:
            seen.extend((arguments[0][:, 0, 0, 0] * 12).round().int().tolist())

    model.register_forward_pre_hook(note, with_kwargs=True)
    options = {"steps": 6, "batch_size": 4, "progress": False}
    train_vqvae(model, images, **options)
    assert sorted(seen[:12]) == sorted(seen[12:]) == list(range(12))
    assert seen[:12] != seen[12:]


@every_quantizer
def test_training_lowers_the_loss(name):
    options = {"steps": 60, "batch_size": 16, "log_every": 59, "progress": False}
    images = pictures(16)[:, :, :1, :1].expand(-1, -1, 8, 8)
    history = train_vqvae(small_model(name), images, learning_rate=1e-2, **options)
    assert history.final("reconstruction") < 0.5 * history["reconstruction"][0]
    assert history.final("psnr") > history["psnr"][0]


@every_quantizer
def test_the_model_is_left_in_evaluation(name):
    model = small_model(name)
    train_vqvae(model, pictures(20), **QUICK)
    assert not any(module.training for module in model.modules())


def test_every_step_is_trained_in_training_mode():
    """Logging evaluates the model in between, which must not stop the ball."""
    model = small_model()
    train_vqvae(model, pictures(20), **{**QUICK, "log_every": 1})
    assert model.quantizer.last_step == QUICK["steps"] - 1


# The history


@every_quantizer
def test_the_history_has_every_column_and_step(name):
    model = small_model(name)
    history = train_vqvae(model, pictures(20), **QUICK)
    expected = {"total", "reconstruction", "codebook", "commitment", "psnr", "usage"}
    expected |= {"perplexity", "norm_mean", "norm_min", "norm_max", "nearest_angle"}
    if name == "ArcVQ":
        expected |= {"margin", "margin_weight", "radius"}
    assert set(history.names) == expected
    assert history.steps == [0, 3, 6]
    assert all(len(history[column]) == 3 for column in expected)
    assert all(isinstance(value, float) for value in history["total"])


def test_the_last_row_describes_the_model_that_is_left():
    model, images, held_out = small_model(), pictures(20), pictures(6, seed=9)
    history = train_vqvae(model, images, held_out=held_out, **QUICK)
    norms = model.quantizer.codebook.detach().norm(dim=1)
    assert history.final("norm_max") == pytest.approx(norms.max().item())
    assert history.final("norm_mean") == pytest.approx(norms.mean().item())
    for column, value in evaluate_vqvae(model, held_out).items():
        assert history.final(column) == pytest.approx(value)


def test_without_held_out_images_the_first_ones_are_the_probe():
    model, images = small_model(), pictures(20)
    history = train_vqvae(model, images, **QUICK)
    assert history.final("psnr") == pytest.approx(evaluate_vqvae(model, images)["psnr"])


def test_evaluation_is_that_of_the_whole_set_whatever_the_batch():
    model, images = small_model(), pictures(20)
    out = model.eval()(images)
    error = (out.reconstruction.clamp(-1, 1) - images).square().mean().item()
    usage = CodebookUsage(K)
    usage.update(out.quantized.indices)
    expected = {
        "psnr": 10 * np.log10(4 / error),
        "usage": usage.compute()["usage"].item(),
        "perplexity": usage.compute()["perplexity"].item(),
    }
    for batch_size in (3, 20):
        found = evaluate_vqvae(model, images, batch_size=batch_size)
        assert found == pytest.approx(expected, rel=1e-5)


def test_a_history_refuses_a_row_of_other_names():
    history = History()
    history.append(0, {"total": 1.0})
    with pytest.raises(ValueError, match=r"row has \['loss'\].*\['total'\]"):
        history.append(1, {"loss": 1.0})
    assert history == History([0], {"total": [1.0]})


def test_a_history_says_what_it_has():
    history = History([0], {"total": [1.0], "psnr": [2.0]})
    assert history["psnr"] == [2.0]
    assert history.final("psnr") == 2.0
    with pytest.raises(KeyError, match=r"'usage' was not logged.*'total', 'psnr'"):
        history["usage"]


# Divergence


@every_quantizer
def test_a_diverging_loss_stops_with_step_and_terms(name):
    with pytest.raises(DivergenceError, match=r"step \d+: .*learning_rate") as caught:
        train_vqvae(small_model(name), pictures(20), learning_rate=1e6, **QUICK)
    for term in ("total=", "reconstruction=", "codebook=", "commitment="):
        assert term in str(caught.value)


@every_quantizer
def test_latents_beyond_float32_are_a_divergence_too(name):
    with pytest.raises(DivergenceError, match=r"step \d+: .*learning_rate"):
        train_vqvae(small_model(name), pictures(20), learning_rate=1e30, **QUICK)


def test_a_loss_that_is_nan_stops_before_the_weights_are_spoilt():
    model, batches = small_model(), []

    def poison(decoder, arguments, reconstruction):
        batches.append(reconstruction)
        return reconstruction * (torch.nan if len(batches) == 3 else 1)

    model.decoder.register_forward_hook(poison)
    with pytest.raises(DivergenceError, match=r"step 1: .*total=nan.*radius=1"):
        train_vqvae(model, pictures(20), **QUICK)
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


# The bar


@pytest.fixture
def terminal(capsys, monkeypatch):
    """What a run has written to a terminal, whatever tqdm's environment says."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    return lambda: "".join(capsys.readouterr())


def test_without_progress_nothing_is_written(terminal):
    train_vqvae(small_model(), pictures(20), **QUICK)
    assert terminal() == ""


def test_the_bar_shows_figures_and_is_silenced_by_tqdms_own_variable(
    terminal, monkeypatch
):
    train_vqvae(small_model(), pictures(20), **{**QUICK, "progress": True})
    assert "psnr=" in terminal()
    monkeypatch.setenv("TQDM_DISABLE", "1")
    train_vqvae(small_model(), pictures(20), **{**QUICK, "progress": True})
    assert terminal() == ""


# Bad input


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps=0"),
        ({"log_every": 0}, ValueError, "log_every=0"),
        ({"batch_size": 0}, ValueError, "batch_size=0 must lie in 1 … 20"),
        ({"batch_size": 21}, ValueError, "batch_size=21 must lie in 1 … 20"),
        ({"learning_rate": 0.0}, ValueError, r"learning_rate=0\.0"),
        ({"learning_rate": -1.0}, ValueError, r"learning_rate=-1\.0"),
        ({"learning_rate": np.inf}, ValueError, "learning_rate=inf"),
        ({"learning_rate": np.nan}, ValueError, "learning_rate=nan"),
        ({"images": pictures(20)[0]}, ValueError, r"images must.*\(1, 8, 8\)"),
        ({"images": pictures(20)[:0]}, ValueError, r"images.*\(0, 1, 8, 8\)"),
        (
            {"images": pictures(20).expand(-1, 3, -1, -1)},
            ValueError,
            r"images must.*\(20, 3, 8, 8\)",
        ),
        ({"images": pictures(20).byte()}, TypeError, r"images must.*torch\.uint8"),
        ({"images": pictures(20) * np.nan}, ValueError, "images contain NaN"),
        ({"images": pictures(20) * 0}, ValueError, "images.*variance"),
        ({"held_out": pictures(5)[:0]}, ValueError, r"held_out.*\(0, 1, 8, 8\)"),
        ({"held_out": pictures(5)[0]}, ValueError, r"held_out.*\(1, 8, 8\)"),
        ({"held_out": pictures(5).byte()}, TypeError, r"held_out.*torch\.uint8"),
        ({"held_out": pictures(5) * np.inf}, ValueError, "held_out contain .*inf"),
    ],
)
def test_bad_input_is_named_before_anything_is_trained(options, error, message):
    model, untouched = small_model(), small_model()
    with pytest.raises(error, match=message):
        train_vqvae(model, **{"images": pictures(20), **QUICK, **options})
    assert same_weights(model, untouched)

"""Official checkpoints: written, read, and refused where they cannot be trusted."""

import pytest
import torch

from arcvq_lite import (
    EMAVQ,
    VQ,
    VQVAE,
    ArcVQ,
    ConstantRadius,
    load_official,
    official_state_dict,
    save_official,
)
from arcvq_lite.models import PatchCritic

CONV_1 = "_encoder._conv_1.weight"
CODEBOOK = "_vq_vae.embedding.weight"
NARROW = "_encoder._residual_stack._layers.0._block.1.weight"


def small_model(quantizer=None, in_channels=3, **options):
    quantizer = quantizer or ArcVQ(8, 4)
    return VQVAE(in_channels, quantizer, hidden=6, residual_hidden=5, **options)


@pytest.fixture
def model():
    return small_model()


@pytest.fixture
def state(model):
    return official_state_dict(model)


def assert_same_function(model, other, in_channels=3):
    images = torch.randn(2, in_channels, 8, 12)
    one, two = model.eval()(images), other.eval()(images)
    assert torch.equal(one.reconstruction, two.reconstruction)
    assert torch.equal(one.quantized.indices, two.quantized.indices)


# There and back


@pytest.mark.parametrize("in_channels", [1, 3])
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_what_was_saved_is_what_is_loaded(in_channels, layers, tmp_path):
    model = small_model(in_channels=in_channels, residual_layers=layers)
    save_official(model, tmp_path / "model.pt")
    loaded = load_official(tmp_path / "model.pt")
    assert_same_function(model, loaded, in_channels)
    for key, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value)


@pytest.mark.parametrize("make", [VQ, EMAVQ])
def test_weights_of_any_quantizer_are_saved(make, tmp_path):
    model = small_model(make(8, 4))
    save_official(model, tmp_path / "model.pt")
    loaded = load_official(tmp_path / "model.pt")
    assert torch.equal(loaded.quantizer.codebook, model.quantizer.codebook)
    for half in ("encoder", "decoder"):
        ours, theirs = getattr(model, half), getattr(loaded, half)
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(one, other)


def test_the_file_is_a_plain_state_dict(model, state, tmp_path):
    save_official(model, str(tmp_path / "model.pt"))
    plain = torch.load(tmp_path / "model.pt", weights_only=True)
    assert plain.keys() == state.keys()
    assert all(torch.equal(plain[key], state[key]) for key in state)


def test_the_state_dict_is_a_copy(model, state):
    state[CODEBOOK].zero_()
    assert model.quantizer.codebook.any()
    assert not any(value.requires_grad for value in state.values())


def test_options_of_the_quantizer_pass_through(state):
    loaded = load_official(state, radius=ConstantRadius(2.0), margin=None)
    assert loaded.quantizer.radius == ConstantRadius(2.0)
    assert loaded.quantizer.margin is None
    assert loaded.training


def test_loading_leaves_the_given_state_alone(state):
    before = {key: value.clone() for key, value in state.items()}
    loaded = load_official(state)
    with torch.no_grad():
        loaded.quantizer.codebook.zero_()
    assert all(torch.equal(state[key], before[key]) for key in before)


def test_loading_draws_no_random_numbers(state):
    before = torch.get_rng_state()
    load_official(state)
    assert torch.equal(torch.get_rng_state(), before)


WRAPPINGS = {
    "under state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "under model": lambda state: {"model": state},
    "module. prefix": lambda state: {f"module.{key}": state[key] for key in state},
    "both": lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
    "loss.* beside": lambda state: {
        **state,
        "loss.lpips.weight": torch.ones(3),
        "loss.step": 7,
    },
    "module.loss.* beside": lambda state: {
        **{f"module.{key}": state[key] for key in state},
        "module.loss.weight": torch.ones(3),
    },
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("as_file", [False, True])
def test_wrappings_are_taken_off(wrapping, as_file, model, state, tmp_path):
    checkpoint = WRAPPINGS[wrapping](state)
    if as_file:
        torch.save(checkpoint, tmp_path / "wrapped.pt")
        checkpoint = tmp_path / "wrapped.pt"
    assert_same_function(load_official(checkpoint), model)


# Saving


def test_saving_into_a_missing_folder_names_the_path(model, tmp_path):
    path = tmp_path / "nowhere" / "model.pt"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        save_official(model, path)
    assert not path.parent.exists()


@pytest.mark.parametrize("interruption", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interrupted_save_leaves_the_older_file_and_nothing_else(
    interruption, model, tmp_path, monkeypatch
):
    path = tmp_path / "model.pt"
    save_official(model, path)
    before = path.read_bytes()

    def half_a_save(content, file):
        file.write(b"half a")
        raise interruption

    monkeypatch.setattr(torch, "save", half_a_save)
    with pytest.raises(type(interruption)):
        save_official(small_model(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_saving_replaces_an_older_file_and_leaves_nothing_beside_it(model, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"older")
    save_official(model, path)
    assert_same_function(load_official(path), model)
    assert list(tmp_path.iterdir()) == [path]


def test_a_skip_that_the_official_code_lacks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="relu_skip=False"):
        save_official(small_model(relu_skip=False), tmp_path / "model.pt")
    assert not list(tmp_path.iterdir())


# Keys that do not fit, each named


def without(state, *names):
    return {key: value for key, value in state.items() if key not in names}


@pytest.mark.parametrize(
    "missing",
    [
        ["_decoder._conv_1.bias"],
        ["_decoder._conv_1.bias", "_pre_vq_conv.weight", "_encoder._conv_3.bias"],
        [CONV_1],
        [CODEBOOK, "_decoder._conv_1.bias"],
        [CONV_1, "_encoder._conv_2.weight", CODEBOOK, "_decoder._conv_trans_2.bias"],
        [NARROW, NARROW.replace("block.1.weight", "block.3.bias")],
    ],
    ids=len,
)
def test_every_missing_key_is_named(missing, state):
    with pytest.raises(ValueError, match="checkpoint") as caught:
        load_official(without(state, *missing))
    assert all(f"missing {key}" in str(caught.value) for key in missing)


@pytest.mark.parametrize("key", ["_decoder._conv_1.bias", CONV_1, CODEBOOK, NARROW])
@pytest.mark.parametrize("shape", [(), (3,), (6, 3, 3), (7, 5, 4, 4, 2)])
def test_a_misshapen_key_is_named_with_its_shape(key, shape, state):
    with pytest.raises(ValueError, match="checkpoint") as caught:
        load_official({**state, key: torch.zeros(shape)})
    assert key in str(caught.value)
    assert str(shape) in str(caught.value)


def test_missing_unknown_and_misshapen_keys_are_named_at_once(state):
    damaged = {
        **without(state, "_pre_vq_conv.bias"),
        "_decoder._conv_1.bias": torch.zeros(99),
        "_decoder._conv_9.bias": torch.zeros(1),
        "_encoder._residual_stack._layers.2._block.1.bias": torch.zeros(5),
    }
    with pytest.raises(ValueError, match="checkpoint") as caught:
        load_official(damaged)
    for part in ("_pre_vq_conv.bias", "(99,)", "_decoder._conv_9.bias", "_layers.2."):
        assert part in str(caught.value)


@pytest.mark.parametrize("shape", [(7, 3, 4, 4), (0, 3, 4, 4)])
def test_a_size_that_no_model_has_is_traced_to_its_key(shape, state):
    with pytest.raises(ValueError, match=r"_encoder\._conv_2\.weight"):
        load_official({**state, "_encoder._conv_2.weight": torch.zeros(shape)})


def test_a_far_layer_number_does_not_build_that_many_layers(state):
    far = "_encoder._residual_stack._layers.100000000._block.1.weight"
    with pytest.raises(ValueError, match=f"unknown {far}"):
        load_official({**state, far: torch.zeros(5, 6, 3, 3)})


def test_the_vqgan_variant_is_told_apart_by_its_keys():
    keys = ("encoder.down.0.block.0.conv1.weight", "decoder.up.0.block.0.conv1.weight")
    with pytest.raises(ValueError, match=r"missing encoder\.conv_in\.weight"):
        load_official({key: torch.zeros(1) for key in keys})


def test_a_critic_beside_a_vqvae_is_refused(model):
    with pytest.raises(ValueError, match="critic belongs to a VQGAN"):
        official_state_dict(model, PatchCritic())


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        ({}, CONV_1),
        ({"epoch": 3, "state": {"a": torch.zeros(1)}}, "epoch is int"),
        ({3: torch.zeros(1)}, "unknown 3"),
        ([torch.zeros(1)], "checkpoint must be a file or a state dict, got list"),
        (torch.nn.Linear(2, 2), "checkpoint must be .* got Linear"),
        (None, "checkpoint must be .* got NoneType"),
        ({"state_dict": "elsewhere"}, "state_dict is str"),
    ],
)
def test_what_is_no_state_dict_is_refused(checkpoint, message):
    with pytest.raises(ValueError, match=message):
        load_official(checkpoint)


def test_integer_weights_are_refused(state):
    with pytest.raises(ValueError, match=CODEBOOK):
        load_official({**state, CODEBOOK: state[CODEBOOK].long()})

"""Official checkpoints of the VQGAN variant: sizes, critic, refusals."""

import pytest
import torch

from arcvq_lite import VQ, ArcVQ, ConstantRadius
from arcvq_lite.models import (
    VQGAN,
    PatchCritic,
    load_official,
    load_official_critic,
    official_state_dict,
    save_official,
)

CODEBOOK = "quantize.embedding.weight"
CONV_IN = "encoder.conv_in.weight"

SIZES = {
    "plain": {},
    "one level": {"multipliers": (1,), "attention_resolutions": (16,)},
    "three levels": {"multipliers": (1, 1, 2), "attention_resolutions": (16, 4)},
    "deeper": {"residual_blocks": 2},
    "other latents": {"latent_channels": 5},
    "wider at first": {"multipliers": (2, 1)},
}


def small_model(quantizer=None, in_channels=3, **options):
    defaults = {
        "channels": 32,
        "multipliers": (1, 2),
        "residual_blocks": 1,
        "attention_resolutions": (8,),
        "resolution": 16,
    }
    return VQGAN(in_channels, quantizer or ArcVQ(8, 4), **{**defaults, **options})


@pytest.fixture
def model():
    return small_model()


@pytest.fixture
def critic():
    return PatchCritic(channels=4, layers=2)


@pytest.fixture
def state(model, critic):
    return official_state_dict(model, critic)


def assert_same_function(model, other, in_channels=3):
    images = torch.randn(2, in_channels, 8, 12)
    one, two = model.eval()(images), other.eval()(images)
    assert torch.equal(one.reconstruction, two.reconstruction)
    assert torch.equal(one.quantized.indices, two.quantized.indices)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("resolution", [16, 256])
def test_what_was_saved_is_what_is_loaded(sizes, resolution, tmp_path):
    model = small_model(**SIZES[sizes])
    save_official(model, tmp_path / "model.pt")
    loaded = load_official(tmp_path / "model.pt", resolution=resolution)
    assert loaded.factor == model.factor
    assert_same_function(model, loaded)
    for key, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value)


def test_grey_images_and_other_quantizers(tmp_path):
    model = small_model(VQ(8, 4), in_channels=1)
    loaded = load_official(official_state_dict(model))
    assert loaded.in_channels == 1
    assert torch.equal(loaded.quantizer.codebook, model.quantizer.codebook)


def test_options_of_the_quantizer_pass_through(state):
    loaded = load_official(state, radius=ConstantRadius(2.0), margin=None)
    assert loaded.quantizer.radius == ConstantRadius(2.0)
    assert loaded.quantizer.margin is None
    assert loaded.quantizer.commitment_weight == 1.0
    assert loaded.training


def test_loading_draws_no_random_numbers(state):
    before = torch.get_rng_state()
    load_official(state)
    load_official_critic(state)
    assert torch.equal(torch.get_rng_state(), before)


# The critic


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_a_critic_comes_back_with_its_statistics(layers, model, tmp_path):
    critic = PatchCritic(channels=2, layers=layers)
    side = 4 * 2**layers
    critic(torch.randn(2, 3, side, side))
    save_official(model, tmp_path / "model.pt", critic)
    loaded = load_official_critic(tmp_path / "model.pt")
    assert loaded.training
    for key, value in critic.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key
    assert int(loaded.main[3].num_batches_tracked) == 1
    assert_same_function(model, load_official(tmp_path / "model.pt"))


def test_the_critic_is_read_out_of_every_wrapping(state, critic):
    wrapped = {"state_dict": {f"module.{key}": state[key] for key in state}}
    loaded = load_official_critic(wrapped)
    assert torch.equal(loaded.main[0].weight, critic.main[0].weight)


def test_a_checkpoint_without_a_critic_says_so(model):
    with pytest.raises(ValueError, match=r"has no critic.*PatchCritic\(\)"):
        load_official_critic(official_state_dict(model))


def test_a_damaged_critic_is_described(state):
    prefix = "loss.discriminator.main"
    damaged = {**state, f"{prefix}.0.bias": torch.zeros(9)}
    del damaged[f"{prefix}.2.weight"]
    with pytest.raises(ValueError, match="checkpoint") as caught:
        load_official_critic(damaged)
    assert "missing main.2.weight" in str(caught.value)
    assert "main.0.bias is (9,), wanted (4,)" in str(caught.value)


def test_whole_numbers_stand_only_where_batches_are_counted(state):
    key = "loss.discriminator.main.0.bias"
    with pytest.raises(ValueError, match=r"main\.0\.bias is Tensor"):
        load_official_critic({**state, key: state[key].long()})


# Keys that do not fit, each named


@pytest.mark.parametrize(
    "missing",
    [
        [CONV_IN],
        [CODEBOOK, "quant_conv.weight"],
        ["encoder.down.1.block.0.conv1.weight", "decoder.up.1.block.0.conv1.weight"],
        ["encoder.down.1.attn.0.q.weight", "decoder.mid.attn_1.k.bias"],
        ["decoder.up.0.block.1.norm1.weight", "encoder.conv_out.bias"],
    ],
    ids=len,
)
def test_every_missing_key_is_named(missing, state):
    kept = {key: value for key, value in state.items() if key not in missing}
    with pytest.raises(ValueError, match="checkpoint does not fit") as caught:
        load_official(kept)
    assert all(f"missing {key}" in str(caught.value) for key in missing)


@pytest.mark.parametrize(
    "key", [CODEBOOK, "encoder.conv_out.weight", "decoder.up.1.block.0.conv2.weight"]
)
@pytest.mark.parametrize("shape", [(), (3,), (7, 5, 4, 4, 2)])
def test_a_misshapen_key_is_named_with_its_shape(key, shape, state):
    with pytest.raises(ValueError, match="checkpoint") as caught:
        load_official({**state, key: torch.zeros(shape)})
    assert key in str(caught.value)
    assert str(shape) in str(caught.value)


def test_attention_in_one_half_alone_is_refused(state):
    kept = {key: v for key, v in state.items() if "down.1.attn" not in key}
    with pytest.raises(ValueError, match=r"missing encoder\.down\.1\.attn\.0"):
        load_official(kept)


@pytest.mark.parametrize("width", [0, 48])
def test_a_width_that_no_model_has_is_traced_to_its_key(width, state):
    with pytest.raises(ValueError, match=rf"channels={width}.*encoder\.conv_in\.weig"):
        load_official({**state, CONV_IN: torch.zeros(width, 3, 3, 3)})


@pytest.mark.parametrize(
    "far",
    [
        "encoder.down.100000000.block.0.conv1.weight",
        "encoder.down.0.block.100000000.conv1.weight",
        "encoder.down.100000000.attn.0.q.weight",
    ],
)
def test_a_far_number_builds_nothing(far, state):
    with pytest.raises(ValueError, match=f"unknown {far}"):
        load_official({**state, far: torch.zeros(5)})


def test_a_resolution_that_the_levels_cannot_halve_is_refused(state):
    with pytest.raises(ValueError, match="resolution=15 must be a multiple of 2"):
        load_official(state, resolution=15)

"""The VQGAN's autoencoder around any quantizer."""

import copy
import math

import pytest
import torch
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from arcvq_lite import EMAVQ, VQ, ArcVQ, Reconstruction
from arcvq_lite.models import VQGAN, PatchCritic
from arcvq_lite.models.residual_attention import Downsample, SelfAttention, Upsample

K, D = 8, 4

QUANTIZERS = {
    "VQ": lambda: VQ(K, D),
    "EMAVQ": lambda: EMAVQ(K, D),
    "ArcVQ": lambda: ArcVQ(K, D),
}
every_quantizer = pytest.mark.parametrize("name", QUANTIZERS)

SMALL = {
    "channels": 32,
    "multipliers": (1, 2),
    "residual_blocks": 1,
    "attention_resolutions": (8,),
    "resolution": 16,
}


def small_model(quantizer=None, in_channels=3, **options):
    return VQGAN(in_channels, quantizer or ArcVQ(K, D), **{**SMALL, **options})


def gradients_of(model, images):
    """All gradients of the reconstruction's error and the quantizer's loss."""
    model.zero_grad()
    reconstruction, quantized = model(images, step=0)
    (F.mse_loss(reconstruction, images) + quantized.loss).backward()
    return {key: weight.grad.clone() for key, weight in model.named_parameters()}


# Sizes and layout


def test_the_imagenet_model_has_as_many_parameters_as_the_official_one():
    with torch.device("meta"):
        autoencoder, critic = VQGAN(3, ArcVQ(1024, 16)), PatchCritic()
    assert sum(weight.numel() for weight in autoencoder.parameters()) == 67_779_251
    assert sum(weight.numel() for weight in critic.parameters()) == 2_765_633
    assert autoencoder.factor == 8


@every_quantizer
@pytest.mark.parametrize(("height", "width"), [(16, 16), (8, 12)])
def test_a_picture_becomes_a_smaller_grid_and_comes_back(name, height, width):
    model = small_model(QUANTIZERS[name]())
    images = torch.randn(2, 3, height, width)
    out = model(images, step=0)
    assert isinstance(out, Reconstruction)
    assert out.reconstruction.shape == images.shape
    assert out.quantized.indices.shape == (2, height // 2, width // 2)
    assert model.latents(images).shape == (2, D, height // 2, width // 2)


@every_quantizer
def test_encode_then_decode_is_the_evaluation_reconstruction(name):
    model = small_model(QUANTIZERS[name]()).eval()
    images = torch.randn(2, 3, 8, 12)
    indices = model.encode(images)
    assert torch.equal(indices, model(images).quantized.indices)
    torch.testing.assert_close(model.decode(indices), model(images).reconstruction)
    assert not model.decode(indices).requires_grad


@every_quantizer
def test_the_reconstruction_error_reaches_every_weight_of_both_halves(name):
    model = small_model(QUANTIZERS[name]())
    images = torch.randn(2, 3, 8, 8)
    F.mse_loss(model(images, step=0).reconstruction, images).backward()
    # A key's bias moves all of a query's logits alike: softmax does not see it.
    halves = {
        key: weight
        for key, weight in model.named_parameters()
        if not key.startswith("quantizer") and not key.endswith(".k.bias")
    }
    silent = [key for key, w in halves.items() if w.grad is None or not w.grad.any()]
    assert silent == []
    assert model.quantizer.codebook.grad is None


def test_the_last_layer_is_the_decoders_last_weight():
    model = small_model()
    assert model.last_layer is model.decoder.conv_out.weight
    with torch.no_grad():
        model.decoder.conv_out.weight.zero_()
        model.decoder.conv_out.bias.fill_(0.25)
    out = model(torch.randn(1, 3, 8, 8), step=0).reconstruction
    assert torch.equal(out, torch.full_like(out, 0.25))


@pytest.mark.parametrize(
    ("resolutions", "levels"), [((), set()), ((16,), {0}), ((4, 16), {0, 2})]
)
def test_attention_stands_in_the_levels_of_the_named_heights(resolutions, levels):
    model = small_model(multipliers=(1, 1, 1), attention_resolutions=resolutions)
    for stages, blocks in ((model.encoder.down, 1), (model.decoder.up, 2)):
        found = {level: len(stage.attn) for level, stage in enumerate(stages)}
        assert found == {n: blocks if n in levels else 0 for n in range(3)}
        assert all(len(stage.block) == blocks for stage in stages)


def test_latents_may_have_more_channels_than_codes_have_dimensions():
    model = small_model(latent_channels=7)
    assert model.encoder(torch.randn(1, 3, 8, 8)).shape == (1, 7, 4, 4)
    assert model.latents(torch.randn(1, 3, 8, 8)).shape == (1, D, 4, 4)


# The parts, each against its definition


def test_attention_is_the_softmax_over_all_places():
    attention, x = SelfAttention(32), torch.randn(2, 32, 3, 5)
    query, key, value = (
        project(attention.norm(x)).flatten(2)
        for project in (attention.q, attention.k, attention.v)
    )
    similar = torch.einsum("bcq,bck->bqk", query, key) / math.sqrt(32)
    gathered = torch.einsum("bqk,bck->bcq", similar.softmax(dim=2), value)
    expected = x + attention.proj_out(gathered.reshape(x.shape))
    torch.testing.assert_close(attention(x), expected)


def test_halving_looks_to_the_right_and_below():
    down = Downsample(1)
    torch.nn.init.zeros_(down.conv.bias)
    torch.nn.init.ones_(down.conv.weight)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    corner = x[0, 0, :3, :3].sum()
    assert down(x).shape == (1, 1, 2, 2)
    assert down(x)[0, 0, 0, 0] == corner
    assert down(x)[0, 0, 1, 1] == x[0, 0, 2:, 2:].sum()


def test_doubling_repeats_every_place():
    up = Upsample(1)
    torch.nn.init.zeros_(up.conv.bias)
    torch.nn.init.dirac_(up.conv.weight)
    x = torch.arange(4.0).reshape(1, 1, 2, 2)
    torch.testing.assert_close(
        up(x), x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    )


# The same function however it is run


def test_recomputing_activations_keeps_less_and_changes_no_gradient():
    model, images = small_model(), torch.randn(2, 3, 16, 16)
    kept = []

    def keep(tensor):
        kept.append(tensor.numel())
        return tensor

    def run():
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = model(images, step=0).reconstruction.square().mean()
        numbers = sum(kept)
        model.zero_grad()
        loss.backward()
        return numbers, [w.grad.clone() for w in model.decoder.parameters()]

    all_kept, gradients = run()
    model.recompute_activations()
    fewer, again = run()
    assert fewer < all_kept / 2
    for one, other in zip(gradients, again, strict=True):
        torch.testing.assert_close(one, other)


def test_recomputing_survives_the_adaptive_weights_two_walks():
    model, images = small_model(), torch.randn(1, 3, 8, 8)
    model.recompute_activations()
    loss = model(images, step=0).reconstruction.square().mean()
    torch.autograd.grad(loss, model.last_layer, retain_graph=True)
    loss.backward()
    assert model.encoder.conv_in.weight.grad.any()


def test_channels_last_changes_no_value_and_no_gradient():
    model, images = small_model(), torch.randn(2, 3, 8, 8)
    other = copy.deepcopy(model).to(memory_format=torch.channels_last)
    turned = images.to(memory_format=torch.channels_last)
    one, two = model(images, step=0), other(turned, step=0)
    assert torch.equal(one.quantized.indices, two.quantized.indices)
    assert two.reconstruction.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(
        one.reconstruction, two.reconstruction, rtol=1e-4, atol=1e-5
    )
    gradients = gradients_of(model, images)
    for key, gradient in gradients_of(other, turned).items():
        torch.testing.assert_close(gradients[key], gradient, rtol=1e-3, atol=1e-5)


def test_autocast_takes_the_same_codes_as_float32_from_the_same_latents():
    model = small_model().eval()
    images = torch.randn(2, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        latents = model.latents(images)
        out = model(images)
    assert latents.dtype == torch.bfloat16
    assert out.reconstruction.dtype == torch.bfloat16
    assert out.quantized.quantized.dtype == torch.bfloat16
    assert out.quantized.loss.dtype == torch.float32
    assert torch.equal(out.quantized.indices, model.quantizer.assign(latents.float()))


def test_a_model_in_float64():
    model = small_model().double().eval()
    images = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    assert model(images).reconstruction.dtype == torch.float64


# torch's compiler looks at what it hides from users, not from pytest's filter.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_a_compiled_model_has_the_same_values_and_gradients():
    model, images = small_model(), torch.randn(2, 3, 8, 8)
    expected = model(images, step=0)
    gradients = gradients_of(model, images)
    torch.compiler.reset()
    compiled = torch.compile(copy.deepcopy(model), backend="aot_eager")
    out = compiled(images, step=0)
    assert torch.equal(out.quantized.indices, expected.quantized.indices)
    torch.testing.assert_close(out.reconstruction, expected.reconstruction)
    for key, gradient in gradients_of(compiled, images).items():
        torch.testing.assert_close(gradients[key.removeprefix("_orig_mod.")], gradient)


def test_torchs_own_averaged_model_holds_the_moving_average():
    model = small_model()
    average = AveragedModel(
        model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True
    )
    average.update_parameters(model)  # the first update copies
    before = {key: w.detach().clone() for key, w in model.named_parameters()}
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    average.update_parameters(model)
    for key, weight in average.module.named_parameters():
        torch.testing.assert_close(weight, before[key] + 0.1)
    images = torch.randn(1, 3, 8, 8)
    assert average.eval()(images).reconstruction.shape == images.shape


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_channels": 0}, "in_channels=0 must be at least 1"),
        ({"channels": 48}, "channels=48 must be a multiple of 32"),
        ({"channels": 0}, "channels=0 must be a multiple of 32"),
        ({"multipliers": ()}, r"multipliers=\(\) must be one number"),
        ({"multipliers": (1, 0)}, r"multipliers=\(1, 0\) must be one number"),
        ({"residual_blocks": 0}, "residual_blocks=0 must be at least 1"),
        ({"latent_channels": 0}, "latent_channels=0 must be at least 1"),
        ({"resolution": 15}, "resolution=15 must be a multiple of 2"),
        ({"resolution": 0}, "resolution=0 must be a multiple of 2"),
        ({"attention_resolutions": (8, 32)}, r"among .*\[16, 8\], got \[32\]"),
    ],
)
def test_a_size_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        VQGAN(**{"in_channels": 3, "quantizer": VQ(K, D), **SMALL, **options})


def test_what_is_no_quantizer_is_refused():
    with pytest.raises(TypeError, match=r"quantizer must be .*got 512"):
        VQGAN(3, 512)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (torch.zeros(2, 1, 8, 8), ValueError, r"images must.*\(B, 3, H, W\).*\(2, 1"),
        (torch.zeros(2, 3, 8, 9), ValueError, r"multiples of 2.*\(2, 3, 8, 9\)"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), TypeError, "images must.*uint8"),
        (torch.full((2, 3, 8, 8), torch.nan), ValueError, "contain NaN.*images"),
    ],
)
def test_images_that_cannot_be_encoded_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        small_model()(images, step=0)


def test_indices_that_are_no_batch_of_grids_are_refused():
    with pytest.raises(ValueError, match=r"indices must be \(B, H/2, W/2\), got \(4,"):
        small_model().decode(torch.zeros(4, 4, dtype=torch.int64))

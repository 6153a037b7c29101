"""The autoencoder around any quantizer."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from arcvq_lite import EMAVQ, VQ, VQVAE, ArcVQ, Reconstruction

K, D = 8, 4

QUANTIZERS = {
    "VQ": lambda: VQ(K, D),
    "EMAVQ": lambda: EMAVQ(K, D),
    "ArcVQ": lambda: ArcVQ(K, D),
}
every_quantizer = pytest.mark.parametrize("name", QUANTIZERS)


def small_model(quantizer=None, in_channels=3, **options):
    quantizer = quantizer or ArcVQ(K, D)
    return VQVAE(in_channels, quantizer, hidden=8, residual_hidden=4, **options)


@every_quantizer
@pytest.mark.parametrize(("height", "width"), [(8, 8), (12, 20), (4, 8)])
def test_a_picture_becomes_a_grid_a_quarter_the_size_and_comes_back(
    name, height, width
):
    model = small_model(QUANTIZERS[name]())
    images = torch.randn(2, 3, height, width)
    out = model(images, step=0)
    assert isinstance(out, Reconstruction)
    assert out.reconstruction.shape == images.shape
    assert out.quantized.indices.shape == (2, height // 4, width // 4)
    assert model.latents(images).shape == (2, D, height // 4, width // 4)


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
    halves = [*model.encoder.parameters(), *model.decoder.parameters()]
    assert all(weight.grad is not None and weight.grad.any() for weight in halves)
    assert model.quantizer.codebook.grad is None


def test_the_encoder_takes_the_decoders_gradient_as_if_nothing_were_quantized():
    model = small_model(ArcVQ(K, D, radius=None, margin=None)).eval()
    images = torch.randn(1, 3, 8, 8)
    latents = model.latents(images).detach()
    codes = model.quantizer(latents).quantized.detach().requires_grad_()
    model.decoder(codes).square().sum().backward()

    quantized = model.quantizer(latents.requires_grad_()).quantized
    model.decoder(quantized).square().sum().backward()
    torch.testing.assert_close(latents.grad, codes.grad)


@pytest.mark.parametrize("relu_skip", [True, False])
def test_the_skip_of_a_residual_block_is_rectified_as_the_official_one_is(relu_skip):
    model = small_model(residual_layers=1, relu_skip=relu_skip)
    block, x = model.decoder[1], torch.randn(2, 8, 5, 5)
    change = block.widen(block.narrow(x.relu()).relu())
    before = x.clone()
    torch.testing.assert_close(block(x), (x.relu() if relu_skip else x) + change)
    assert torch.equal(x, before)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_any_number_of_residual_blocks(layers):
    model = small_model(residual_layers=layers)
    images = torch.randn(2, 3, 8, 8)
    assert model(images, step=0).reconstruction.shape == images.shape


def test_autocast_takes_the_same_codes_as_float32_from_the_same_latents():
    model = small_model().eval()
    images = torch.randn(2, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        latents = model.latents(images)
        out = model(images)
    assert latents.dtype == torch.bfloat16
    assert out.quantized.quantized.dtype == torch.bfloat16
    assert out.quantized.loss.dtype == torch.float32
    assert torch.equal(out.quantized.indices, model.quantizer.assign(latents.float()))


def test_a_model_in_float64():
    model = small_model().double().eval()
    images = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    assert model(images).reconstruction.dtype == torch.float64


BAD_IMAGES = [
    (torch.zeros(2, 1, 8, 8), ValueError, r"images must.*\(B, 3, H, W\).*\(2, 1, 8, 8"),
    (torch.zeros(2, 8, 8, 3), ValueError, r"images must.*\(B, 3, H, W\).*\(2, 8, 8, 3"),
    (torch.zeros(3, 8, 8), ValueError, r"images must.*\(B, 3, H, W\).*\(3, 8, 8\)"),
    (torch.zeros(0, 3, 8, 8), ValueError, r"images are empty.*\(0, 3, 8, 8\)"),
    (torch.zeros(2, 3, 8, 10), ValueError, r"images.*multiples of 4.*\(2, 3, 8, 10\)"),
    (torch.zeros(2, 3, 2, 8), ValueError, r"images.*multiples of 4.*\(2, 3, 2, 8\)"),
    (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), TypeError, r"images must.*uint8.*127"),
    (torch.zeros(2, 3, 8, 8, dtype=torch.int64), TypeError, r"images must.*int64"),
    (torch.full((2, 3, 8, 8), torch.nan), ValueError, "contain NaN.*images"),
    (np.zeros((2, 3, 8, 8)), TypeError, "images must be a torch tensor, got ndarray"),
]


@pytest.mark.parametrize(("images", "error", "message"), BAD_IMAGES)
def test_images_that_cannot_be_encoded_are_refused(images, error, message):
    model = small_model()
    with pytest.raises(error, match=message):
        model(images, step=0)
    with pytest.raises(error, match=message):
        model.encode(images)


@pytest.mark.parametrize("shape", [(3,), (4, 4), (2, 2, 2, 2)])
def test_indices_that_are_no_batch_of_grids_are_refused(shape):
    """(D, D) indices would pass as one unbatched picture, wrongly laid out."""
    with pytest.raises(ValueError, match=r"indices must be \(B, H/4, W/4\), got \("):
        small_model().decode(torch.zeros(shape, dtype=torch.int64))


def test_indices_beyond_the_codebook_are_refused():
    with pytest.raises(ValueError, match="indices must lie in 0 … 7, got 8 … 8"):
        small_model().decode(torch.full((1, 2, 2), K))


def test_a_missing_step_is_named_through_the_model():
    with pytest.raises(ValueError, match="step is missing"):
        small_model()(torch.randn(2, 3, 8, 8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_channels": 0}, "in_channels=0 must be at least 1"),
        ({"hidden": 7}, "hidden=7 must be even"),
        ({"hidden": 0}, "hidden=0 must be even"),
        ({"residual_layers": -1}, "residual_layers=-1"),
        ({"residual_hidden": 0}, "residual_hidden=0"),
    ],
)
def test_a_size_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        VQVAE(**{"in_channels": 3, "quantizer": VQ(K, D), **options})


@pytest.mark.parametrize("quantizer", [512, None])
def test_what_is_no_quantizer_is_refused(quantizer):
    with pytest.raises(TypeError, match=rf"quantizer must be .*got {quantizer}"):
        VQVAE(3, quantizer)

"""The VQ-VAE along one axis: signals (B, C, T) become T/4 tokens and come back."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from arcvq_lite import EMAVQ, VQ, VQVAE, ArcVQ, ResidualVQ, save_official

K, D = 8, 4

QUANTIZERS = {
    "VQ": lambda: VQ(K, D),
    "EMAVQ": lambda: EMAVQ(K, D),
    "ArcVQ": lambda: ArcVQ(K, D),
}
every_quantizer = pytest.mark.parametrize("name", QUANTIZERS)


def small_model(quantizer=None, in_channels=1, **options):
    quantizer = quantizer or ArcVQ(K, D)
    sizes = {"hidden": 8, "residual_hidden": 4, **options}
    return VQVAE(in_channels, quantizer, dimensions=1, **sizes)


@every_quantizer
@pytest.mark.parametrize(("channels", "length"), [(1, 64), (2, 12), (1, 1000)])
def test_a_signal_becomes_a_quarter_as_many_tokens_and_comes_back(
    name, channels, length
):
    model = small_model(QUANTIZERS[name](), in_channels=channels)
    signals = torch.randn(2, channels, length)
    out = model(signals, step=0)
    assert out.reconstruction.shape == signals.shape
    assert out.quantized.indices.shape == (2, length // 4)
    assert model.latents(signals).shape == (2, D, length // 4)


@every_quantizer
def test_encode_then_decode_is_the_evaluation_reconstruction(name):
    model = small_model(QUANTIZERS[name]()).eval()
    signals = torch.randn(3, 1, 32)
    indices = model.encode(signals)
    assert indices.dtype == torch.int64
    assert torch.equal(indices, model(signals).quantized.indices)
    torch.testing.assert_close(model.decode(indices), model(signals).reconstruction)


@every_quantizer
def test_the_reconstruction_error_reaches_every_weight_of_both_halves(name):
    model = small_model(QUANTIZERS[name]())
    signals = torch.randn(2, 1, 64)
    F.mse_loss(model(signals, step=0).reconstruction, signals).backward()
    halves = [*model.encoder.parameters(), *model.decoder.parameters()]
    assert all(weight.grad is not None and weight.grad.any() for weight in halves)
    assert model.quantizer.codebook.grad is None


def test_the_margin_moves_the_encoder_of_signals():
    model = small_model()
    latents = model.latents(torch.randn(2, 1, 64))
    model.quantizer.margin(latents, model.quantizer.codebook).backward()
    assert all(weight.grad.any() for weight in model.encoder.parameters())


def test_it_is_the_official_network_with_convolutions_along_one_axis():
    """Built once more by hand, of torch's own layers."""
    model = small_model(residual_layers=1).eval()
    encoder = nn.Sequential(
        nn.Conv1d(1, 4, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv1d(4, 8, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv1d(8, 8, 3, padding=1),
    )
    narrow, widen = nn.Conv1d(8, 4, 3, padding=1), nn.Conv1d(4, 8, 1)
    last = nn.Conv1d(8, D, 1)
    first = nn.Conv1d(D, 8, 3, padding=1)
    decoder = nn.Sequential(
        nn.ReLU(),
        nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose1d(4, 1, 4, stride=2, padding=1),
    )

    def copied(layers, source):
        ours = [part for part in source.modules() if hasattr(part, "stride")]
        for layer, own in zip(layers, ours, strict=True):
            layer.load_state_dict(own.state_dict())

    copied([*encoder[::2], narrow, widen, last], model.encoder)
    signals = torch.randn(2, 1, 32)
    x = encoder(signals).relu()
    latents = last((x + widen(narrow(x).relu())).relu())
    torch.testing.assert_close(model.latents(signals), latents)

    copied([first, narrow, widen, *decoder[1::2]], model.decoder)
    x = first(model.quantizer(latents).quantized).relu()
    by_hand = decoder(x + widen(narrow(x).relu()))
    torch.testing.assert_close(model(signals).reconstruction, by_hand)


def test_a_later_sample_changes_no_token_far_before_it():
    model = small_model().eval()
    signals = torch.randn(1, 1, 256)
    changed = signals.clone()
    changed[..., 200:] = 0
    before, after = model.latents(signals), model.latents(changed)
    assert torch.equal(before[..., :40], after[..., :40])
    assert not torch.equal(before[..., 50:], after[..., 50:])


def test_both_have_the_same_names_of_weights():
    images = VQVAE(1, ArcVQ(K, D), hidden=8, residual_hidden=4)
    signals = small_model()
    assert list(images.state_dict()) == list(signals.state_dict())
    assert {p.dim() for p in images.encoder.parameters()} == {1, 4}
    assert {p.dim() for p in signals.encoder.parameters()} == {1, 3}


def test_several_codebooks_give_several_tokens_a_place():
    model = small_model(ResidualVQ([VQ(K, D), VQ(K, D)])).eval()
    signals = torch.randn(2, 1, 32)
    indices = model.encode(signals)
    assert indices.shape == (2, 8, 2)
    torch.testing.assert_close(model.decode(indices), model(signals).reconstruction)
    with pytest.raises(ValueError, match=r"indices must be \(B, T/4, 2\), got \(2, 8"):
        model.decode(indices[..., 0])


def test_a_missing_step_is_named_through_the_model():
    model = small_model()
    with pytest.raises(ValueError, match="step is missing"):
        model(torch.randn(2, 1, 64))
    model.eval()(torch.randn(2, 1, 64))


@pytest.mark.parametrize(
    ("signals", "error", "message"),
    [
        (torch.zeros(2, 2, 8), ValueError, r"signals must be \(B, 1, T\), got \(2, 2"),
        (torch.zeros(2, 1, 8, 8), ValueError, r"signals must be \(B, 1, T\), got"),
        (torch.zeros(1, 8), ValueError, r"signals must be \(B, 1, T\), got \(1, 8\)"),
        (torch.zeros(0, 1, 8), ValueError, "signals are empty"),
        (torch.zeros(2, 1, 10), ValueError, r"signals.*multiples of 4.*\(2, 1, 10\)"),
        (torch.zeros(2, 1, 8).short(), TypeError, "signals must.*int16"),
    ],
)
def test_signals_that_cannot_be_encoded_are_refused(signals, error, message):
    model = small_model()
    with pytest.raises(error, match=message):
        model(signals, step=0)
    with pytest.raises(error, match=message):
        model.encode(signals)


@pytest.mark.parametrize("shape", [(4,), (2, 4, 4)])
def test_indices_that_are_no_batch_of_rows_are_refused(shape):
    with pytest.raises(ValueError, match=r"indices must be \(B, T/4\), got \("):
        small_model().decode(torch.zeros(shape, dtype=torch.int64))


@pytest.mark.parametrize("dimensions", [0, 3])
def test_other_numbers_of_axes_are_refused(dimensions):
    with pytest.raises(
        ValueError, match=rf"dimensions={dimensions} must be 1, .* or 2"
    ):
        VQVAE(1, VQ(K, D), dimensions=dimensions)


def test_the_official_code_has_no_names_for_it(tmp_path):
    with pytest.raises(ValueError, match="dimensions=1; the official code is of image"):
        save_official(small_model(), tmp_path / "model.pt")

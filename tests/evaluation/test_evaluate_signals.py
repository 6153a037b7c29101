"""What is said of signals and their reconstructions."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from arcvq_lite import VQ, VQVAE, load_signals
from arcvq_lite.evaluation.signals import evaluate_signals, log_spectral_distance
from arcvq_lite.metrics import CodebookUsage


@pytest.fixture
def model():
    torch.manual_seed(3)
    return VQVAE(1, VQ(8, 4), hidden=8, residual_hidden=4, dimensions=1)


@pytest.fixture(scope="module")
def signals():
    return load_signals(split="test", limit=21).signals


class Scaled(nn.Module):
    """Whatever the decoder should have said, times a factor."""

    def __init__(self, signals, factor):
        super().__init__()
        self.signals, self.factor = signals, factor

    def forward(self, codes):
        return self.factor * self.signals


def test_the_scores_are_of_the_whole_set_by_hand(model, signals):
    found = evaluate_signals(model, signals.split(8))
    with torch.no_grad():
        out = model.eval()(signals)
    x, y = signals.double().numpy(), out.reconstruction.clamp(-1, 1).double().numpy()
    energy, error = ((a**2).sum(axis=(1, 2)) for a in (x, x - y))
    assert found["snr"] == pytest.approx(np.mean(10 * np.log10(energy / error)))
    whole = 10 * np.log10(energy.sum() / error.sum())
    assert found["snr_of_whole_set"] == pytest.approx(whole)
    assert found["l1"] == pytest.approx(np.abs(x - y).mean())
    usage = CodebookUsage(8)
    usage.update(out.quantized.indices)
    for name, value in usage.compute().items():
        assert found[name] == pytest.approx(value.item())


def test_half_the_amplitude_is_six_decibels_in_both_scores(model, signals):
    model.decoder = Scaled(signals, 0.5)
    found = evaluate_signals(model, [signals])
    six = 20 * math.log10(2)
    assert found["snr"] == found["snr_of_whole_set"] == pytest.approx(six, rel=1e-6)
    # Where a clip is more than 60 dB below its own peak, nothing is counted.
    assert 0.5 * six < found["log_spectral_distance"] <= six


def test_a_perfect_reconstruction_counts_a_hundred_decibels(model, signals):
    model.decoder = Scaled(signals, 1.0)
    found = evaluate_signals(model, [signals])
    assert found["snr"] == found["snr_of_whole_set"] == 100
    assert found["log_spectral_distance"] == found["l1"] == 0


def test_reconstructions_are_clamped_before_they_are_scored(model):
    signals = torch.ones(1, 1, 128)
    model.decoder = Scaled(signals, 7.0)
    assert evaluate_signals(model, [signals])["snr"] == 100


def test_measuring_leaves_the_model_as_it_was(model, signals):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert model.train().training
    evaluate_signals(model, [signals])
    assert model.training
    assert all(torch.equal(before[name], v) for name, v in model.state_dict().items())


def test_the_distance_is_that_of_torchs_own_spectrogram(signals):
    others = signals + 0.05 * torch.randn(signals.shape, generator=seeded())

    def levels(clips, floor):
        spectrum = torch.stft(
            clips[:, 0].double(),
            128,
            hop_length=32,
            window=torch.hann_window(128, dtype=torch.float64),
            center=False,
            return_complex=True,
        )
        power = spectrum.abs() ** 2
        floor = 1e-6 * power.amax(dim=(1, 2)) if floor is None else floor
        return 10 * torch.maximum(power, floor[:, None, None]).log10(), floor

    one, floor = levels(signals, None)
    other, _ = levels(others, floor)
    by_hand = ((one - other) ** 2).mean(dim=1).sqrt().mean(dim=1)
    torch.testing.assert_close(log_spectral_distance(signals, others), by_hand)


def test_the_distance_knows_the_spectrum_and_not_the_sign(signals):
    assert log_spectral_distance(signals, -signals).max() < 1e-9
    noise = torch.randn(signals.shape, generator=seeded())
    assert log_spectral_distance(signals, noise).min() > 5


def seeded():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "batches hold no signal"),
        ([torch.ones(1, 1, 124)], "at least 128 samples"),
        ([torch.stack([torch.ones(1, 128), torch.zeros(1, 128)])], "a silent one"),
        ([torch.ones(1, 1, 16, 16)], r"signals must be \(B, 1, T\)"),
    ],
)
def test_what_cannot_be_scored_is_refused(model, batches, message):
    with pytest.raises(ValueError, match=message):
        evaluate_signals(model, batches)


def test_a_model_that_gives_no_number_is_refused(model):
    signals = torch.ones(1, 1, 128)
    model.decoder = Scaled(signals, math.nan)
    with pytest.raises(ValueError, match="gives NaN or infinity for a signal"):
        evaluate_signals(model, [signals])

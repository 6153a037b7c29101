"""Made sounds: the same from a seed, of many kinds, and never shared by two splits."""

import numpy as np
import pytest
import torch

from arcvq_lite.data import load_signals
from arcvq_lite.data.signal_set import SignalSet
from arcvq_lite.data.sounds import FAMILIES, RATE


@pytest.fixture(scope="module")
def held_out():
    return load_signals(split="test")


@pytest.fixture(scope="module")
def training():
    return load_signals()


def family(found, name):
    """The clips (n, T) of one family."""
    return found.signals[found.labels == found.class_names.index(name), 0]


def spectra(clips):
    """Power (n, frequencies), each clip's summing to 1."""
    power = torch.fft.rfft(clips.double()).abs().square()
    return power / power.sum(dim=1, keepdim=True)


def test_signals_have_the_promised_form(training, held_out):
    assert training.signals.shape == (4200, 1, 1024)
    assert held_out.signals.shape == (280, 1, 1024)
    for found in (training, held_out):
        assert found.labels.bincount().unique().numel() == 1
        assert found.rate == 8000
        assert found.class_names == (*FAMILIES, "mixture")
        assert "Synthetic" in found.source


def test_every_clip_has_a_peak_between_a_quarter_and_one(training):
    peaks = training.signals.abs().amax(dim=(1, 2))
    assert 0.25 - 1e-6 < peaks.min() < 0.27
    assert 0.97 < peaks.max() <= 1
    # Log-uniform: half of them lie below the middle of the two octaves.
    assert (peaks < 0.5).double().mean().item() == pytest.approx(0.5, abs=0.03)


def test_signals_are_the_same_on_every_call_whatever_was_drawn_before(held_out):
    torch.manual_seed(1)
    np.random.seed(1)
    again = load_signals(split="test")
    assert torch.equal(again.signals, held_out.signals)
    assert torch.equal(again.labels, held_out.labels)


def test_making_them_draws_nothing_from_the_global_generators():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    load_signals(split="test", size=64)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])


def test_another_seed_makes_other_clips(held_out):
    other = load_signals(split="test", seed=1)
    assert not (other.signals == held_out.signals).all(dim=2).any()


def test_no_two_clips_are_alike_within_the_splits_or_across_them(training, held_out):
    """The nearest of the others is never a copy, not even a louder one."""
    directions = torch.cat([training.signals, held_out.signals])[:, 0]
    directions = directions / directions.norm(dim=1, keepdim=True)
    for start in range(0, len(directions), 1120):
        cosine = directions[start : start + 1120] @ directions.T
        own = torch.arange(len(cosine))
        cosine[own, start + own] = 0
        assert cosine.abs().max() < 0.9999


def test_every_family_has_a_spectrum_of_its_own(training):
    """Between families spectra differ far more than between halves of one family."""
    names = list(FAMILIES)  # a mixture has something of each
    halves = [spectra(family(training, name)).split(300) for name in names]
    first, second = (
        torch.stack([half[part].mean(dim=0)[:512] for half in halves])
        .unflatten(1, (-1, 16))  # bands of 125 Hz
        .sum(dim=2)
        .sqrt()
        for part in (0, 1)
    )
    distance = torch.cdist(first, second)  # Hellinger's, times √2
    apart = distance[~torch.eye(len(names), dtype=torch.bool)]
    assert apart.min() > 2 * distance.diagonal().max()


def test_the_clips_of_a_family_differ_in_pitch(training):
    """The strongest frequencies of each spread over more than an octave."""
    for name in training.class_names:
        strongest = spectra(family(training, name)).argmax(dim=1).clamp(min=1)
        low, high = strongest.double().quantile(torch.tensor([0.1, 0.9]).double())
        assert high / low > 2


def test_nothing_is_aliased():
    """Partials beyond 4 kHz are left out; mirrored, they would crowd below it."""
    clips = torch.from_numpy(
        FAMILIES["vowel"](np.random.default_rng(0), 200, np.arange(1024) / RATE)
    )
    frequency = torch.fft.rfftfreq(1024, 1 / RATE)
    share = spectra(clips)[:, frequency > 3900].sum(dim=1)
    assert share.max() < 0.01


def test_a_sound_begins_within_the_first_quarter(held_out):
    loud = held_out.signals[:, 0].abs() > 0.01
    first = loud.double().argmax(dim=1)
    assert loud.any(dim=1).all()
    assert first.float().median() < 256
    assert first.max() < 512


def test_a_mixture_is_two_families_and_not_one():
    """The power of two sounds lies at more frequencies than that of one."""
    found = load_signals(split="test")
    one, two = (entropy(family(found, name)) for name in ("bowed", "mixture"))
    assert two.median() > one.median() + 0.5


def entropy(clips):
    return torch.special.entr(spectra(clips)).sum(dim=1)


def test_a_limit_takes_every_family_in_proportion(held_out):
    few = load_signals(split="test", limit=70)
    assert few.labels.bincount().tolist() == [10] * 7
    whole = {clip.numpy().tobytes() for clip in held_out.signals}
    assert {clip.numpy().tobytes() for clip in few.signals} <= whole


def test_another_size_makes_clips_of_that_many_samples():
    assert load_signals(split="test", size=64).signals.shape == (280, 1, 64)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"split": "val"}, ValueError, 'split must be "train" or "test"'),
        ({"size": 32}, ValueError, "size=32 must be at least 64 samples"),
        ({"size": 1024.0}, TypeError, "size must be an integer"),
        ({"limit": 0}, ValueError, "limit must be at least 1"),
        ({"seed": -1}, ValueError, "seed=-1 must be at least 0"),
    ],
)
def test_what_cannot_be_made_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        load_signals(**options)


# The set


def make_set(signals=None, labels=None):
    signals = torch.zeros(4, 1, 8) if signals is None else signals
    labels = torch.tensor([0, 1, 1, 0]) if labels is None else labels
    return SignalSet(signals, labels, ("a", "b"), 8000, "Made for a test.")


def test_length_and_a_short_repr():
    made = make_set()
    assert len(made) == 4
    assert repr(made) == "SignalSet(4 signals 1×8 at 8000 Hz, 2 classes)"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"signals": torch.zeros(4, 1, 8).double()}, TypeError, "float32"),
        ({"signals": torch.zeros(4, 8)}, ValueError, r"\(N, C, T\).*got \(4, 8\)"),
        ({"signals": torch.zeros(0, 1, 8)}, ValueError, "N >= 1"),
        ({"signals": torch.full((4, 1, 8), 1.5)}, ValueError, r"got \[1.5, 1.5\]"),
        ({"signals": torch.full((4, 1, 8), torch.nan)}, ValueError, "nan"),
        ({"labels": torch.zeros(4)}, TypeError, "int64"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, ValueError, r"\(4,\)"),
        ({"labels": torch.tensor([0, 1, 2, 0])}, ValueError, "0 to 2"),
    ],
)
def test_a_set_refuses_what_is_out_of_bounds(change, error, message):
    with pytest.raises(error, match=message):
        make_set(**change)

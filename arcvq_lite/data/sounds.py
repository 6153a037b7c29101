"""Six families of made sounds, each a formula whose parameters are drawn at random.

Every function takes a generator, how many sounds, and the times t (T,) of the samples
in seconds, and returns (n, T) in float64, of any loudness. What is drawn is uniform
between the bounds, or log-uniform where they span octaves. Partials at or above half
the sampling rate are left out, so that nothing is aliased.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RATE = 8000  # samples a second
_TOP = RATE / 2  # hertz

Samples = NDArray[np.float64]
Family = Callable[[np.random.Generator, int, Samples], Samples]


def plucked(random: np.random.Generator, n: int, t: Samples) -> Samples:
    """Strings plucked at a place p: partial k has the amplitude |sin(k π p)| / k.

    110–880 Hz, p 0.1–0.5, sharpened by stiffness, √(1 + B k²) with B 1e-5–1e-3. The
    partials decay within 30–200 ms, the k-th √k times faster.
    """
    pitch, place = _octaves(random, n, 110, 880), _evenly(random, n, 0.1, 0.5)
    stiffness, decay = _octaves(random, n, 1e-5, 1e-3), _octaves(random, n, 0.03, 0.2)
    after = _since_onset(random, n, t)
    sound = np.zeros((n, len(t)))
    for k in range(1, 21):
        frequency = k * pitch * np.sqrt(1 + stiffness * k**2)
        amplitude = np.abs(np.sin(k * np.pi * place)) / k * (frequency < _TOP)
        sound += amplitude * _fall(after, decay / k**0.5) * _tone(random, frequency, t)
    return sound * _rise(after, _octaves(random, n, 5e-4, 3e-3))


def bowed(random: np.random.Generator, n: int, t: Samples) -> Samples:
    """Sustained tones with vibrato: partial k has the amplitude k^−a, a 0.8–2.

    120–600 Hz, vibrato of 4–12 Hz and up to 4 % of the pitch, attack 5–40 ms.
    """
    pitch, slope = _octaves(random, n, 120, 600), _evenly(random, n, 0.8, 2.0)
    speed, depth = _evenly(random, n, 4, 12), _evenly(random, n, 0, 0.04)
    frequency = pitch * (1 + depth * _tone(random, speed, t))  # (n, T)
    sound = np.zeros((n, len(t)))
    for k in range(1, 25):
        audible = k * frequency < _TOP
        sound += k**-slope * audible * _tone_along(random, k * frequency)
    after = _since_onset(random, n, t)
    return sound * _rise(after, _octaves(random, n, 5e-3, 0.04))


def glide(random: np.random.Generator, n: int, t: Samples) -> Samples:
    """Chirps from one pitch to another, both 150–3,000 Hz, octave after octave.

    With a second partial of up to half the amplitude, attack 2–20 ms, decay 40–300 ms.
    """
    start, end = (_octaves(random, n, 150, 3000) for _ in range(2))
    frequency: Samples = start * (end / start) ** (t / t[-1])  # (n, T)
    second = _evenly(random, n, 0, 0.5) * (2 * frequency < _TOP)
    sound = _tone_along(random, frequency) + second * _tone_along(random, 2 * frequency)
    return sound * _envelope(random, n, t, attack=(2e-3, 0.02), decay=(0.04, 0.3))


def vowel(random: np.random.Generator, n: int, t: Samples) -> Samples:
    """Voices: partials k of amplitude 1/k through three formants that move.

    Pitch 80–280 Hz, drifting by up to a fifth; formants 250–900, 900–2,300 and
    2,300–3,300 Hz, drifting by up to 15 %, of 40–120 Hz half width; attack 5–30 ms.
    """
    pitch = _octaves(random, n, 80, 280) * _drift(random, n, t, 0.2)
    bands = ((250, 900, 1.0), (900, 2300, 0.6), (2300, 3300, 0.3))
    formants = [
        (_octaves(random, n, low, high) * _drift(random, n, t, 0.15), gain)
        for low, high, gain in bands
    ]
    width = _evenly(random, n, 40, 120)
    sound = np.zeros((n, len(t)))
    for k in range(1, 41):
        frequency = k * pitch  # (n, T)
        passed = sum(
            gain / (1 + ((frequency - formant) / width) ** 2)
            for formant, gain in formants
        )
        audible = frequency < _TOP
        sound += passed / k * audible * _tone_along(random, frequency)
    after = _since_onset(random, n, t)
    return sound * _rise(after, _octaves(random, n, 5e-3, 0.03))


def hiss(random: np.random.Generator, n: int, t: Samples) -> Samples:
    """Bursts of noise in a band: 300–3,500 Hz, 0.1–1 octave wide.

    Attack 1–30 ms, decay 20–200 ms.
    """
    noise = _band(
        random,
        _octaves(random, n, 300, 3500),
        _octaves(random, n, 0.1, 1.0),
        len(t),
    )
    return noise * _envelope(random, n, t, attack=(1e-3, 0.03), decay=(0.02, 0.2))


def drum(random: np.random.Generator, n: int, t: Samples) -> Samples:
    """Skins: a tone that falls to 60–350 Hz from up to four times that, and a click.

    The fall takes 5–25 ms, the decay 20–120 ms. The click is noise of 0.5–3 kHz, up to
    0.6 as strong, gone within 2–15 ms.
    """
    lowest, sweep = _octaves(random, n, 60, 350), _evenly(random, n, 0, 3)
    after = _since_onset(random, n, t)
    falling = np.exp(-np.maximum(after, 0) / _octaves(random, n, 5e-3, 0.025))
    skin = _tone_along(random, lowest * (1 + sweep * falling))
    skin *= _fall(after, _octaves(random, n, 0.02, 0.12))
    click = _band(
        random, _octaves(random, n, 500, 3000), np.full((n, 1), 1.0), len(t)
    ) * _fall(after, _octaves(random, n, 2e-3, 0.015))
    return skin + _evenly(random, n, 0, 0.6) * click


FAMILIES: dict[str, Family] = {
    "plucked": plucked,
    "bowed": bowed,
    "glide": glide,
    "vowel": vowel,
    "hiss": hiss,
    "drum": drum,
}


def _evenly(random: np.random.Generator, n: int, low: float, high: float) -> Samples:
    """(n, 1), uniform."""
    return low + (high - low) * random.random((n, 1))


def _octaves(random: np.random.Generator, n: int, low: float, high: float) -> Samples:
    """(n, 1), log-uniform."""
    drawn: Samples = low * (high / low) ** random.random((n, 1))
    return drawn


def _drift(random: np.random.Generator, n: int, t: Samples, most: float) -> Samples:
    """Factors (n, T) that go evenly from one side of 1 to the other."""
    along: Samples = 2 * t / t[-1] - 1  # from -1 to 1
    return 1 + _evenly(random, n, -most, most) * along


def _tone(random: np.random.Generator, frequency: Samples, t: Samples) -> Samples:
    """Sines (n, T) of steady frequencies (n, 1), each from a phase of its own."""
    turns = frequency * t + random.random(frequency.shape)
    return np.asarray(np.sin(2 * np.pi * turns))


def _tone_along(random: np.random.Generator, frequency: Samples) -> Samples:
    """Sines whose frequency (n, T) changes: the phase is the sum of it."""
    turns = frequency.cumsum(axis=1) / RATE + random.random((len(frequency), 1))
    return np.asarray(np.sin(2 * np.pi * turns))


def _band(
    random: np.random.Generator, centre: Samples, octaves: Samples, length: int
) -> Samples:
    """Noise (n, T) of variance 1 through a bell over the octaves, a width σ about."""
    spectrum = np.fft.rfft(random.standard_normal((len(centre), length)))
    frequency = np.fft.rfftfreq(length, 1 / RATE)[1:]  # the first is 0
    bell = np.exp(-0.5 * (np.log2(frequency / centre) / octaves) ** 2)
    spectrum[:, 0] = 0
    spectrum[:, 1:] *= bell
    noise = np.fft.irfft(spectrum, length)
    return np.asarray(noise / noise.std(axis=1, keepdims=True))


def _since_onset(random: np.random.Generator, n: int, t: Samples) -> Samples:
    """Seconds (n, T) since a sound began, within the first quarter of the clip."""
    return t - _evenly(random, n, 0, t[-1] / 4)


def _rise(after: Samples, attack: Samples) -> Samples:
    """Loudness of a sound that swells; silence before its onset."""
    return 1 - np.exp(-np.maximum(after, 0) / attack)


def _fall(after: Samples, decay: Samples) -> Samples:
    """Loudness of a sound that dies away; silence before its onset."""
    return np.exp(-np.maximum(after, 0) / decay) * (after >= 0)


def _envelope(
    random: np.random.Generator,
    n: int,
    t: Samples,
    *,
    attack: tuple[float, float],
    decay: tuple[float, float],
) -> Samples:
    after = _since_onset(random, n, t)
    swelling = _rise(after, _octaves(random, n, *attack))
    return swelling * _fall(after, _octaves(random, n, *decay))

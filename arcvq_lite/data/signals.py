"""Synthetic clips of sound, made from a seed: nothing recorded, nothing downloaded."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch

from arcvq_lite.data.arguments import check_count, check_split
from arcvq_lite.data.signal_set import SignalSet
from arcvq_lite.data.sounds import FAMILIES, RATE, Samples
from arcvq_lite.data.subset import spread_indices

_LENGTH = 1024  # samples, 128 ms
_SHORTEST = 64  # samples; a shorter clip may end before its sound has begun
_CLIPS = {"train": 600, "test": 40}  # of each family
_STREAMS = {"train": 0, "test": 1}
_MIXTURE = "mixture"


def load_signals(
    *,
    split: str = "train",
    size: int | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> SignalSet:
    """Make a set of short sounds at 8 kHz, the same on every call.

    All of it is synthetic. Six families, each with pitches, spectra and envelopes of
    its own drawn anew for every clip, are described in `arcvq_lite.data.sounds`:
    plucked strings, bowed tones with vibrato, glides, vowels with moving formants,
    bursts of filtered noise, and drums. The seventh mixes two clips of two of these
    families, the second weaker by up to 12 dB. Every sound begins within the first
    quarter of its clip. Each clip's peak is log-uniform between 0.25 and 1.

    The two splits and all families draw from random streams of their own, so that no
    clip of one has anything to do with a clip of another.

    Args:
        split: "train" (4,200 clips) or "test" (280), the same number a family.
        size: samples of a clip, at least 64; None is 1,024, which last 128 ms.
        limit: keep at most this many clips, spread evenly over the families.
        seed: of everything that is drawn; another gives other clips.

    Returns:
        Signals (N, 1, size) float32 in [-1, 1]; the label is the family.

    Raises:
        ValueError: for an unknown split, and for a size, limit or seed out of range.
        TypeError: if `size`, `limit` or `seed` is not a whole number.

    Example:
        >>> load_signals(split="test", limit=50)
        SignalSet(50 signals 1×1024 at 8000 Hz, 7 classes)
    """
    split = check_split(split)
    size = _LENGTH if size is None else check_count("size", size)
    limit = check_count("limit", limit)
    if size is None or size < _SHORTEST:
        raise ValueError(f"size={size} must be at least {_SHORTEST} samples")
    if seed < 0:
        raise ValueError(f"seed={seed} must be at least 0")
    names = (*FAMILIES, _MIXTURE)
    clips, seconds = _CLIPS[split], np.arange(size) / RATE
    made = np.concatenate(
        [
            _made(name, _random(seed, split, family), clips, seconds)
            for family, name in enumerate(names)
        ]
    )
    labels = torch.arange(len(names)).repeat_interleave(clips)
    kept = spread_indices(labels, limit)
    return SignalSet(
        signals=torch.from_numpy(made.astype(np.float32))[kept, None],
        labels=labels[kept],
        class_names=names,
        rate=RATE,
        source=f"Synthetic sounds of {size} samples at {RATE} Hz, made from a formula "
        f"and the seed {seed}; none was recorded.",
    )


def _random(seed: int, split: str, family: int) -> np.random.Generator:
    """A stream that no other seed, split or family draws from."""
    sequence = np.random.SeedSequence(seed, spawn_key=(_STREAMS[split], family))
    return np.random.Generator(np.random.PCG64(sequence))


def _made(name: str, random: np.random.Generator, n: int, seconds: Samples) -> Samples:
    """Clips (n, T) of one family, each with its own peak."""
    make = FAMILIES.get(name, _mixed)
    peak = 0.25 ** random.random((n, 1))
    return peak * _full_scale(make(random, n, seconds))


def _mixed(random: np.random.Generator, n: int, seconds: Samples) -> Samples:
    """Two families at a time, every pair as often as any other."""
    pairs = list(combinations(FAMILIES.values(), 2))
    parts = []
    for pair, clips in zip(
        pairs, np.array_split(np.arange(n), len(pairs)), strict=True
    ):
        one, other = (_full_scale(make(random, len(clips), seconds)) for make in pair)
        weaker = 10 ** (-0.6 * random.random((len(clips), 1)))  # 0 to -12 dB
        first = random.random((len(clips), 1)) < 0.5
        parts.append(np.where(first, one + weaker * other, other + weaker * one))
    return np.concatenate(parts)


def _full_scale(sounds: Samples) -> Samples:
    """The same with a peak of 1 each."""
    peak: Samples = np.abs(sounds).max(axis=1, keepdims=True)
    return sounds / peak

"""Every quantizer: what it refuses, and that the refusal names it."""

import inspect
import math

import numpy as np
import pytest
import torch
from zoo import D, K, every_quantizer, made, obeying, over, same_state, state_of

import arcvq_lite
from arcvq_lite import EMAVQ, VQ, ArcVQ

BAD_LATENTS = [
    (torch.ones(D), ValueError, r"latents must be .* got \(6,\)"),
    (torch.ones(4, D + 1), ValueError, r"\(4, 7\) have 7 channels.*dim=6"),
    (torch.ones(2, 3, 4, D), ValueError, r"\(2, 3, 4, 6\) have 3 channels.*dim=6"),
    (torch.ones(0, D), ValueError, r"latents are empty, got shape \(0, 6\)"),
    (torch.ones(2, D, 0, 4), ValueError, r"latents are empty.*\(2, 6, 0, 4\)"),
    (torch.full((4, D), math.nan), ValueError, "latents contain NaN"),
    (torch.full((4, D), -math.inf), ValueError, "latents contain .*infinity"),
    (torch.ones(4, D, dtype=torch.int64), TypeError, r"latents must.*torch\.int64"),
    (torch.ones(4, D, dtype=torch.uint8), TypeError, r"latents must.*torch\.uint8"),
    (np.ones((4, D)), TypeError, "latents must be a torch tensor, got ndarray"),
]


# Of a quantizer of n codes.
BAD_INDICES = [
    (lambda n: torch.tensor([-1, 2]), ValueError, "must lie in 0 … {last}, got -1 … 2"),
    (lambda n: torch.tensor([0, n]), ValueError, "must lie in 0 … {last}, got 0 … {n}"),
    (lambda n: torch.tensor([]).long(), ValueError, r"indices are empty.*\(0,\)"),
    (lambda n: torch.tensor(3), ValueError, r"indices .*\(\)"),
    (lambda n: torch.tensor([0.0]), TypeError, r"indices must be int64, got .*float32"),
    (lambda n: torch.tensor([0]).int(), TypeError, r"indices must.*torch\.int32"),
]


@every_quantizer
@pytest.mark.parametrize(("latents", "error", "message"), BAD_LATENTS)
def test_latents_that_cannot_be_quantized_are_refused(name, latents, error, message):
    quantizer = made(name)
    before = state_of(quantizer)
    with pytest.raises(error, match=message):
        quantizer(latents, step=0)
    with pytest.raises(error, match=message):
        quantizer.assign(latents)
    assert same_state(state_of(quantizer), before)


@over(obeying("one index"))
@pytest.mark.parametrize(("indices", "error", "message"), BAD_INDICES)
def test_indices_that_are_none_are_refused(name, indices, error, message):
    quantizer = made(name)
    n = quantizer.num_codes
    with pytest.raises(error, match=message.format(last=n - 1, n=n)):
        quantizer.embed(indices(n))


@pytest.mark.parametrize("make", [VQ, EMAVQ, ArcVQ])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_codes": 1}, "num_codes=1 must be at least 2"),
        ({"dim": 0}, "dim=0 must be at least 1"),
        ({"commitment_weight": -0.1}, r"commitment_weight=-0\.1 must be at least 0"),
        ({"commitment_weight": math.nan}, "commitment_weight=nan must be at least 0"),
    ],
)
def test_an_option_out_of_range_is_named(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**{"num_codes": K, "dim": D, **options})


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: VQ(K, D, codebook_weight=-1.0), ValueError, "codebook_weight=-1"),
        (lambda: ArcVQ(K, D, codebook_weight=-1.0), ValueError, "codebook_weight=-1"),
        (lambda: EMAVQ(K, D, decay=1.0), ValueError, r"decay=1\.0"),
        (lambda: EMAVQ(K, D, decay=-0.1), ValueError, r"decay=-0\.1"),
        (lambda: EMAVQ(K, D, restart_below=-1.0), ValueError, "restart_below=-1"),
        (lambda: ArcVQ(K, D, radius=1.5), TypeError, r"radius=1\.5.*ConstantRadius"),
        (lambda: ArcVQ(K, D, margin=0.1), TypeError, r"margin=0\.1.*ArcMarginLoss"),
        (lambda: ArcVQ(K, D, margin_weight=1.0), TypeError, r"margin_weight=1\.0"),
        (lambda: ArcVQ(K, D, margin_weight=None), TypeError, "margin_weight=None"),
    ],
)
def test_an_option_of_one_quantizer_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_no_constructor_takes_more_than_8_arguments():
    public = [getattr(arcvq_lite, name) for name in arcvq_lite.__all__]
    classes = [made for made in public if "__init__" in getattr(made, "__dict__", ())]
    assert ArcVQ in classes
    for public_class in classes:
        assert len(inspect.signature(public_class).parameters) <= 8, public_class

"""CodebookUsage: figures of the whole set, from integer counts."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arcvq_lite import CodebookUsage

K = 9
indices = st.lists(st.integers(0, K - 1), min_size=1, max_size=60)


def usage_of(*batches, num_codes=K):
    usage = CodebookUsage(num_codes)
    for batch in batches:
        usage.update(torch.as_tensor(batch, dtype=torch.int64))
    return {name: value.item() for name, value in usage.compute().items()}


@given(indices)
def test_the_figures_equal_their_formulas(taken):
    counts = np.bincount(taken, minlength=K)
    share = counts[counts > 0] / counts.sum()
    entropy = -(share * np.log(share)).sum()
    expected = {
        "usage": (counts > 0).sum() / K,
        "perplexity": np.exp(entropy),
        "entropy": entropy,
    }
    assert usage_of(taken) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(indices, st.randoms(use_true_random=False), st.integers(1, 10))
def test_order_and_size_of_batches_do_not_matter(taken, random, size):
    shuffled = random.sample(taken, len(taken))
    batches = [shuffled[i : i + size] for i in range(0, len(taken), size)]
    assert usage_of(*batches) == usage_of(taken)


@given(indices)
def test_perplexity_lies_between_1_and_k(taken):
    assert 1 <= usage_of(taken)["perplexity"] <= K * (1 + 1e-12)


@given(indices, st.permutations(range(K)))
def test_permuting_the_codes_changes_no_figure(taken, order):
    permuted = usage_of([order[index] for index in taken])
    assert permuted == pytest.approx(usage_of(taken), rel=1e-12)


def test_a_single_code_and_every_code():
    assert usage_of([4, 4, 4]) == {"usage": 1 / K, "perplexity": 1, "entropy": 0}
    even = {"usage": 1, "perplexity": K, "entropy": math.log(K)}
    assert usage_of(range(K)) == pytest.approx(even, rel=1e-12)


def test_indices_of_any_shape_are_counted():
    usage = CodebookUsage(4)
    usage.update(torch.tensor([[[0, 1], [1, 3]]]))
    usage.update(torch.tensor(3))
    assert usage.counts.tolist() == [1, 2, 0, 2]
    assert usage.counts.dtype == torch.int64


def test_the_whole_set_is_not_the_mean_of_its_batches():
    assert usage_of([0, 0], [1, 1])["perplexity"] == pytest.approx(2)


def test_of_nothing_there_is_no_usage():
    assert usage_of([]) == {"usage": 0, "perplexity": 1, "entropy": 0}


def test_reset_forgets():
    usage = CodebookUsage(K)
    usage.update(torch.arange(K))
    usage.reset()
    usage.update(torch.tensor([2, 2]))
    assert usage.compute()["usage"].item() == pytest.approx(1 / K)


def test_calling_the_metric_gives_the_batch_and_counts_it():
    usage = CodebookUsage(K)
    usage(torch.arange(4))
    batch = usage(torch.tensor([0, 0]))
    assert batch["usage"].item() == pytest.approx(1 / K)
    assert usage.compute()["usage"].item() == pytest.approx(4 / K)


def test_counts_stay_exact_beyond_what_float32_can_count():
    usage = CodebookUsage(2)
    usage.counts += torch.tensor([2**24, 0])
    usage.update(torch.tensor([0, 1]))
    assert usage.counts.tolist() == [2**24 + 1, 1]


@pytest.mark.parametrize(
    ("taken", "error", "message"),
    [
        (torch.tensor([0, K]), ValueError, "indices must lie in 0 … 8, got 0 … 9"),
        (torch.tensor([-1]), ValueError, "indices must lie in 0 … 8, got -1 … -1"),
        (torch.tensor([0.0]), TypeError, r"indices must be int64, got torch\.float32"),
        (torch.tensor([True]), TypeError, r"indices must be int64, got torch\.bool"),
    ],
)
def test_bad_indices_are_named_and_not_counted(taken, error, message):
    usage = CodebookUsage(K)
    with pytest.raises(error, match=message):
        usage.update(taken)
    assert not usage.counts.any()


def test_a_codebook_without_codes_is_refused():
    with pytest.raises(ValueError, match="num_codes=0 must be at least 1"):
        CodebookUsage(0)

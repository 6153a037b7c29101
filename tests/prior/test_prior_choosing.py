"""A code is chosen by its probability, after temperature, top-k and top-p."""

import math

import pytest
import torch
from goodness_of_fit import chance_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from arcvq_lite.prior import choice_probabilities
from arcvq_lite.prior.choosing import choose, keep_top_k, keep_top_p

LOGITS = torch.tensor([0.3, -1.2, 2.0, 0.0, 2.0, -5.0], dtype=torch.float64)

# Whole numbers of halves, so that equal logits are among them.
rows = st.integers(1, 9).flatmap(
    lambda codes: arrays("int64", codes, elements=st.integers(-16, 16)).map(
        lambda row: torch.from_numpy(row).double() / 2
    )
)
counts = st.integers(1, 12)
shares = st.floats(0.01, 1.0)


def assert_still_probabilities(cut, before):
    """What is left is more than nothing, in the old proportions, and sums to 1."""
    assert cut.dtype == torch.float64
    torch.testing.assert_close(cut.sum(), torch.tensor(1.0, dtype=torch.float64))
    left = cut > 0
    assert left.any()
    torch.testing.assert_close(cut[left], before[left] / before[left].sum())
    if not left.all():
        assert before[left].min() >= before[~left].max()


# The two cuts


@given(rows, counts)
def test_top_k_keeps_as_many_of_the_likeliest(logits, top_k):
    probabilities = logits.softmax(-1)
    cut = keep_top_k(probabilities, top_k)
    assert_still_probabilities(cut, probabilities)
    assert (cut > 0).sum() == min(top_k, len(logits))


@given(rows, shares)
def test_top_p_keeps_the_fewest_that_reach_it(logits, top_p):
    probabilities = logits.softmax(-1)
    cut = keep_top_p(probabilities, top_p)
    assert_still_probabilities(cut, probabilities)
    kept = probabilities[cut > 0]
    assert kept.sum() > top_p - 1e-9
    assert kept.sum() - kept.min() < top_p + 1e-9


@given(rows)
def test_top_p_of_1_and_top_k_of_all_change_nothing(logits):
    probabilities = logits.softmax(-1)
    assert torch.equal(keep_top_p(probabilities, 1.0), probabilities)
    torch.testing.assert_close(keep_top_k(probabilities, len(logits)), probabilities)


def test_top_p_of_1_keeps_codes_too_rare_to_show_in_a_sum():
    probabilities = torch.tensor([1.0, 1e-300, 0.0], dtype=torch.float64)
    assert torch.equal(keep_top_p(probabilities, 1.0), probabilities)


def test_of_equal_codes_the_first_are_kept():
    equal = torch.full((4,), 0.25, dtype=torch.float64)
    assert keep_top_k(equal, 2).tolist() == [0.5, 0.5, 0, 0]
    assert keep_top_p(equal, 0.5).tolist() == [0.5, 0.5, 0, 0]


def test_each_row_is_cut_by_itself():
    rows = torch.tensor([[0.7, 0.1, 0.2], [0.2, 0.5, 0.3]], dtype=torch.float64)
    first = torch.tensor([[1.0, 0, 0], [0, 1, 0]], dtype=torch.float64)
    assert torch.equal(keep_top_k(rows, 1), first)
    torch.testing.assert_close(
        keep_top_p(rows, 0.6),
        torch.tensor([[1.0, 0, 0], [0, 0.625, 0.375]], dtype=torch.float64),
    )


# Temperature


@given(rows)
def test_nothing_asked_is_the_softmax(logits):
    torch.testing.assert_close(choice_probabilities(logits), logits.softmax(-1))


@given(rows, st.floats(0.05, 20))
def test_temperature_divides_the_logits(logits, temperature):
    softened = choice_probabilities(logits, temperature=temperature)
    torch.testing.assert_close(softened, (logits / temperature).softmax(-1))


@given(rows, st.sampled_from([0.0, 5e-324, 1e-300, 1e-6]))
def test_towards_temperature_0_only_the_likeliest_are_left(logits, temperature):
    cold = choice_probabilities(logits, temperature=temperature)
    likeliest = logits == logits.max()
    torch.testing.assert_close(cold, likeliest.double() / likeliest.sum())


def test_the_cuts_come_after_the_temperature_and_top_k_before_top_p():
    cut = choice_probabilities(LOGITS, temperature=2.0, top_k=3, top_p=0.8)
    of_three = keep_top_k((LOGITS / 2).softmax(-1), 3)
    assert torch.equal(cut, keep_top_p(of_three, 0.8))
    assert (cut > 0).tolist() == [False, False, True, False, True, False]
    assert keep_top_p((LOGITS / 2).softmax(-1), 0.8)[0] > 0


def test_logits_in_bfloat16_give_float64():
    assert choice_probabilities(LOGITS.bfloat16()).dtype == torch.float64


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("temperature", -0.5),
        ("temperature", math.inf),
        ("temperature", math.nan),
        ("top_k", 0),
        ("top_p", 0.0),
        ("top_p", 1.01),
        ("top_p", math.nan),
    ],
)
def test_an_option_out_of_range_is_named(option, value):
    with pytest.raises(ValueError, match=f"^{option}={value} must be"):
        choice_probabilities(LOGITS, **{option: value})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_logits_that_are_no_numbers_are_refused(number):
    with pytest.raises(ValueError, match="logits contain NaN or infinity"):
        choice_probabilities(torch.tensor([[0.0, 1.0], [number, 0.0]]))


# The draw


def test_the_code_whose_wait_is_shortest_for_its_probability_is_chosen():
    probabilities = torch.tensor([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1]])
    waits = torch.tensor([[1.0, 1.0, 1.0], [0.9, 0.5, 0.14]])
    assert choose(probabilities, waits).tolist() == [0, 2]


@given(rows, st.integers(1, 3), st.integers(0, 2**32))
def test_a_code_that_was_cut_off_is_never_chosen(logits, top_k, seed):
    probabilities = choice_probabilities(logits, top_k=top_k).expand(50, -1)
    generator = torch.Generator().manual_seed(seed)
    waits = torch.empty_like(probabilities).exponential_(generator=generator)
    waits[::2] = torch.finfo(waits.dtype).tiny  # the least that a draw can be
    chosen = choose(probabilities, waits)
    assert (probabilities[0, chosen] > 0).all()


def test_draws_follow_the_probabilities():
    probabilities = choice_probabilities(LOGITS, temperature=1.5)
    waits = torch.empty(20_000, len(LOGITS), dtype=torch.float64).exponential_()
    chosen = choose(probabilities.expand_as(waits), waits)
    assert chance_of(chosen, probabilities) > 0.01
    assert chance_of(chosen, choice_probabilities(LOGITS)) < 1e-6

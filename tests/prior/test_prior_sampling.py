"""Samples follow the prior's own probabilities, whichever way they are reckoned."""

import itertools

import pytest
import torch
from goodness_of_fit import chance_of
from torch import nn

from arcvq_lite.prior import TokenPrior, choice_probabilities, sample
from arcvq_lite.prior.continuing import reading_anew, remembering

K, L = 7, 12


def small_prior(num_codes=K, length=L, std=0.3, **options):
    """Weights large enough that the next token depends on those before."""
    options = {"width": 16, "layers": 2, "heads": 2, **options}
    prior = TokenPrior(num_codes, length, **options)
    for parameter in prior.parameters():
        nn.init.normal_(parameter, std=std)
    return prior.eval()


def seed(number):
    return torch.Generator().manual_seed(number)


# Remembered and read anew

ASKED = {
    "plain": {},
    "cold": {"temperature": 0.3},
    "top-k": {"top_k": 3},
    "top-p": {"top_p": 0.7, "temperature": 1.5},
    "guided": {"guidance": 2.5, "classes": 1},
    "everything": {"guidance": 3.0, "classes": 0, "top_k": 5, "top_p": 0.9},
    "likeliest": {"temperature": 0.0},
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
def test_remembering_draws_the_same_samples(asked):
    prior = small_prior(classes=2 if "classes" in asked else None)
    drawn = set()
    for number in range(30):
        one, other = (
            sample(prior, 4, cached=cached, generator=seed(number), **asked)
            for cached in (True, False)
        )
        assert torch.equal(one, other)
        drawn |= {tuple(row) for row in one.tolist()}
    assert len(drawn) > 20 or asked["temperature"] == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [None, 3])
def test_all_three_ways_give_the_same_logits_at_every_place(classes, dtype):
    prior = small_prior(classes=classes).to(dtype)
    indices = torch.randint(K, (5, L))
    given = None if classes is None else torch.tensor([0, 1, 2, 3, 0])
    starts = prior.starts(5, given, indices.device)
    at_once = prior(indices, given)
    anew, remembered = reading_anew(prior, starts), remembering(prior, starts)
    for place in range(L):
        before = indices[:, :place]
        torch.testing.assert_close(anew(before), at_once[:, place])
        torch.testing.assert_close(remembered(before), at_once[:, place])


# What is drawn


def test_sequences_come_as_often_as_the_prior_finds_them_likely():
    """All 27 sequences of three codes, their chances multiplied out by hand."""
    prior = small_prior(3, 3, std=0.5)
    every = torch.tensor(list(itertools.product(range(3), repeat=3)))  # (27, 3)
    surprises = prior(every).double().log_softmax(dim=-1)
    chances = surprises.gather(-1, every[..., None]).sum(dim=(1, 2)).exp()
    torch.testing.assert_close(chances.sum(), torch.tensor(1.0, dtype=torch.float64))

    drawn = sample(prior, 20_000, generator=seed(0))
    numbers = drawn @ torch.tensor([9, 3, 1])
    likely = chances * len(drawn) > 5
    kept = torch.isin(numbers, likely.nonzero()[:, 0])
    place = likely.cumsum(0) - 1
    assert likely.sum() > 15
    share = chances[likely] / chances[likely].sum()
    assert chance_of(place[numbers[kept]], share) > 0.01
    uniform = torch.full_like(share, 1 / len(share))
    assert chance_of(place[numbers[kept]], uniform) < 1e-6


@pytest.mark.parametrize(
    "asked", [{}, {"temperature": 2.0}, {"top_k": 3}, {"top_p": 0.8}], ids=str
)
def test_known_logits_are_drawn_as_asked(asked):
    prior = small_prior()
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 1.5])
    with torch.no_grad():
        prior.head.weight.zero_()
        prior.head.bias.copy_(logits)
    drawn = sample(prior, 1000, generator=seed(3), **asked).flatten()
    theory = choice_probabilities(logits, **asked)
    possible = theory > 0
    assert possible[drawn].all()
    place = possible.cumsum(0) - 1
    assert chance_of(place[drawn], theory[possible]) > 0.01


def test_guidance_moves_the_logits_past_those_of_the_class():
    prior = small_prior(classes=2, length=1)
    indices = torch.zeros(2, 1, dtype=torch.int64)
    with_class, without = prior(indices, torch.tensor([1, prior.no_class]))[:, 0]
    for guidance in (0.0, 0.5, 1.0, 3.0):
        drawn = sample(prior, 8000, classes=1, guidance=guidance, generator=seed(1))
        theory = (without + guidance * (with_class - without)).double().softmax(-1)
        assert chance_of(drawn.flatten(), theory) > 0.01


def read_by(prior, **asked):
    """Sequences and places (B, t) that the blocks read for each token."""
    read = []
    hook = prior.drop.register_forward_hook(lambda _, x, y: read.append(y.shape[:2]))
    sample(prior, 3, classes=1, **asked)
    hook.remove()
    return read


def test_memory_saves_the_past_and_only_guidance_reads_twice():
    prior = small_prior(classes=2)
    assert read_by(prior) == [(3, 1)] * L
    assert read_by(prior, cached=False) == [(3, t + 1) for t in range(L)]
    assert read_by(prior, guidance=2.0) == [(6, 1)] * L


def test_at_temperature_0_every_token_is_the_likeliest():
    prior = small_prior()
    drawn = sample(prior, 3, temperature=0.0)
    assert torch.equal(prior(drawn).argmax(dim=-1), drawn)
    assert torch.equal(sample(prior, 3, temperature=1e-9), drawn)
    assert torch.equal(sample(prior, 3, top_k=1), drawn)


def test_each_sequence_has_its_own_class():
    prior = small_prior(classes=2)
    classes = torch.tensor([0, 1, prior.no_class])
    drawn = sample(prior, 3, classes=classes, temperature=0.0)
    assert torch.equal(prior(drawn, classes).argmax(dim=-1), drawn)
    for row, number in zip(drawn, classes.tolist(), strict=True):
        alone = sample(prior, 1, classes=number, temperature=0.0)
        assert torch.equal(alone[0], row)


# How it is drawn


def test_samples_are_int64_of_the_priors_length_and_can_be_learnt_from():
    prior = small_prior()
    drawn = sample(prior, 5)
    assert drawn.dtype == torch.int64
    assert drawn.shape == (5, L)
    prior.loss(drawn).backward()
    assert prior.head.weight.grad.any()


def test_nothing_is_kept_for_a_gradient():
    prior, kept = small_prior(), []
    prior.head.register_forward_hook(lambda _, x, y: kept.append(y.requires_grad))
    sample(prior, 1)
    assert kept == [False] * L


def test_the_generator_alone_decides():
    prior = small_prior()
    before = torch.get_rng_state()
    one, again, other = (sample(prior, 4, generator=seed(n)) for n in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_generator_torchs_seed_decides():
    prior = small_prior()
    drawn = []
    for _ in range(2):
        torch.manual_seed(5)
        drawn.append(sample(prior, 4))
    assert torch.equal(*drawn)


def test_a_draw_that_rounds_to_0_chooses_no_code_that_was_cut_off(monkeypatch):
    prior = small_prior()
    monkeypatch.setattr(torch.Tensor, "exponential_", lambda x, generator: x.zero_())
    drawn = sample(prior, 3, top_k=1)
    assert torch.equal(prior(drawn).argmax(dim=-1), drawn)


def test_dropout_is_off_while_sampling_and_every_mode_is_restored():
    prior = small_prior(dropout=0.5)
    calm = sample(prior, 4, generator=seed(0))
    prior.train()
    prior.blocks[0].eval()
    modes = [part.training for part in prior.modules()]
    assert torch.equal(sample(prior, 4, generator=seed(0)), calm)
    assert [part.training for part in prior.modules()] == modes


def test_modes_are_restored_after_an_error(monkeypatch):
    prior = small_prior().train()

    def broken(x):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(prior.head, "forward", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        sample(prior, 1)
    assert all(part.training for part in prior.modules())


def test_autocast_changes_no_sample():
    prior = small_prior()
    calm = sample(prior, 300, generator=seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(sample(prior, 300, generator=seed(0)), calm)


# What is refused


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"count": 0}, "count=0 must be at least 1"),
        ({"temperature": -1.0}, "temperature=-1.0 must be at least 0"),
        ({"top_k": 0}, "top_k=0 must be at least 1"),
        ({"top_p": 1.5}, "top_p=1.5 must be above 0 and at most 1"),
        ({"guidance": -1.0}, "guidance=-1.0 must be at least 0"),
        ({"guidance": float("nan")}, "guidance=nan must be at least 0"),
        ({"guidance": 2.0}, "guidance=2.0 needs classes"),
        ({"classes": 0}, "classes must be None for a prior without classes"),
    ],
)
def test_what_cannot_be_drawn_is_named(asked, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        sample(small_prior(), **{"count": 2, **asked})


def test_a_prior_with_classes_wants_one():
    prior = small_prior(classes=2)
    with pytest.raises(ValueError, match="classes is missing: the prior has 2"):
        sample(prior, 2)
    with pytest.raises(ValueError, match=r"classes must lie in 0 … 2, got 3 … 3"):
        sample(prior, 2, classes=3)

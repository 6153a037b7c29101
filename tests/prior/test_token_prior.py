"""The prior looks back alone, learns what there is to learn, and names its refusals."""

import math

import pytest
import torch
from torch import nn

from arcvq_lite.prior import TokenPrior, token_loss

K, L = 5, 6


def small_prior(**options):
    """Weights large enough that every token read changes the logits a good deal."""
    options = {"width": 16, "layers": 2, "heads": 2, **options}
    prior = TokenPrior(K, L, **options)
    for parameter in prior.parameters():
        nn.init.normal_(parameter, std=0.3)
    return prior


def sequences(count=3):
    return torch.randint(K, (count, L))


# What a token's logits may depend on


@pytest.mark.parametrize("place", range(L))
def test_a_token_changes_the_logits_after_it_and_no_others(place):
    prior = small_prior().eval()
    indices = sequences()
    changed = indices.clone()
    changed[:, place] = (changed[:, place] + 1) % K
    before, after = prior(indices), prior(changed)
    assert torch.equal(before[:, : place + 1], after[:, : place + 1])
    differs = (before != after).any(dim=-1)
    assert differs[:, place + 1 :].all()


def test_the_order_of_the_tokens_before_counts():
    prior = small_prior().eval()
    one, other = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 0, 2, 3, 4, 0]])
    last = prior(torch.stack([one, other]))[:, -1]
    assert not torch.allclose(last[0], last[1], atol=1e-3)


def test_the_class_changes_all_logits():
    prior = small_prior(classes=3).eval()
    indices = sequences(1).expand(4, -1)
    logits = prior(indices, torch.tensor([0, 1, 2, prior.no_class]))
    for one in range(4):
        for other in range(one):
            assert (logits[one] != logits[other]).any(dim=-1).all()


def test_sequences_of_a_batch_do_not_mix():
    prior = small_prior().eval()
    indices = sequences(4)
    torch.testing.assert_close(prior(indices)[2:3], prior(indices[2:3]))


# The loss


def test_the_loss_is_the_mean_surprise_in_nats():
    prior = small_prior(classes=2).eval()
    indices, classes = sequences(), torch.tensor([0, 1, 2])
    chances = prior(indices, classes).double().softmax(dim=-1)
    by_hand = torch.stack(
        [-chances[b, t, indices[b, t]].log() for b in range(3) for t in range(L)]
    ).mean()
    torch.testing.assert_close(prior.loss(indices, classes), by_hand.float())


def test_a_new_prior_finds_all_codes_about_as_likely():
    prior = TokenPrior(64, 16, layers=6)
    loss = prior.loss(torch.randint(64, (4, 16)))
    torch.testing.assert_close(loss.item(), math.log(64), atol=0.1, rtol=0)


def test_at_the_start_depth_does_not_swell_what_the_blocks_hand_on():
    sizes = []
    for layers in (1, 16):
        prior = TokenPrior(64, 16, width=64, layers=layers)
        prior.norm.register_forward_pre_hook(
            lambda _, given: sizes.append(given[0].std())
        )
        prior(torch.randint(64, (8, 16)))
    torch.testing.assert_close(sizes[1], sizes[0], rtol=0.1, atol=0)


def test_the_loss_is_float32_under_autocast_and_of_low_logits():
    prior = small_prior()
    with torch.autocast("cpu", torch.bfloat16):
        assert prior(sequences()).dtype == torch.bfloat16
        assert prior.loss(sequences()).dtype == torch.float32
    assert token_loss(torch.zeros(1, L, K).half(), sequences(1)).dtype == torch.float32


def trained(prior, indices, classes=None, steps=200):
    optimizer = torch.optim.Adam(prior.parameters(), 3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        prior.loss(indices, classes).backward()
        optimizer.step()
    return prior.eval()


@torch.no_grad()
def test_it_learns_a_few_sequences_down_to_their_entropy():
    """Of four sequences only the first token is a surprise, one of ln 4 nats."""
    indices = torch.tensor(
        [[0, 1, 2, 3, 4, 4], [1, 1, 0, 3, 4, 2], [2, 1, 2, 2, 0, 4], [3, 3, 2, 1, 4, 0]]
    )
    with torch.enable_grad():
        prior = trained(TokenPrior(K, L, width=32, layers=2), indices)
    entropy = math.log(4) / L
    assert entropy - 1e-4 < prior.loss(indices).item() < entropy + 0.01


@torch.no_grad()
def test_it_learns_with_and_without_the_class():
    """The class tells the sequence; without it the first token is a surprise."""
    indices = torch.tensor([[0, 1, 2, 3, 4, 4], [1, 1, 0, 3, 4, 2]])
    classes = torch.tensor([0, 1])
    prior = TokenPrior(K, L, classes=2, width=32, layers=2, class_drop=0.3)
    with torch.enable_grad():
        trained(prior, indices.repeat(8, 1), classes.repeat(8))
    assert prior.loss(indices, classes) < 0.01
    no_class = torch.full((2,), prior.no_class)
    entropy = math.log(2) / L
    assert entropy - 1e-4 < prior.loss(indices, no_class).item() < entropy + 0.03


# What training alone does


def test_training_hides_classes_as_often_as_stated():
    prior = small_prior(classes=1, class_drop=0.25).train()
    indices = sequences(1).expand(4000, -1)
    classes = torch.zeros(4000, dtype=torch.int64)
    first = prior(indices, classes)[:, 0]
    prior.eval()
    hidden_class = torch.full((1,), prior.no_class)
    without = prior(indices[:1], hidden_class)[:, 0]
    hidden = (first - without).abs().amax(dim=-1) < 1e-5
    assert abs(hidden.double().mean().item() - 0.25) < 3 * math.sqrt(0.25 * 0.75 / 4000)
    torch.testing.assert_close(
        first[~hidden][:1], prior(indices[:1], classes[:1])[:, 0]
    )


def test_what_is_hidden_follows_torchs_seed():
    prior = small_prior(classes=3, class_drop=0.5, dropout=0.1).train()
    indices, classes = sequences(8), torch.randint(3, (8,))
    losses = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        losses.append(prior.loss(indices, classes))
    assert losses[0] == losses[1] != losses[2]


def test_evaluation_hides_nothing_and_draws_nothing():
    prior = small_prior(classes=3, class_drop=0.9, dropout=0.5).eval()
    indices, classes = sequences(8), torch.randint(3, (8,))
    before = torch.get_rng_state()
    assert torch.equal(prior(indices, classes), prior(indices, classes))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("classes", [None, 3])
def test_every_parameter_has_a_gradient(classes):
    prior = small_prior(classes=classes, class_drop=0.5)
    given = None if classes is None else torch.randint(classes, (64,))
    prior.loss(sequences(64), given).backward()
    for name, parameter in prior.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_codes": 0}, "num_codes=0 must be at least 1"),
        ({"length": 0}, "length=0 must be at least 1"),
        ({"classes": 0}, "classes=0 must be at least 1"),
        ({"layers": 0}, "layers=0 must be at least 1"),
        ({"width": 10, "heads": 4}, "width=10 must be a multiple of heads=4"),
        ({"dropout": 1.0}, "dropout=1.0 must be at least 0 and below 1"),
        ({"class_drop": -0.1}, "class_drop=-0.1 must be at least 0 and below 1"),
    ],
)
def test_a_size_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        TokenPrior(**{"num_codes": K, "length": L, **options})


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        (torch.zeros(2, 3, 2), r"must be \(B, 6\), got \(2, 3, 2\); of grids"),
        (torch.zeros(2, 5), r"must be \(B, 6\), got \(2, 5\)"),
        (torch.zeros(0, 6), r"must not be empty, got shape \(0, 6\)"),
        (torch.full((1, 6), 5), "must lie in 0 … 4, got 5 … 5"),
        (torch.full((1, 6), -1), "must lie in 0 … 4, got -1 … -1"),
    ],
)
def test_indices_of_another_shape_or_range_are_refused(indices, message):
    with pytest.raises(ValueError, match=f"^indices {message}"):
        small_prior()(indices.long())


@pytest.mark.parametrize("indices", [torch.zeros(1, L), [[0] * L]])
def test_indices_that_are_no_int64_tensor_are_refused(indices):
    with pytest.raises(TypeError, match="indices must be an int64 tensor, got"):
        small_prior()(indices)


def test_classes_and_prior_must_fit():
    indices, with_classes = sequences(2), small_prior(classes=3)
    with pytest.raises(ValueError, match="classes must be None for a prior without"):
        small_prior()(indices, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="classes is missing: the prior has 3"):
        with_classes(indices)
    with pytest.raises(ValueError, match=r"classes must lie in 0 … 3, got 0 … 4"):
        with_classes(indices, torch.tensor([0, 4]))
    with pytest.raises(ValueError, match=r"classes must be \(2,\), one a sequence"):
        with_classes(indices, torch.tensor([0]))
    with pytest.raises(
        TypeError, match=r"classes must be an int64 tensor, got torch.f"
    ):
        with_classes(indices, torch.zeros(2))

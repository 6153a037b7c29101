"""Chapter 06's checkers pass right answers and name the usual wrong ideas."""

import math

import pytest
import torch
from torch.nn import functional as F

from arcvq_lite import check


def by_search(codes, usage):
    draws = 1
    while 1 - (1 - 1 / codes) ** draws < usage:
        draws += 1
    return draws


def along(latents, direction):
    return latents @ F.normalize(direction, dim=0)


def gathered(codebook, latents, chosen):
    n = chosen.bincount(minlength=len(codebook)).float()
    return n, torch.zeros_like(codebook).index_add_(0, chosen, latents)


def running_sums(codebook, counts, latents, chosen, decay):
    n, u = gathered(codebook, latents, chosen)
    after = decay * counts + (1 - decay) * n
    sums = decay * counts[:, None] * codebook + (1 - decay) * u
    return sums / after[:, None], after


def code_by_code(codebook, counts, latents, chosen, decay):
    codes, after = [], []
    for j, (code, count) in enumerate(zip(codebook, counts, strict=True)):
        own = latents[chosen == j]
        total = decay * count + (1 - decay) * len(own)
        after.append(total)
        codes.append((decay * count * code + (1 - decay) * own.sum(dim=0)) / total)
    return torch.stack(codes), torch.stack(after)


def with_codes(make):
    """An answer with the right counts and the codes that `make` gives."""

    def answer(codebook, counts, latents, chosen, decay):
        n, u = gathered(codebook, latents, chosen)
        after = decay * counts + (1 - decay) * n
        n, past = n[:, None], counts[:, None]
        return make(codebook, past, n, u, after[:, None], decay), after

    return answer


def with_counts(make):
    """An answer with the right codes and the counts that `make` gives."""

    def answer(codebook, counts, latents, chosen, decay):
        codes, _ = running_sums(codebook, counts, latents, chosen, decay)
        n, _ = gathered(codebook, latents, chosen)
        return codes, make(counts, n, decay)

    return answer


def in_place(codebook, counts, latents, chosen, decay):
    codes, after = running_sums(codebook, counts, latents, chosen, decay)
    return codebook.copy_(codes), counts.copy_(after)


def means(codebook, n, u):
    return torch.where(n > 0, u / n.clamp(min=1), codebook)


RIGHT = [
    (
        check.tokens_needed,
        lambda k, u: math.ceil(math.log(1 - u) / math.log(1 - 1 / k)),
    ),
    (check.tokens_needed, by_search),
    (check.best_length, lambda z, d: along(z, d).mean().clamp(min=0)),
    (
        check.best_length,
        lambda z, d: max(0.0, (z.mean(dim=0) @ d / d.norm()).item()),
    ),
    (check.restart_threshold, lambda d, p: d ** (p - 1)),
    (check.restart_threshold, lambda d, p: math.exp((p - 0.5) * math.log(d))),
    (check.ema_step, running_sums),
    (check.ema_step, code_by_code),
]

WRONG = [
    (check.tokens_needed, lambda k, u: k, "ever repeated"),
    (check.tokens_needed, lambda k, u: k * u, "ever repeated"),
    (
        check.tokens_needed,
        lambda k, u: math.ceil(math.log(u) / math.log(1 - 1 / k)),
        "usage itself",
    ),
    (
        check.tokens_needed,
        lambda k, u: math.log(1 - u) / math.log(1 - 1 / k),
        "round up to",
    ),
    (
        check.tokens_needed,
        lambda k, u: math.floor(math.log(1 - u) / math.log(1 - 1 / k)),
        "one token short",
    ),
    (
        check.tokens_needed,
        lambda k, u: math.ceil(-k * math.log(1 - u)),
        "approximation",
    ),
    (check.tokens_needed, lambda k, u: 10**6, "expected to show"),
    (check.tokens_needed, lambda k, u: math.inf, "finite"),
    (check.best_length, lambda z, d: along(z, d).sum(), "divided by"),
    (check.best_length, lambda z, d: (z @ d).mean(), "normalise it"),
    (check.best_length, lambda z, d: z.norm(dim=1).mean(), "mean length"),
    (check.best_length, lambda z, d: z.mean(dim=0).norm(), "direction were free"),
    (check.best_length, lambda z, d: along(z, d).max(), "single latent"),
    (check.best_length, lambda z, d: 2 * along(z, d).mean(), "Twice too long"),
    (check.best_length, lambda z, d: along(z, d).mean() / 2, "not 2‖e‖"),
    (check.best_length, lambda z, d: 7.0, "is largest at"),
    (check.best_length, lambda z, d: along(z, d).mean(), "never negative"),
    (check.best_length, lambda z, d: along(z, d), "one number"),
    (check.restart_threshold, lambda d, p: d**p, "one batch late"),
    (check.restart_threshold, lambda d, p: 1 - d**p, "forgotten"),
    (check.restart_threshold, lambda d, p: d * p, "added up"),
    (check.restart_threshold, lambda d, p: 1 / p, "not as 1/t"),
    (check.restart_threshold, lambda d, p: 1 - d, "depend on the patience"),
    (check.restart_threshold, lambda d, p: math.exp(-p), "not by 1/e"),
    (check.restart_threshold, lambda d, p: 0.0, "never"),
    (check.restart_threshold, lambda d, p: 0.2, "after 16 batches"),
    (check.ema_step, lambda e, n, z, k, d: e, "pair"),
    (check.ema_step, lambda e, n, z, k, d: (e, e), "shape (3,)"),
    (check.ema_step, in_place, "caller's"),
    (check.ema_step, with_counts(lambda past, n, d: past), "have not moved"),
    (check.ema_step, with_counts(lambda past, n, d: n), "alone"),
    (check.ema_step, with_counts(lambda past, n, d: past + n), "never decay"),
    (
        check.ema_step,
        with_counts(lambda past, n, d: (1 - d) * past + d * n),
        "weights are swapped",
    ),
    (check.ema_step, with_counts(lambda past, n, d: d * past + n), "lack"),
    (check.ema_step, with_counts(lambda past, n, d: 3 * past), "should give"),
    (check.ema_step, with_codes(lambda e, past, n, u, after, d: e), "not moved"),
    (
        check.ema_step,
        with_codes(lambda e, past, n, u, after, d: means(e, n, u)),
        "jumps",
    ),
    (
        check.ema_step,
        with_codes(lambda e, past, n, u, after, d: d * e + (1 - d) * means(e, n, u)),
        "mix means: a code",
    ),
    (
        check.ema_step,
        with_codes(
            lambda e, past, n, u, after, d: d * e + (1 - d) * u / n.clamp(min=1)
        ),
        "shrinks",
    ),
    (
        check.ema_step,
        with_codes(lambda e, past, n, u, after, d: d * e + (1 - d) * u / n),
        "NaN",
    ),
    (
        check.ema_step,
        with_codes(lambda e, past, n, u, after, d: (d * e + (1 - d) * u) / after),
        "e · count",
    ),
    (
        check.ema_step,
        with_codes(lambda e, past, n, u, after, d: d * past * e + (1 - d) * u),
        "running sums",
    ),
    (
        check.ema_step,
        with_codes(
            lambda e, past, n, u, after, d: (
                ((1 - d) * past * e + d * u) / ((1 - d) * past + d * n)
            )
        ),
        "sums are swapped",
    ),
    (check.ema_step, with_codes(lambda e, past, n, u, after, d: 9 * e), "should move"),
]


@pytest.mark.parametrize(("checker", "answer"), RIGHT)
def test_a_right_answer_passes_in_more_than_one_style(checker, answer):
    verdict = checker(answer)
    assert verdict.passed, verdict
    assert repr(verdict).startswith("✓")


@pytest.mark.parametrize(("checker", "answer", "words"), WRONG)
def test_a_wrong_idea_is_named(checker, answer, words):
    verdict = checker(answer)
    assert not verdict.passed
    assert words in verdict.message

"""Chapter 13's checkers pass right answers and name the usual wrong ideas."""

import math

import torch
from torch.nn import functional as F

from arcvq_lite import check
from arcvq_lite.prior import choice_probabilities
from arcvq_lite.prior.choosing import keep_top_k, keep_top_p


def by_comparison(given, length):
    place = torch.arange(given + length)
    return (place[None, :] <= place[:, None]) | (place[None, :] < given)


def from_blocks(given, length):
    """Caption and picture as four rectangles."""
    above = torch.ones(given, given), torch.zeros(given, length)
    below = torch.ones(length, given), torch.ones(length, length).tril()
    return torch.cat([torch.cat(above, dim=1), torch.cat(below, dim=1)]).bool()


def ones(given, length):
    return torch.ones(given + length, given + length).bool()


def with_rows_open(given, length):
    mask = by_comparison(given, length)
    mask[:given] = True
    return mask


def without_caption(given, length):
    mask = by_comparison(given, length)
    mask[given:, :given] = False
    return mask


def strictly(given, length):
    mask = ones(given, length).tril(-1)
    mask[:, :given] = True
    return mask


def one_hole(given, length):
    mask = by_comparison(given, length)
    mask[4, 3] = False
    return mask


def cross_entropy(logits, tokens):
    return F.cross_entropy(logits.movedim(2, 1), tokens) / math.log(2)


def one_by_one(logits, tokens):
    costs = []
    for rows, codes in zip(logits, tokens, strict=True):
        for row, code in zip(rows, codes, strict=True):
            costs.append((row.logsumexp(dim=0) - row[code]) / math.log(2))
    return torch.stack(costs).mean()


def through_probability(logits, tokens):
    return -logits.softmax(dim=2).gather(2, tokens[:, :, None]).log2().mean()


def code_by_code(p, share):
    """Takes the likeliest that is left until the share is reached."""
    kept = torch.zeros_like(p)
    for row, out in zip(p, kept, strict=True):
        for code in row.argsort(descending=True, stable=True).tolist():
            if out.sum() >= share and share < 1:
                break
            out[code] = row[code]
    return kept / kept.sum(dim=1, keepdim=True)


def sorted_cut(p, share, keeps):
    ordered, order = p.sort(dim=1, descending=True, stable=True)
    kept = ordered * keeps(ordered, ordered.cumsum(dim=1), share)
    kept = torch.zeros_like(p).scatter(1, order, kept)
    return kept / kept.sum(dim=1, keepdim=True)


def by_threshold(p, share):
    kept = p * (p >= 1 - share)
    return kept / kept.sum(dim=1, keepdim=True)


def all_equals_stay(p, share):
    least = keep_top_p(p, share)
    least = p.masked_fill(least == 0, 2.0).amin(dim=1, keepdim=True)
    kept = p * (p >= least)
    return p if share == 1 else kept / kept.sum(dim=1, keepdim=True)


def one_short(p, share):
    return sorted_cut(
        p, share, lambda ordered, total, s: (total < s) | (ordered == total)
    )


def guided(given, without, guidance):
    logits = guidance * given.log() + (1 - guidance) * without.log()
    return (logits - logits.logsumexp(dim=1, keepdim=True)).exp()


RIGHT = [
    (check.causal_mask, by_comparison),
    (check.causal_mask, from_blocks),
    (check.bits_per_token, cross_entropy),
    (check.bits_per_token, one_by_one),
    (check.nucleus, keep_top_p),
    (check.nucleus, code_by_code),
    (check.nucleus, lambda p, share: choice_probabilities(p.log(), top_p=share)),
    (check.guided_choice, guided),
    (
        check.guided_choice,
        lambda w, o, g: torch.lerp(o.log(), w.log(), g).softmax(dim=-1),
    ),
]

WRONG = [
    (check.causal_mask, lambda g, n: ones(g, n).tril(), "in any order"),
    (check.causal_mask, lambda g, n: ~by_comparison(g, n), "inverted"),
    (check.causal_mask, lambda g, n: by_comparison(g, n).T, "swapped"),
    (check.causal_mask, lambda g, n: ones(g, n).triu(), "comes later"),
    (check.causal_mask, ones, "Nothing is hidden"),
    (check.causal_mask, with_rows_open, "caption reads the picture"),
    (check.causal_mask, without_caption, "does not read the caption"),
    (check.causal_mask, strictly, "may read itself"),
    (check.causal_mask, one_hole, "row 4 may read column 3"),
    (check.causal_mask, lambda g, n: by_comparison(g, n).float(), "boolean"),
    (check.causal_mask, lambda g, n: by_comparison(0, n), "shape should be (5, 5)"),
    (check.bits_per_token, lambda x, k: cross_entropy(x, k) * math.log(2), "nats"),
    (
        check.bits_per_token,
        lambda x, k: cross_entropy(x, k) * math.log(2) ** 2,
        "you multiply",
    ),
    (check.bits_per_token, lambda x, k: -cross_entropy(x, k), "sign is turned"),
    (check.bits_per_token, lambda x, k: 8 * cross_entropy(x, k), "sum over all"),
    (check.bits_per_token, lambda x, k: 4 * cross_entropy(x, k), "a picture"),
    (check.bits_per_token, lambda x, k: 2 ** cross_entropy(x, k), "perplexity"),
    (
        check.bits_per_token,
        lambda x, k: -x.softmax(dim=1).gather(2, k[:, :, None]).log2().mean(),
        "over the places",
    ),
    (
        check.bits_per_token,
        lambda x, k: cross_entropy(x[:, :-1], k[:, 1:]),
        "shifted by one",
    ),
    (
        check.bits_per_token,
        lambda x, k: -(x.softmax(dim=2) * x.softmax(dim=2).log2()).sum(dim=2).mean(),
        "entropy",
    ),
    (check.bits_per_token, through_probability, "log_softmax"),
    (check.bits_per_token, lambda x, k: x.sum() * 0 + 7.0, "yours are 7.0"),
    (check.bits_per_token, lambda x, k: 7.0, "Return a tensor"),
    (
        check.nucleus,
        lambda p, s: sorted_cut(p, s, lambda o, total, s: total <= s),
        "At least one",
    ),
    (check.nucleus, lambda p, s: p * (keep_top_p(p, s) > 0), "sum to 1 again"),
    (
        check.nucleus,
        lambda p, s: keep_top_p(p.sort(dim=1, descending=True).values, s),
        "order of sorting",
    ),
    (check.nucleus, one_short, "one code short"),
    (check.nucleus, by_threshold, "own probability"),
    (check.nucleus, lambda p, s: keep_top_p(p, s).softmax(dim=1), "revives"),
    (check.nucleus, lambda p, s: p, "Nothing has been cut"),
    (check.nucleus, all_equals_stay, "you keep 4"),
    (
        check.nucleus,
        lambda p, s: sorted_cut(p, s, lambda o, total, s: total - o <= s),
        "you keep 3",
    ),
    (
        check.nucleus,
        lambda p, s: sorted_cut(p, s, lambda o, total, s: total - o < s),
        "With a share of 1",
    ),
    (check.nucleus, lambda p, s: keep_top_k(p, 3), "yours is ("),
    (check.guided_choice, lambda w, o, g: o * (w / o) ** g, "sum 1"),
    (check.guided_choice, lambda w, o, g: o + g * (w - o), "fall below 0"),
    (check.guided_choice, lambda w, o, g: guided(w, o, g + 1), "guidance of 3"),
    (check.guided_choice, lambda w, o, g: guided(o, w, g), "swapped"),
    (check.guided_choice, lambda w, o, g: w, "guidance is missing"),
    (
        check.guided_choice,
        lambda w, o, g: w**g / (w**g).sum(dim=1, keepdim=True),
        "sharpens",
    ),
    (
        check.guided_choice,
        lambda w, o, g: (o + g * (w - o)).softmax(dim=1),
        "take their logarithms",
    ),
    (
        check.guided_choice,
        lambda w, o, g: F.normalize(o * (w / o) ** g, p=1, dim=1),
        "power overflows",
    ),
    (check.guided_choice, lambda w, o, g: o, "yours is (0.2"),
]

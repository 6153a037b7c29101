"""The checkers of chapter 07: right answers pass, each wrong idea has its sentence."""

import torch
from torch.nn import functional as F

from arcvq_lite import check


def unit(vectors):
    return F.normalize(vectors, dim=1)


def found(latents, codebook):
    return (unit(latents) @ unit(codebook).T).argmax(dim=1)


def codes_of(latents, codebook):
    return codebook[found(latents, codebook)]


def straight(latents, codes):
    return latents + (codes - latents).detach()


def squares(first, second):
    return first.square().sum() - second.square().sum()


def offset_by_points(first, second):
    """From the midpoint, along the way from the second code to the first."""
    way = (first - second) / (first - second).norm()
    return ((first + second) / 2) @ way


def sums(vectors, indices, directions):
    return torch.zeros_like(directions).index_add(0, indices, vectors)


def won(indices, directions):
    return indices.bincount(minlength=len(directions))[:, None]


def directions_by_loop(latents, indices, directions):
    new = []
    for code, old in enumerate(directions):
        mine = latents[indices == code]
        mean = unit(mine).mean(dim=0)
        new.append(mean / mean.norm() if len(mine) else old)
    return torch.stack(new)


def kept(directions_of):
    """A rule for codes with latents; the others stay."""

    def answer(latents, indices, directions):
        new = directions_of(latents, indices, directions)
        return torch.where(won(indices, directions) > 0, new, directions)

    return answer


def weighted(latents, codebook):
    cosine = F.cosine_similarity(latents, codes_of(latents, codebook))
    return (latents.norm(dim=1) * cosine).sum()


def nan_for_empty(latents, indices, directions):
    turns = sums(unit(latents), indices, directions)
    return turns / turns.norm(dim=1, keepdim=True)


def in_place(latents, indices, directions):
    return directions.zero_().index_add_(0, indices, unit(latents))


RIGHT_BY_NAME = {
    "border_offset": [
        lambda e, f: squares(e, f) / (2 * (e - f).norm()),
        offset_by_points,
        lambda e, f: offset_by_points(e, f).item(),
    ],
    "spherical_quantize": [
        lambda z, e: straight(z, codes_of(z, e)),
        lambda z, e: codes_of(z, e).detach() + z - z.detach(),
        lambda z, e: straight(
            z, e[torch.cdist(unit(z.detach()), unit(e.detach())).argmin(dim=1)]
        ),
    ],
    "mean_directions": [
        kept(lambda z, k, u: unit(sums(unit(z), k, u))),
        directions_by_loop,
    ],
    "never_falls": [
        weighted,
        lambda z, e: (z @ unit(e).T).amax(dim=1).mean(),
        lambda z, e: (z * unit(codes_of(z, e))).sum(dim=1).mean().item(),
    ],
}

WRONG_BY_NAME = {
    "border_offset": [
        (lambda e, f: -offset_by_points(e, f), "turned round"),
        (lambda e, f: squares(e, f) / (e - f).norm(), "Twice too far"),
        (lambda e, f: squares(e, f) / 2, "Not a distance yet"),
        (
            lambda e, f: squares(e, f) / (2 * (e - f).square().sum()),
            "in units of",
        ),
        (lambda e, f: (e.norm() - f.norm()) / 2, "on one ray"),
        (lambda e, f: ((e + f) / 2).norm(), "midpoint"),
        (lambda e, f: (e - f).norm() / 2, "from each code"),
        (lambda e, f: 0.0, "between angles"),
        (lambda e, f: 9.0, "Set the two scores"),
        (lambda e, f: e, "one number, not Tensor of shape (3,)"),
    ],
    "spherical_quantize": [
        (lambda z, e: straight(z, unit(codes_of(z, e))), "ViT-VQGAN"),
        (
            lambda z, e: straight(
                z, z.norm(dim=1, keepdim=True) * unit(codes_of(z, e))
            ),
            "no token could carry",
        ),
        (
            lambda z, e: straight(z, e[torch.cdist(z, e).argmin(dim=1)]),
            "Found by distance",
        ),
        (
            lambda z, e: straight(z, e[(z @ e.T).argmax(dim=1)]),
            "plain product",
        ),
        (
            lambda z, e: straight(
                z, e[(F.normalize(z, dim=0) @ F.normalize(e, dim=0).T).argmax(1)]
            ),
            "Columns are normalised",
        ),
        (
            lambda z, e: straight(z, e[(unit(z) @ unit(e).T).argmin(dim=1)]),
            "opposite direction",
        ),
        (lambda z, e: z, "codes are missing"),
        (lambda z, e: straight(z, 3 * codes_of(z, e)), "should be replaced by"),
        (codes_of, "a detach is missing"),
        (lambda z, e: codes_of(z, e).detach(), "No gradient reaches the latents"),
        (lambda z, e: z + codes_of(z, e) - z.detach(), "a detach is missing"),
        (
            lambda z, e: unit(z) + (codes_of(z, e) - unit(z)).detach(),
            "another gradient",
        ),
        (lambda z, e: found(z, e), "shape should be (30, 4)"),
    ],
    "mean_directions": [
        (kept(lambda z, k, u: unit(sums(z, k, u))), "Long latents"),
        (
            kept(lambda z, k, u: sums(unit(z), k, u) / won(k, u).clamp(min=1)),
            "shorter than 1",
        ),
        (kept(lambda z, k, u: sums(unit(z), k, u)), "these are sums"),
        (kept(lambda z, k, u: sums(z, k, u) / won(k, u).clamp(min=1)), "k-means"),
        (lambda z, k, u: u.clone(), "Nothing has moved"),
        (
            kept(lambda z, k, u: F.normalize(sums(unit(z), k, u), dim=0)),
            "columns are normalised",
        ),
        (kept(lambda z, k, u: -unit(sums(unit(z), k, u))), "point away"),
        (nan_for_empty, "becomes NaN"),
        (lambda z, k, u: unit(sums(unit(z), k, u)), "should stay at"),
        (lambda z, k, u: unit(u + 1), "Code 0 should point"),
        (in_place, "caller's directions"),
    ],
    "never_falls": [
        (
            lambda z, e: F.cosine_similarity(z, codes_of(z, e)).mean(),
            "That is J₀",
        ),
        (
            lambda z, e: (z * codes_of(z, e)).sum(dim=1).mean(),
            "codes' lengths are in it",
        ),
        (
            lambda z, e: (z - codes_of(z, e)).square().sum(dim=1).mean(),
            "the measure which the alternation can raise",
        ),
        (
            lambda z, e: -(z - codes_of(z, e)).square().sum(),
            "sign turned, and it can fall",
        ),
        (lambda z, e: (z @ unit(e).T).mean(), "over all pairs"),
        (
            lambda z, e: (unit(z) * codes_of(z, e)).sum(dim=1).mean(),
            "the codes' lengths; the latents'",
        ),
        (lambda z, e: -weighted(z, e), "sign is turned round"),
        (lambda z, e: 1.0, "yours is 1.0000"),
        (lambda z, e: z, "one number, not Tensor of shape (60, 3)"),
    ],
}

RIGHT = [
    (getattr(check, name), answer)
    for name, answers in RIGHT_BY_NAME.items()
    for answer in answers
]
WRONG = [
    (getattr(check, name), *case)
    for name, cases in WRONG_BY_NAME.items()
    for case in cases
]


def test_a_measure_that_falls_later_is_found_out():
    asked = []

    def honest_at_first(latents, codebook):
        asked.append(codebook)
        value = weighted(latents, codebook) / len(latents)
        return value if len(asked) < 3 else value - len(asked)

    verdict = check.never_falls(honest_at_first)
    assert not verdict.passed
    assert "of the alternation it falls" in verdict.message

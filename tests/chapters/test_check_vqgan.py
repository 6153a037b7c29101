"""Chapter 11's checkers pass right answers and name the usual wrong ideas."""

import torch
from torch.nn import functional as F

from arcvq_lite import check
from arcvq_lite.adversarial import adaptive_weight


def sight(layers):
    pixels = 1
    for stride in [1, 1] + [2] * layers:
        pixels = stride * (pixels - 1) + 4
    return pixels


def best_critic(p, q):
    """The hinge loss of the critic that answers the sign of p − q."""
    score = torch.sign(p - q)
    return ((p * (1 - score)).sum() + (q * (1 + score)).sum()) / 2


def unit(x, dim=1):
    return x / x.square().sum(dim=dim, keepdim=True).sqrt()


def by_loops(first, second, weights):
    found = []
    for one, other in zip(first, second, strict=True):
        total = 0.0
        for row in range(one.shape[1]):
            for column in range(one.shape[2]):
                gap = unit(one[:, row, column], 0) - unit(other[:, row, column], 0)
                total = total + (weights * gap**2).sum()
        found.append(total / one[0].numel())
    return torch.stack(found)


def distance(first, second, weights, *, dim=1, power=2, reduce=None):
    gap = unit(first, dim) - unit(second, dim)
    weighted = weights[:, None, None] * gap.abs() ** power
    return weighted.sum(dim=1).mean(dim=(1, 2)) if reduce is None else reduce(weighted)


def norms(reconstruction, gan, at):
    return [
        torch.autograd.grad(term, at, retain_graph=True)[0].norm()
        for term in (reconstruction, gan)
    ]


def ratio(above, below, floor=1e-4, ceiling=1e4):
    return (above / (below + floor)).clamp(0, ceiling).detach()


def freeing(reconstruction, gan, at):
    pulls = [torch.autograd.grad(term, at)[0].norm() for term in (reconstruction, gan)]
    return ratio(*pulls)


def collecting(reconstruction, gan, at):
    reconstruction.backward(retain_graph=True)
    pixels = at.grad.norm().clone()
    at.grad = None
    gan.backward(retain_graph=True)
    found = ratio(pixels, at.grad.norm().clone())
    at.grad = torch.ones(3)
    return found


def attached(reconstruction, gan, at):
    pulls = [
        torch.autograd.grad(term, at, create_graph=True)[0].norm()
        for term in (reconstruction, gan)
    ]
    return pulls[0] / (pulls[1] + 1e-4)


RIGHT = [
    (check.safest_guesses, lambda v: (v.mean(), v.median())),
    (check.safest_guesses, lambda v: [float(v.sum() / 7), float(v.sort()[0][3])]),
    (check.critic_sight, sight),
    (check.critic_sight, lambda layers: 9 * 2**layers - 2),
    (check.least_hinge, best_critic),
    (check.least_hinge, lambda p, q: 1 - float((p - q).abs().sum()) / 2),
    (check.feature_distance, by_loops),
    (check.feature_distance, distance),
    (check.critic_weight, adaptive_weight),
    (check.critic_weight, lambda r, g, at: ratio(*norms(r, g, at))),
]

WRONG = [
    (check.safest_guesses, lambda v: (v.median(), v.mean()), "exchanged"),
    (check.safest_guesses, lambda v: (v.mean(), v.mean()), "That is the mean"),
    (check.safest_guesses, lambda v: (v.median(), v.median()), "That is the median"),
    (check.safest_guesses, lambda v: (v.mean(), 0.55), "middle of the range"),
    (check.safest_guesses, lambda v: (v.mean(), 0.2), "most frequent"),
    (check.safest_guesses, lambda v: (7.0, v.median()), "better than 7.000"),
    (check.safest_guesses, lambda v: v.mean(), "two numbers"),
    (check.safest_guesses, lambda v: ("a", "b"), "Return one number"),
    (check.critic_sight, lambda layers: 4 * 2**layers, "overlap"),
    (check.critic_sight, lambda layers: 3 * 2**layers - 2, "stride 1 are missing"),
    (check.critic_sight, lambda layers: 6 * 2**layers - 2, "Only one"),
    (check.critic_sight, lambda layers: 3 * layers + 7, "strides of 1"),
    (check.critic_sight, lambda layers: 36 * 2**layers - 2, "last two"),
    (check.critic_sight, lambda layers: 70, "sees 34 pixels a side, not 70"),
    (check.least_hinge, lambda p, q: 2 * best_critic(p, q), "factor ½"),
    (check.least_hinge, lambda p, q: 1 - best_critic(p, q), "distance of the two"),
    (check.least_hinge, lambda p, q: (p * q).sqrt().sum(), "Bhattacharyya"),
    (check.least_hinge, lambda p, q: (p * q).sum(), "Σ p q"),
    (check.least_hinge, lambda p, q: torch.maximum(p, q).sum(), "worst critic"),
    (check.least_hinge, lambda p, q: (p * q / (p + q)).sum(), "answers ±1"),
    (check.least_hinge, lambda p, q: 1.0, "always answers 0"),
    (check.least_hinge, lambda p, q: 0.0, "share nothing"),
    (check.least_hinge, lambda p, q: 7.0, "not 7.000"),
    (check.least_hinge, lambda p, q: p, "Return one number"),
    (
        check.feature_distance,
        lambda x, y, w: (
            (w[:, None, None] * (x - y).square()).sum(dim=1).mean(dim=(1, 2))
        ),
        "not normalised",
    ),
    (check.feature_distance, lambda *g: distance(*g, dim=(2, 3)), "every channel"),
    (check.feature_distance, lambda *g: distance(*g, dim=(1, 2, 3)), "one length"),
    (
        check.feature_distance,
        lambda x, y, w: distance(x, y, torch.ones(3)),
        "weights of the channels are missing",
    ),
    (
        check.feature_distance,
        lambda *g: distance(*g, reduce=lambda d: d.mean(dim=(1, 2, 3))),
        "Sum over the channels",
    ),
    (
        check.feature_distance,
        lambda *g: distance(*g, reduce=lambda d: d.sum(dim=(1, 2, 3))),
        "Average over the places",
    ),
    (check.feature_distance, lambda *g: distance(*g, power=1), "to be squared"),
    (
        check.feature_distance,
        lambda *g: distance(*g, reduce=lambda d: d.sum(dim=1).sqrt().mean((1, 2))),
        "No root",
    ),
    (
        check.feature_distance,
        lambda x, y, w: distance(x, y, w.square()),
        "weights are squared",
    ),
    (check.feature_distance, lambda x, y, w: x.new_full((2,), 7.0), "(7.000, 7.000)"),
    (check.feature_distance, lambda x, y, w: F.mse_loss(x, y), "should be (2,)"),
    (check.critic_weight, lambda r, g, at: ratio(*norms(g, r, at)), "upside down"),
    (check.critic_weight, lambda r, g, at: 0.8 * adaptive_weight(r, g, at), "0.8"),
    (check.critic_weight, attached, "detach"),
    (check.critic_weight, freeing, "retain_graph"),
    (check.critic_weight, collecting, "collected a gradient"),
    (
        check.critic_weight,
        lambda r, g, at: ratio(*norms(r, g, at), floor=0.0),
        "below the line",
    ),
    (
        check.critic_weight,
        lambda r, g, at: ratio(*norms(r, g, at), ceiling=torch.inf),
        "clamp it",
    ),
    (
        check.critic_weight,
        lambda r, g, at: ratio(*(n.square() for n in norms(r, g, at))),
        "squared norms",
    ),
    (check.critic_weight, lambda r, g, at: torch.tensor(1.0), "should not be 1"),
    (check.critic_weight, lambda r, g, at: torch.tensor(7.0), "yours is 7.0"),
    (check.critic_weight, lambda r, g, at: 7.0, "Return a tensor"),
]

"""Chapter 04's checkers pass right answers and name the usual wrong ideas."""

import torch
from torch.nn import functional as F

from arcvq_lite import check


def owners(x, e):
    return torch.cdist(x, e).argmin(dim=1)


def means(k, x, e, empty=None):
    owned = F.one_hot(k, len(e)).float().T
    count = owned.sum(dim=1, keepdim=True)
    kept = e if empty is None else empty
    return torch.where(count > 0, owned @ x / count.clamp(min=1), kept)


def by_loops(x, e):
    k = owners(x, e)
    rows = [x[k == j].mean(dim=0) if (k == j).any() else e[j] for j in range(len(e))]
    return torch.stack(rows)


def in_place(x, e):
    return e.copy_(means(owners(x, e), x, e))


def careless(x, e):
    owned = F.one_hot(owners(x, e), len(e)).float().T
    return owned @ x / owned.sum(dim=1, keepdim=True)


def sums(x, e):
    return F.one_hot(owners(x, e), len(e)).float().T @ x


def counts(k, num_codes):
    return k.bincount(minlength=num_codes)


def rates(k, num_codes, dim):
    n = counts(k, num_codes).float()
    return (len(k) * dim / (2 * n)).nan_to_num(posinf=0.0)


def rates_by_loops(k, num_codes, dim):
    shares = [(k == j).float().mean().item() for j in range(num_codes)]
    return torch.tensor([dim / (2 * share) if share else 0.0 for share in shares])


def owned_only(rate):
    """A rate (K,) of counts, N and D, with 0 for codes that nobody chose."""

    def answer(k, num_codes, dim):
        n = counts(k, num_codes).float()
        return torch.where(n > 0, rate(n.clamp(min=1), len(k), dim), 0.0)

    return answer


def jumps(e, a, u):
    return (e[1:] - u).square() - (e[:-1] - u).square()


def borders(e):
    return (e[1:] + e[:-1]) / 2


def shifted(e, a, density):
    return (jumps(e, a, borders(e) - a) * density(borders(e) - a)).sum()


def shifted_by_slope(e, a, density):
    """The slope of the expected loss itself, by a fine sum."""
    x = torch.linspace(-30, 30, 2_000_001, dtype=torch.float64)

    def loss(shift):
        code = e[torch.bucketize(x + shift, borders(e))]
        return torch.trapezoid((code - x).square() * density(x), x)

    return (loss(a + 3e-2) - loss(a - 3e-2)) / 6e-2


def straight(e, a, density):
    x = torch.linspace(-25, 25, 200_001, dtype=torch.float64)
    code = e[torch.bucketize(x + a, borders(e))]
    return 2 * torch.trapezoid((code - x) * density(x), x)


RIGHT = [
    (check.lloyd_step, by_loops),
    (check.lloyd_step, lambda x, e: means(owners(x, e), x, e)),
    (check.lloyd_rates, rates),
    (check.lloyd_rates, rates_by_loops),
    (check.through_exactly, lambda z, e: e.detach() + (z - z.detach())),
    (check.through_exactly, lambda z, e: e.detach() + 1.0 * (z - z.data)),
    (check.shifted_gradient, shifted),
    (
        check.shifted_gradient,
        lambda e, a, p: (2 * a * (e[1:] - e[:-1]) * p(borders(e) - a)).sum(),
    ),
]

WRONG = [
    (check.lloyd_step, in_place, "caller's codes"),
    (check.lloyd_step, careless, "NaN"),
    (
        check.lloyd_step,
        lambda x, e: means(owners(x, e), x, e, torch.zeros(())),
        "origin",
    ),
    (check.lloyd_step, sums, "sum of each cell"),
    (check.lloyd_step, lambda x, e: sums(x, e) / len(x), "all N samples"),
    (
        check.lloyd_step,
        lambda x, e: x[torch.cdist(x, e).argmin(dim=0)],
        "Wrong axis",
    ),
    (
        check.lloyd_step,
        lambda x, e: means((x @ e.T).argmax(dim=1), x, e),
        "‖e‖² is missing",
    ),
    (
        check.lloyd_step,
        lambda x, e: means(torch.cdist(x, e).argmax(dim=1), x, e),
        "farthest",
    ),
    (check.lloyd_step, lambda x, e: e.clone(), "not moved"),
    (check.lloyd_step, lambda x, e: e + 1, "so it should move to"),
    (check.lloyd_step, owners, "shape should be (3, 2)"),
    (
        check.lloyd_rates,
        lambda k, n, d: len(k) * d / (2 * counts(k, n)),
        "chosen by nobody",
    ),
    (check.lloyd_rates, owned_only(lambda n, N, D: N / (2 * n)), "D is missing"),
    (check.lloyd_rates, owned_only(lambda n, N, D: N * D / n), "factor of 2"),
    (check.lloyd_rates, owned_only(lambda n, N, D: 1 / (2 * n)), "summed"),
    (check.lloyd_rates, owned_only(lambda n, N, D: D / (2 * n)), "N is missing"),
    (check.lloyd_rates, owned_only(lambda n, N, D: 2 * n / (N * D)), "inverse"),
    (check.lloyd_rates, lambda k, n, d: torch.full((n,), n * d / 2), "average share"),
    (
        check.lloyd_rates,
        lambda k, n, d: len(k) * d / (2 * counts(k, n).clamp(min=1)),
        "is to be 0, yours",
    ),
    (check.lloyd_rates, lambda k, n, d: torch.full((n,), 7.0), "solve for η"),
    (check.through_exactly, lambda z, e: z, "latents'"),
    (check.through_exactly, lambda z, e: -e.detach() + z, "not that of the codes"),
    (check.through_exactly, lambda z, e: e.detach(), "No gradient"),
    (check.through_exactly, lambda z, e: (z + (e - z)).detach(), "No gradient"),
    (check.through_exactly, lambda z, e: e.clone(), "none to the latents"),
    (check.through_exactly, lambda z, e: z + (e - z), "none to the latents"),
    (check.through_exactly, lambda z, e: z + (e - z.detach()), "codes too"),
    (check.through_exactly, lambda z, e: e + (z - z.detach()), "codes too"),
    (
        check.through_exactly,
        lambda z, e: e.detach() + 2 * (z - z.detach()),
        "should be 1 everywhere",
    ),
    (check.through_exactly, lambda z, e: z + (e - z).detach(), "by a rounding"),
    (check.through_exactly, lambda z, e: e.sum(), "shape should be"),
    (check.shifted_gradient, lambda e, a, p: torch.zeros(()), "Zero"),
    (
        check.shifted_gradient,
        lambda e, a, p: (jumps(e, a, borders(e)) * p(borders(e))).sum(),
        "Zero",
    ),
    (check.shifted_gradient, lambda e, a, p: -shifted(e, a, p), "sign"),
    (
        check.shifted_gradient,
        lambda e, a, p: (jumps(e, a, borders(e) - a) * p(borders(e))).sum(),
        "taken at b",
    ),
    (
        check.shifted_gradient,
        lambda e, a, p: (jumps(e, a, borders(e) + a) * p(borders(e) + a)).sum(),
        "not b + a",
    ),
    (
        check.shifted_gradient,
        lambda e, a, p: (e.diff() * p(borders(e) - a)).sum(),
        "jump of the code",
    ),
    (
        check.shifted_gradient,
        lambda e, a, p: jumps(e, a, borders(e) - a).sum(),
        "density is missing",
    ),
    (check.shifted_gradient, straight, "straight-through"),
    (check.shifted_gradient, lambda e, a, p: 2 * a, "fine cells"),
    (check.shifted_gradient, lambda e, a, p: p(borders(e) - a), "Return one number"),
    (check.shifted_gradient, lambda e, a, p: 5.0, "the derivative is"),
]


def test_the_formula_is_the_slope_of_the_expected_loss():
    """The oracle of the last checker, which neither borders nor jumps enter."""
    e = torch.tensor([-1.3, -0.2, 0.4, 1.9]).double()
    a = torch.tensor(0.35).double()

    def bell(u):
        return torch.exp(-u * u / 2) / (2 * torch.pi) ** 0.5

    slope = shifted_by_slope(e, a, bell)
    torch.testing.assert_close(shifted(e, a, bell), slope, rtol=0, atol=2e-3)

"""Entropic transport against linear programs, assignments and finite differences."""

import itertools
import math

import pytest
import torch
from scipy.optimize import linprog

from arcvq_lite.transport import entropic_transport

exact = {"dtype": torch.float64}


def masses(*sizes):
    """Random masses of sum 1, one vector for each size."""
    return [(0.2 + torch.rand(size, **exact)).softmax(dim=0) for size in sizes]


@pytest.mark.parametrize("epsilon", [0.03, 0.3, 3.0])
def test_the_plan_has_the_masses_for_its_marginals(epsilon):
    cost = torch.rand(40, 12, **exact)
    rows, columns = masses(40, 12)
    plan = entropic_transport(
        cost, rows, columns, epsilon=epsilon, iterations=2000
    ).plan
    assert (plan >= 0).all()
    torch.testing.assert_close(plan.sum(dim=1), rows, rtol=1e-6, atol=0)
    torch.testing.assert_close(plan.sum(dim=0), columns, rtol=1e-12, atol=0)


@pytest.mark.parametrize("iterations", [1, 3])
def test_the_columns_get_their_mass_after_any_number_of_iterations(iterations):
    rows, columns = masses(40, 12)
    plan = entropic_transport(
        torch.rand(40, 12, **exact), rows, columns, epsilon=0.01, iterations=iterations
    ).plan
    torch.testing.assert_close(plan.sum(dim=0), columns, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("n", "k"), [(6, 4), (4, 7), (5, 5)])
def test_as_epsilon_falls_it_becomes_the_linear_program(n, k):
    cost = torch.rand(n, k, **exact)
    rows, columns = masses(n, k)
    constraints = [
        *(torch.eye(n)[:, :, None] * torch.ones(k)).reshape(n, n * k).tolist(),
        *(torch.eye(k)[:, None, :] * torch.ones(n, 1)).reshape(k, n * k).tolist(),
    ]
    oracle = linprog(
        cost.flatten().tolist(),
        A_eq=constraints,
        b_eq=[*rows.tolist(), *columns.tolist()],
    )
    gaps = []
    for epsilon in (0.1, 0.01, 0.001):
        found = entropic_transport(
            cost, rows, columns, epsilon=epsilon, iterations=5000
        )
        assert (found.plan * cost).sum().item() >= oracle.fun - 1e-6
        gaps.append(found.value.item() - oracle.fun)
        # KL(P ‖ a bᵀ) is at most the entropy of the smaller side.
        assert -1e-6 <= gaps[-1] <= epsilon * math.log(min(n, k)) + 1e-6
    assert gaps == sorted(gaps, reverse=True)
    cheapest = (found.plan * cost).sum().item()
    assert cheapest == pytest.approx(oracle.fun, abs=0.001 * math.log(min(n, k)))


def test_of_equal_masses_it_becomes_the_best_assignment():
    cost = torch.rand(6, 6, **exact)
    uniform = torch.full((6,), 1 / 6, **exact)
    best = min(
        itertools.permutations(range(6)),
        key=lambda order: sum(cost[row, order[row]].item() for row in range(6)),
    )
    plan = entropic_transport(
        cost, uniform, uniform, epsilon=1e-3, iterations=5000
    ).plan
    assert plan.argmax(dim=1).tolist() == list(best)
    torch.testing.assert_close(
        (plan * cost).sum(), cost[range(6), best].mean(), rtol=1e-4, atol=0
    )


def test_as_epsilon_grows_everything_goes_everywhere():
    rows, columns = masses(5, 4)
    plan = entropic_transport(
        torch.rand(5, 4, **exact), rows, columns, epsilon=1e6, iterations=5
    ).plan
    torch.testing.assert_close(plan, rows[:, None] * columns, rtol=1e-5, atol=0)


def test_the_value_is_cost_and_divergence_of_the_plan():
    cost, (rows, columns) = torch.rand(8, 5, **exact), masses(8, 5)
    found = entropic_transport(cost, rows, columns, epsilon=0.1, iterations=1000)
    divergence = (found.plan * (found.plan / (rows[:, None] * columns)).log()).sum()
    torch.testing.assert_close(
        found.value, (found.plan * cost).sum() + 0.1 * divergence
    )


def test_the_value_rises_to_the_optimum_with_the_iterations():
    cost, (rows, columns) = torch.rand(30, 9, **exact), masses(30, 9)
    values = [
        entropic_transport(cost, rows, columns, epsilon=0.02, iterations=n).value
        for n in (1, 2, 5, 20, 100, 1000)
    ]
    assert values == sorted(values)


def test_the_gradient_passes_gradcheck_to_the_cost_and_to_both_masses():
    def value(cost, row_logits, column_logits):
        return entropic_transport(
            cost,
            row_logits.softmax(dim=0),
            column_logits.softmax(dim=0),
            epsilon=0.2,
            iterations=200,
        ).value

    inputs = [torch.randn(*size, **exact) for size in ((6, 4), (6,), (4,))]
    inputs = [one.requires_grad_() for one in inputs]
    assert torch.autograd.gradcheck(value, inputs)


def test_the_gradient_to_the_cost_is_the_plan_which_is_detached():
    cost = torch.rand(6, 4, requires_grad=True)
    rows, columns = (mass.float() for mass in masses(6, 4))
    found = entropic_transport(cost, rows, columns, epsilon=0.1, iterations=50)
    (gradient,) = torch.autograd.grad(found.value, cost)
    assert not found.plan.requires_grad
    assert torch.equal(gradient, found.plan)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e12])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_overflows_at_small_epsilon(scale, dtype):
    cost = (scale * torch.rand(10, 6, dtype=dtype)).requires_grad_()
    rows, columns = (mass.to(dtype) for mass in masses(10, 6))
    epsilon = max(1e-4 * scale, torch.finfo(dtype).tiny)
    found = entropic_transport(cost, rows, columns, epsilon=epsilon, iterations=50)
    found.value.backward()
    assert torch.isfinite(found.value)
    assert torch.isfinite(cost.grad).all()
    torch.testing.assert_close(found.plan.sum(dim=0), columns, rtol=1e-3, atol=0)


def test_a_mass_of_0_gets_nothing():
    rows, columns = torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0])
    found = entropic_transport(
        torch.rand(2, 2), rows, columns, epsilon=0.1, iterations=10
    )
    torch.testing.assert_close(found.plan, torch.tensor([[0.5, 0.0], [0.5, 0.0]]))


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ((3, 4, 4), {}, r"cost must be .*got \(3, 4\), \(4,\) and \(4,\)"),
        ((3, 3, 3), {}, r"cost must be .*\(3, 4\), \(3,\) and \(3,\)"),
        ((3, 3, 4), {"iterations": 0}, "iterations=0 must be at least 1"),
        ((3, 3, 4), {"epsilon": 0.0}, r"epsilon=0\.0 must be above 0"),
    ],
)
def test_shapes_and_options_that_do_not_fit_are_refused(sizes, options, message):
    n, rows, columns = sizes
    with pytest.raises(ValueError, match=message):
        entropic_transport(
            torch.rand(n, 4),
            torch.full((rows,), 1 / rows),
            torch.full((columns,), 1 / columns),
            **{"epsilon": 0.1, "iterations": 5, **options},
        )

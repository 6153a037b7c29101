"""An angle added to a cosine: its value, its gradient, and what lies past π."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arcvq_lite import add_angular_margin

margins = st.floats(0, math.pi, exclude_max=True)
exact_types = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
SOME_MARGINS = [0.0, 0.1, 0.5, 1.5, 2.5, 3.1]


def gradient(cosine, margin):
    cosine = cosine.detach().requires_grad_()
    add_angular_margin(cosine, margin).sum().backward()
    return cosine.grad


@given(st.lists(st.floats(-0.999, 0.999), min_size=1), margins)
def test_it_is_the_cosine_of_the_angle_plus_the_margin(cosines, margin):
    cosine = torch.tensor(cosines, dtype=torch.float64)
    theta = cosine.acos()
    before_pi = theta + margin < math.pi - 1e-6
    advanced = add_angular_margin(cosine, margin)
    expected = (theta + margin).cos()
    torch.testing.assert_close(advanced[before_pi], expected[before_pi])


@given(margins)
def test_it_falls_all_the_way_from_0_to_pi(margin):
    theta = torch.linspace(0, math.pi, 2001, dtype=torch.float64)
    advanced = add_angular_margin(theta.cos(), margin)
    assert (advanced.diff() < 1e-12).all()


@given(st.floats(1e-3, 3.1))
def test_past_pi_it_steps_down_by_at_most_half_the_squared_margin(margin):
    theta = math.pi - margin + torch.tensor([-1e-9, 1e-9], dtype=torch.float64)
    before, after = add_angular_margin(theta.cos(), margin)
    assert -1e-7 <= before - after <= margin**2 / 2 + 1e-7


@pytest.mark.parametrize("margin", [0.1, 0.5, 1.0, 2.0])
def test_past_pi_it_is_the_cosine_less_m_sin_m(margin):
    theta = torch.linspace(math.pi - 0.9 * margin, math.pi, 50, dtype=torch.float64)
    expected = theta.cos() - margin * math.sin(margin)
    torch.testing.assert_close(add_angular_margin(theta.cos(), margin), expected)


@given(st.lists(st.floats(-1, 1), min_size=1))
def test_a_margin_of_0_changes_nothing(cosines):
    cosine = torch.tensor(cosines)
    assert torch.equal(add_angular_margin(cosine, 0.0), cosine)


@given(st.floats(1e-3, 3.1))
def test_a_margin_never_raises_a_cosine(margin):
    cosine = torch.linspace(-1, 1, 501, dtype=torch.float64)
    assert (add_angular_margin(cosine, margin) <= cosine + 1e-12).all()


@pytest.mark.parametrize("margin", SOME_MARGINS)
def test_gradient_equals_finite_differences(margin):
    cosine = torch.linspace(-0.98, 0.98, 30, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda c: add_angular_margin(c, margin), cosine)


@exact_types
@pytest.mark.parametrize("margin", SOME_MARGINS)
def test_value_and_gradient_are_finite_at_and_beyond_one(dtype, margin):
    edge = 1 + torch.tensor([0, 1, -1, 4]) * torch.finfo(dtype).eps
    cosine = torch.cat([edge, -edge]).to(dtype)
    advanced = add_angular_margin(cosine, margin)
    assert torch.isfinite(advanced).all()
    assert torch.isfinite(gradient(cosine, margin)).all()
    assert advanced[0].item() == pytest.approx(math.cos(margin))


@exact_types
def test_gradient_at_one_is_that_of_the_cosine_term_alone(dtype):
    found = gradient(torch.ones(1, dtype=dtype), 0.5)
    torch.testing.assert_close(found, torch.full((1,), math.cos(0.5), dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    cosine = torch.linspace(-1, 1, 101).to(dtype)
    advanced = add_angular_margin(cosine, 0.1)
    assert advanced.dtype == torch.float32
    assert torch.equal(advanced, add_angular_margin(cosine.float(), 0.1))
    assert torch.isfinite(gradient(cosine, 0.1)).all()


def test_autocast_changes_neither_value_nor_gradient():
    cosine = torch.linspace(-1, 1, 101)
    with torch.autocast("cpu", torch.bfloat16):
        under = add_angular_margin(cosine, 0.1), gradient(cosine, 0.1)
    outside = add_angular_margin(cosine, 0.1), gradient(cosine, 0.1)
    assert all(torch.equal(a, b) for a, b in zip(under, outside, strict=True))


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4)])
def test_the_shape_is_kept(shape):
    assert add_angular_margin(torch.zeros(shape), 0.1).shape == shape


@pytest.mark.parametrize("margin", [28.6, 5, math.pi])
def test_degrees_are_refused_and_converted_in_the_message(margin):
    radians = f"{math.radians(margin):.4f}"
    message = f"margin={margin} looks like degrees.*{radians} radians"
    with pytest.raises(ValueError, match=message):
        add_angular_margin(torch.zeros(3), margin)


@pytest.mark.parametrize("margin", [-0.1, math.nan, -math.inf])
def test_a_margin_below_0_is_refused(margin):
    with pytest.raises(ValueError, match=f"margin={margin} must be at least 0"):
        add_angular_margin(torch.zeros(3), margin)


def test_an_integer_cosine_is_refused():
    with pytest.raises(TypeError, match=r"cosine must be floating.*torch\.int64"):
        add_angular_margin(torch.zeros(3, dtype=torch.int64), 0.1)

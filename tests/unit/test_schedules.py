"""Schedules: what they promise at every step up to a thousand million."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import steps

from arcvq_lite import (
    Constant,
    ConstantRadius,
    ExponentialDecay,
    ExponentialRadius,
    PiecewiseSchedule,
    ShrinkingRadius,
)

LARGEST = torch.finfo(torch.float32).max
nonnegative = st.floats(0, LARGEST)
positive = st.floats(0, LARGEST, exclude_min=True)
counts = st.integers(1, 10**9)

growing = st.builds(ExponentialRadius, nonnegative)
falling = st.one_of(
    st.builds(ShrinkingRadius, positive, counts),
    st.builds(ExponentialDecay, nonnegative, nonnegative),
)
level = st.one_of(st.builds(ConstantRadius, positive), st.builds(Constant, nonnegative))
simple = st.one_of(growing, falling, level)


@st.composite
def piecewise(draw):
    boundaries = sorted(draw(st.sets(steps, max_size=4)))
    pieces = [draw(simple) for _ in range(len(boundaries) + 1)]
    return PiecewiseSchedule(tuple(pieces), tuple(boundaries))


@given(growing, steps, steps)
def test_a_growing_schedule_never_falls(schedule, a, b):
    assert schedule(min(a, b)) <= schedule(max(a, b))


@given(falling, steps, steps)
def test_a_falling_schedule_never_rises(schedule, a, b):
    assert schedule(min(a, b)) >= schedule(max(a, b))


@given(level, steps)
def test_a_constant_schedule_is_constant(schedule, step):
    assert schedule(step) == schedule(0)


@given(st.one_of(simple, piecewise()), steps)
def test_every_schedule_is_finite_in_float32_and_not_negative(schedule, step):
    value = schedule(step)
    assert isinstance(value, float | int)
    assert value >= 0
    assert torch.tensor(value, dtype=torch.float32).isfinite()


@pytest.mark.parametrize("alpha", [5e-5, 3e-4, 1.0])
def test_the_growing_ball_survives_steps_where_the_official_one_overflows(alpha):
    radius = ExponentialRadius(alpha)
    assert math.isfinite(radius(1_780_000))
    assert torch.tensor(radius(10**9), dtype=torch.float32).isfinite()


@given(piecewise())
def test_each_piece_rules_from_its_boundary_to_the_step_before_the_next(schedule):
    starts = (0, *schedule.boundaries)
    ends = (*schedule.boundaries, 10**9 + 1)
    for piece, start, end in zip(schedule.schedules, starts, ends, strict=True):
        if start < end:
            assert schedule(start) == piece(start)
            assert schedule(end - 1) == piece(end - 1)


def test_pieces_are_called_with_the_global_step():
    schedule = PiecewiseSchedule((Constant(9.0), lambda step: step), (10,))
    assert [schedule(step) for step in (9, 10, 25)] == [9.0, 10, 25]


def test_formulas():
    assert ExponentialRadius(3e-4)(0) == 1.0
    assert ExponentialRadius(3e-4)(2310) == pytest.approx(2.0, rel=1e-3)
    assert ExponentialDecay(2.0, 5e-4)(0) == 2.0
    assert ExponentialDecay(2.0, 5e-4)(1000) == pytest.approx(2 * math.exp(-0.5))
    assert ShrinkingRadius(2.0, 100)(0) == 2.0
    assert ShrinkingRadius(2.0, 100)(75) == pytest.approx(1.0)
    assert ShrinkingRadius(2.0, 100)(100) == 0.0
    assert ShrinkingRadius(2.0, 100)(101) == 0.0
    assert ConstantRadius(1.5)(7) == 1.5
    assert Constant(0.25)(7) == 0.25


@pytest.mark.parametrize(
    "schedule",
    [
        ExponentialRadius(1e-3),
        ConstantRadius(1.0),
        ShrinkingRadius(1.0, 10),
        ExponentialDecay(1.0, 1e-3),
        Constant(1.0),
        PiecewiseSchedule((Constant(1.0), Constant(2.0)), (3,)),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
class TestEverySchedule:
    def test_is_data(self, schedule):
        assert schedule == dataclasses.replace(schedule)
        assert hash(schedule) == hash(dataclasses.replace(schedule))
        name = dataclasses.fields(schedule)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(schedule, name, 5)

    def test_takes_whole_numbers_of_any_kind(self, schedule):
        assert schedule(np.int64(4)) == schedule(torch.tensor(4)) == schedule(4)

    def test_refuses_a_negative_step(self, schedule):
        with pytest.raises(ValueError, match="step=-1 must be at least 0"):
            schedule(-1)

    @pytest.mark.parametrize("step", [1.5, "3", None])
    def test_refuses_a_step_that_is_no_whole_number(self, schedule, step):
        with pytest.raises(TypeError, match=f"step={step!r}"):
            schedule(step)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExponentialRadius(-1e-3), "alpha=-0.001"),
        (lambda: ExponentialRadius(math.nan), "alpha=nan"),
        (lambda: ExponentialRadius(math.inf), "alpha=inf"),
        (lambda: ConstantRadius(0.0), r"radius=0\.0"),
        (lambda: ConstantRadius(1e39), r"radius=1e\+39"),
        (lambda: ShrinkingRadius(-1.0, 10), r"initial=-1\.0"),
        (lambda: ShrinkingRadius(1e39, 10), r"initial=1e\+39"),
        (lambda: ShrinkingRadius(1.0, 0), "total_steps=0"),
        (lambda: ExponentialDecay(-1.0, 0.1), r"initial=-1\.0"),
        (lambda: ExponentialDecay(1e39, 0.1), r"initial=1e\+39"),
        (lambda: ExponentialDecay(1.0, -0.1), r"rate=-0\.1"),
        (lambda: ExponentialDecay(1.0, math.nan), "rate=nan"),
        (lambda: Constant(-1.0), r"value=-1\.0"),
        (lambda: Constant(math.inf), "value=inf"),
        (lambda: PiecewiseSchedule((), ()), r"boundaries=\(\).* 0 schedules"),
        (lambda: PiecewiseSchedule((Constant(1.0),), (3,)), r"boundaries=\(3,\).* 1 "),
        (
            lambda: PiecewiseSchedule((Constant(1.0),) * 3, (5, 5)),
            r"boundaries=\(5, 5\) must ascend",
        ),
        (
            lambda: PiecewiseSchedule((Constant(1.0),) * 3, (5, 4)),
            r"boundaries=\(5, 4\) must ascend",
        ),
    ],
)
def test_an_option_out_of_range_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()

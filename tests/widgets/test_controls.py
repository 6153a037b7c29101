"""Controls know their values, and the stops of the static player are sound."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcvq_lite.widgets import Choice, Slider


@st.composite
def sliders(draw: st.DrawFn) -> Slider:
    start = draw(st.integers(-50, 50)) / 10
    steps = draw(st.integers(1, 200))
    step = draw(st.sampled_from([0.01, 0.05, 0.1, 1.0, 3.0]))
    return Slider(
        start=start,
        stop=start + steps * step,
        step=step,
        value=start + draw(st.integers(0, steps)) * step,
        label="x",
        frames=draw(st.integers(2, 40)),
    )


@given(sliders())
def test_stops_hold_both_ends_and_the_first_value(slider: Slider) -> None:
    stops = slider.stops
    assert stops[0] == slider.start
    assert stops[-1] == slider.stop
    assert slider.value in stops
    assert list(stops) == sorted(set(stops))
    assert len(stops) <= slider.frames + 1


@given(sliders())
def test_stops_lie_on_the_sliders_own_steps(slider: Slider) -> None:
    for stop in slider.stops:
        steps = (stop - slider.start) / slider.step
        assert math.isclose(steps, round(steps), abs_tol=1e-6)


def test_stops_are_evenly_spaced_round_numbers() -> None:
    slider = Slider(0, 1, 0.01, 0.2, "margin m")
    assert slider.stops == tuple(tick / 20 for tick in range(21))


def test_a_value_between_the_stops_is_one_more() -> None:
    slider = Slider(0, 1, 0.01, 0.33, "margin m", frames=3)
    assert slider.stops == (0, 0.33, 0.5, 1)


def test_one_frame_keeps_a_slider_still() -> None:
    assert Slider(0, 1, 0.1, 0.3, "m", frames=1).stops == (0.3,)


def test_numbers_become_clean_floats() -> None:
    slider = Slider(0, 1, 0.1, 0.1 + 0.2, "m")
    assert slider.value == 0.3
    assert isinstance(slider.start, float)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 1, 0.1, 1), "stop must lie above start=1.0, got 1.0"),
        ((0, 1, 0, 1), "step must be positive"),
        ((0, 1, 2, 1), "step must be positive and at most stop - start, got 2.0"),
        ((0, 1, 0.1, 1.5), r"m: value must be a number in \[0.0, 1.0\], got 1.5"),
        ((0, math.inf, 0.1, 1), "stop must be finite, got inf"),
    ],
)
def test_what_is_no_slider_is_refused(
    arguments: tuple[float, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Slider(*arguments, label="m")


def test_frames_must_be_counted() -> None:
    with pytest.raises(ValueError, match="frames must be at least 1, got 0"):
        Slider(0, 1, 0.1, 1, "m", frames=0)


def test_live_controls_stand_where_they_were_put() -> None:
    live = Slider(0, 1, 0.01, 0.2, "margin m", format=".3f").live()
    assert (live.min, live.max, live.step, live.value) == (0, 1, 0.01, 0.2)
    assert (live.description, live.readout_format) == ("margin m", ".3f")
    chosen = Choice((16, 32), 32, "codes K").live()
    assert chosen.options == (("16", 16), ("32", 32))
    assert chosen.value == 32


@pytest.mark.parametrize(
    ("options", "value", "message"),
    [
        (("one",), "one", "two or more different"),
        (("one", "one"), "one", "two or more different"),
        (("one", "two"), "three", "must be one of 'one', 'two', got 'three'"),
    ],
)
def test_what_is_no_choice_is_refused(
    options: tuple[str, ...], value: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Choice(options, value, "schedule")

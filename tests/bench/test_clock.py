"""The clock, on a clock that the test turns."""

import pytest

from arcvq_lite.bench.clock import interleaved_seconds, ratios, spread


class Turned:
    """A clock that moves only when a way takes its time."""

    def __init__(self):
        self.time = 0.0
        self.calls = []

    def __call__(self):
        return self.time

    def way(self, name, *seconds):
        """A way that takes these seconds, one a call, and the last from then on."""
        left = list(seconds)

        def call():
            self.calls.append(name)
            self.time += left.pop(0) if len(left) > 1 else left[0]

        return call


def test_what_is_timed_comes_out():
    clock = Turned()
    ways = {"slow": clock.way("slow", 3.0), "quick": clock.way("quick", 0.5)}
    found = interleaved_seconds(ways, 4, now=clock)
    assert found == {"slow": (3.0,) * 4, "quick": (0.5,) * 4}


def test_the_first_two_calls_do_not_count():
    clock = Turned()
    found = interleaved_seconds(
        {"way": clock.way("way", 100.0, 50.0, 1.0)}, 3, now=clock
    )
    assert found == {"way": (1.0, 1.0, 1.0)}


def test_turns_alternate_and_each_round_begins_with_another_way():
    clock = Turned()
    ways = {name: clock.way(name, 1.0) for name in "abc"}
    interleaved_seconds(ways, 4, now=clock)
    assert "".join(clock.calls[6:]) == "abcbcacababc"


def test_a_quick_way_is_called_until_its_turn_is_long_enough():
    clock = Turned()
    ways = {"quick": clock.way("quick", 0.25), "slow": clock.way("slow", 9.0)}
    found = interleaved_seconds(ways, 1, shortest=1.0, now=clock)
    assert clock.calls[4:] == ["quick"] * 4 + ["slow"]
    assert found["quick"] == (0.25,)


def test_a_call_that_takes_no_time_at_all_is_no_error():
    clock = Turned()
    assert interleaved_seconds({"way": clock.way("way", 0.0)}, 2, now=clock) == {
        "way": (0.0, 0.0)
    }


def test_a_machine_that_slows_down_leaves_the_ratios_alone():
    slower = (1.0, 2.0, 4.0, 8.0, 16.0)
    found = ratios([3 * one for one in slower], slower)
    assert found == (3.0, 3.0, 3.0)


def test_a_spread_is_the_quartiles():
    assert spread([5.0, 1.0, 3.0, 2.0, 4.0]) == (2.0, 3.0, 4.0)
    assert spread([7.0]) == (7.0, 7.0, 7.0)


def test_no_round_is_refused():
    with pytest.raises(ValueError, match="rounds=0 must be at least 1"):
        interleaved_seconds({}, 0)

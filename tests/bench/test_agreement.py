"""Ways that compute something else are refused, and the difference is named."""

import pytest
import torch

from arcvq_lite.bench.agreement import agreed
from arcvq_lite.bench.benchmark import DisagreementError


def results(**ways):
    return {
        name: {"loss": torch.tensor(loss), "gradient": torch.tensor(gradient)}
        for name, (loss, gradient) in ways.items()
    }


def test_ways_that_agree_are_told_how_far_apart_they_are():
    found = agreed(
        results(a=(2.0, [1.0, -4.0]), b=(2.0, [1.0, -4.0]), c=(2.0, [1.02, -4.0])),
        tolerance=0.01,
    )
    assert found == {"a": 0.0, "b": 0.0, "c": pytest.approx(0.005, rel=1e-4)}


def test_the_way_the_tensor_and_the_size_of_a_difference_are_named():
    with pytest.raises(
        DisagreementError,
        match=r"gradient of c differs from that of a by 0\.25 of its largest entry, "
        r"more than the 0\.01 allowed",
    ):
        agreed(results(a=(2.0, [1.0, -4.0]), c=(2.0, [2.0, -4.0])), tolerance=0.01)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_a_number_never_agrees(bad):
    with pytest.raises(DisagreementError, match="loss of b"):
        agreed(results(a=(2.0, [1.0]), b=(bad, [1.0])), tolerance=0.01)
    with pytest.raises(DisagreementError, match="loss of b"):
        agreed(results(a=(bad, [1.0]), b=(2.0, [1.0])), tolerance=0.01)


def test_a_difference_from_nothing_is_infinite():
    with pytest.raises(DisagreementError, match=r"loss of b .* by inf"):
        agreed(results(a=(0.0, [1.0]), b=(1e-9, [1.0])), tolerance=0.01)


def test_a_missing_tensor_and_another_shape_are_named():
    ways = results(a=(2.0, [1.0]), b=(2.0, [1.0, 1.0]))
    with pytest.raises(DisagreementError, match=r"gradient of b has shape \(2,\)"):
        agreed(ways, tolerance=0.01)
    del ways["b"]["gradient"]
    with pytest.raises(DisagreementError, match="b computes loss, a computes gradient"):
        agreed(ways, tolerance=0.01)


def test_one_way_and_none_agree_with_themselves():
    assert agreed(results(a=(2.0, [1.0])), tolerance=0.0) == {"a": 0.0}
    assert agreed({}, tolerance=0.0) == {}

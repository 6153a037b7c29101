"""What crosses the border: values come through whole, and bytes can do no harm."""

import json
import math
import tracemalloc
from contextlib import suppress

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from arcvq_lite.grading.wire import (
    HEAD,
    Allowance,
    MalformedError,
    UnsendableError,
    from_bytes,
    lengths,
    to_bytes,
)

ALLOWANCE = Allowance(tree_bytes=2**14, tensor_bytes=2**12, depth=8, items=500)
ROOMY = Allowance(depth=200)
DTYPES = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
)


@st.composite
def tensors(draw):
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    dtype = draw(st.sampled_from(DTYPES))
    numbers = torch.randint(-3, 4, shape).to(dtype)
    return numbers.mT if numbers.dim() > 1 and draw(st.booleans()) else numbers


plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
    | tensors()
)
values = st.deferred(
    lambda: (
        plain
        | st.lists(values, max_size=3)
        | st.lists(values, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from("abc"), values, max_size=3)
    )
)


def same(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        equal = torch.equal(one, other) and one.dtype == other.dtype
        return equal and one.shape == other.shape
    if isinstance(one, float):
        return math.copysign(1, one) == math.copysign(1, other) and (
            one == other or (math.isnan(one) and math.isnan(other))
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        pairs = zip(one.values(), other.values(), strict=True)
        return list(one) == list(other) and all(same(*pair) for pair in pairs)
    return one == other


def frame(tree, numbers=b""):
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return HEAD.pack(b"AVQ1", len(text), len(numbers)) + text + numbers


@given(values)
@example(-0.0)
@example(math.nan)
def test_a_value_comes_through_whole(value):
    assert same(value, from_bytes(to_bytes(value, ROOMY), ROOMY))


def test_nan_and_inf_come_through_in_a_tensor():
    numbers = torch.tensor([math.nan, math.inf, -math.inf, -0.0])
    returned = from_bytes(to_bytes(numbers, ALLOWANCE), ALLOWANCE)
    assert torch.equal(numbers.view(torch.int32), returned.view(torch.int32))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_malformed(data):
    with suppress(MalformedError):
        from_bytes(data, ALLOWANCE)


trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["float32", "bool", "nan", "\ud800", "int64"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from("xltdf?"), inner, max_size=2)
        | st.fixed_dictionaries(
            {"x": st.tuples(st.sampled_from(["float32", "bool"]), inner)}
        )
    ),
    max_leaves=12,
)


@given(trees, st.binary(max_size=64))
@example({"x": ["float32", [2**31, 2**31, 2**31, 0]]}, b"")
@example({"x": ["bool", [1]]}, b"\x07")
@example({"x": ["int64", [1]]}, b"1234567")
@example({"x": ["int8", [True]]}, b"1")
def test_a_well_formed_frame_is_a_value_or_malformed(tree, numbers):
    with suppress(MalformedError):
        from_bytes(frame(tree, numbers), ALLOWANCE)


@pytest.mark.parametrize(
    "tree",
    [
        b"[" * 10_000,
        b"1" * 10_000,
        b"[NaN]",
        b"\xff",
        b'{"x": ["float32", [4]]}',
        b'{"x": ["bool", []]}',
        b'{"l": [], "t": []}',
        b'{"d": [["a"]]}',
        b'"\\ud800"',
        b"9223372036854775808",
    ],
)
def test_what_is_no_value_is_malformed(tree):
    with pytest.raises(MalformedError):
        from_bytes(frame(tree, b"\x02"), ALLOWANCE)


def test_no_more_memory_is_taken_than_is_allowed():
    most = 40 * (ALLOWANCE.tree_bytes + ALLOWANCE.tensor_bytes)
    frames = [
        HEAD.pack(b"AVQ1", 2**31, 2**40),
        frame({"x": ["float64", [2**31, 2**31]]}),
        frame(b"[" + b"[]," * 5_000 + b"[]]"),
        frame({"l": [{"x": ["float64", [2**20, 0, 2**20]]}] * 100}),
        frame(b"1" * 16_000),
    ]
    for data in frames:
        tracemalloc.start()
        with pytest.raises(MalformedError):
            from_bytes(data + b"\0", ALLOWANCE)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < most


def test_ten_gigabytes_are_refused_by_their_announcement():
    with pytest.raises(MalformedError, match="larger than allowed"):
        lengths(HEAD.pack(b"AVQ1", 10, 10 * 2**30), Allowance())


@pytest.mark.parametrize(
    ("value", "named"),
    [
        pytest.param(object(), "object", id="object"),
        ({1: 2}, "int"),
        (10**100, "64 bits"),
        (1j, "complex"),
        (torch.zeros(2, dtype=torch.complex64), "complex64"),
        (torch.zeros(2).to_sparse(), "sparse"),
        (torch.zeros(1).expand(10**10), "too much"),
        ("\ud800", "Unicode"),
        (b"bytes", "bytes"),
        ([[]] * 1000, "too many"),
    ],
    ids=str,
)
def test_what_cannot_be_sent_is_named(value, named):
    with pytest.raises(UnsendableError, match=named):
        to_bytes(value, ALLOWANCE)


def test_a_tensor_that_lies_about_itself_comes_out_plain():
    class Liar(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            with torch._C.DisableTorchFunctionSubclass():
                return function(*args, **(kwargs or {}))

        def __eq__(self, other):
            return True

        __hash__ = torch.Tensor.__hash__

    returned = from_bytes(
        to_bytes(torch.zeros(2).as_subclass(Liar), ALLOWANCE), ALLOWANCE
    )
    assert type(returned) is torch.Tensor
    assert not (returned == torch.ones(2)).any()

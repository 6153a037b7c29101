"""Values as bytes, and back, without trust: nothing that arrives is ever run.

A frame is a head of fixed size, a tree in JSON, and the raw numbers of its tensors in
the order in which the tree names them.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.check.examinee import Value

HEAD = struct.Struct("<4sIQ")
_MAGIC = b"AVQ1"
_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
    )
}
_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_LARGEST = 2**63


class MalformedError(ValueError):
    """Raised where bytes are not a value, or are more than is allowed."""


class UnsendableError(TypeError):
    """Raised where a thing is not a plain value, or is more than is allowed."""


@dataclass(frozen=True)
class Allowance:
    """How large a value may be.

    Args:
        tree_bytes: of its JSON.
        tensor_bytes: of all its tensors together.
        depth: of lists, tuples and dicts within each other.
        items: of everything in it, counted one by one.
    """

    tree_bytes: int = 2**20
    tensor_bytes: int = 2**26
    depth: int = 16
    items: int = 50_000


def to_bytes(value: Value, allowance: Allowance) -> bytes:
    """A value as one frame.

    Raises:
        UnsendableError: if it is not plain or too large; the message names the type.
    """
    writer = _Writer(allowance)
    tree = json.dumps(writer.tree(value, 0), allow_nan=False).encode("ascii")
    if len(tree) > allowance.tree_bytes:
        raise UnsendableError(f"{len(tree)} bytes besides tensors are too many")
    numbers = b"".join(writer.pieces)
    return HEAD.pack(_MAGIC, len(tree), len(numbers)) + tree + numbers


def lengths(head: bytes, allowance: Allowance) -> tuple[int, int]:
    """Bytes of the tree and of the tensors that are to follow a head.

    Raises:
        MalformedError: if it is none, or announces more than is allowed.
    """
    if len(head) != HEAD.size:
        raise MalformedError(f"a head has {HEAD.size} bytes, not {len(head)}")
    magic, tree, numbers = HEAD.unpack(head)
    if magic != _MAGIC:
        raise MalformedError("a frame begins otherwise")
    if tree > allowance.tree_bytes or numbers > allowance.tensor_bytes:
        raise MalformedError("a frame is larger than allowed")
    return tree, numbers


def from_bytes(frame: bytes | bytearray, allowance: Allowance) -> Value:
    """The value in one whole frame.

    Raises:
        MalformedError: whatever is wrong with the bytes.
    """
    tree, numbers = lengths(bytes(frame[: HEAD.size]), allowance)
    if len(frame) != HEAD.size + tree + numbers:
        raise MalformedError("a frame has another length than it says")
    text = bytes(frame[HEAD.size : HEAD.size + tree])
    try:
        parsed = json.loads(text.decode("ascii"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedError("a frame holds no JSON") from error
    reader = _Reader(memoryview(frame)[HEAD.size + tree :], allowance)
    value = reader.value(parsed, 0)
    if reader.place != numbers:
        raise MalformedError("a frame holds numbers of no tensor")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


class _Writer:
    def __init__(self, allowance: Allowance) -> None:
        self.pieces: list[bytes] = []
        self._allowance = allowance
        self._items = 0
        self._bytes = 0

    def tree(self, value: Value, depth: int) -> Any:
        self._items += 1
        if depth > self._allowance.depth or self._items > self._allowance.items:
            raise UnsendableError("too many things, or too deep within each other")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Tensor):
            return {"x": self._tensor(value)}
        if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
            value = value.item()
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            if not -_LARGEST <= value < _LARGEST:
                raise UnsendableError("an integer of more than 64 bits")
            return int(value)
        if isinstance(value, float):
            finite = math.isfinite(value)
            return float(value) if finite else {"f": str(float(value))}
        if isinstance(value, list | tuple):
            parts = [self.tree(part, depth + 1) for part in value]
            return {"l" if isinstance(value, list) else "t": parts}
        if isinstance(value, dict):
            return {"d": [self._entry(*entry, depth) for entry in value.items()]}
        raise UnsendableError(f"something of the type {type(value).__name__}")

    def _entry(self, key: Any, value: Value, depth: int) -> list[Any]:
        if not isinstance(key, str):
            raise UnsendableError(f"a dict with keys of the type {type(key).__name__}")
        return [_text(key), self.tree(value, depth + 1)]

    def _tensor(self, tensor: Tensor) -> list[Any]:
        name = str(tensor.dtype).removeprefix("torch.")
        if name not in _DTYPES or tensor.layout != torch.strided or tensor.is_meta:
            raise UnsendableError(f"a tensor of {name} and layout {tensor.layout}")
        self._bytes += tensor.numel() * tensor.element_size()
        if self._bytes > self._allowance.tensor_bytes:
            raise UnsendableError(f"tensors of {self._bytes} bytes, which is too much")
        plain = tensor.detach().cpu().contiguous().reshape(-1)
        self.pieces.append(plain.view(torch.uint8).numpy().tobytes())
        return [name, list(tensor.shape)]


def _text(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnsendableError("a string that is not Unicode") from error
    return str(text)


class _Reader:
    def __init__(self, numbers: memoryview, allowance: Allowance) -> None:
        self.place = 0
        self._numbers = numbers
        self._allowance = allowance
        self._items = 0

    def value(self, tree: Any, depth: int) -> Value:
        self._items += 1
        if depth > self._allowance.depth or self._items > self._allowance.items:
            raise MalformedError("a value is too large or too deep")
        if tree is None or isinstance(tree, bool | float):
            return tree
        if isinstance(tree, str):
            return self._text(tree)
        if isinstance(tree, int):
            if not -_LARGEST <= tree < _LARGEST:
                raise MalformedError("an integer of more than 64 bits")
            return tree
        if not isinstance(tree, dict) or len(tree) != 1:
            raise MalformedError("a value has a kind of its own")
        ((kind, content),) = tree.items()
        if kind == "f" and isinstance(content, str) and content in _NOT_FINITE:
            return _NOT_FINITE[content]
        if not isinstance(content, list):
            raise MalformedError("a value has no content")
        if kind == "x":
            return self._tensor(content)
        if kind == "l":
            return [self.value(part, depth + 1) for part in content]
        if kind == "t":
            return tuple(self.value(part, depth + 1) for part in content)
        if kind == "d":
            return dict(self._entries(content, depth))
        raise MalformedError("a value has an unknown kind")

    def _entries(self, content: list[Any], depth: int) -> Iterator[tuple[str, Value]]:
        for entry in content:
            if not isinstance(entry, list) or len(entry) != 2:
                raise MalformedError("a dict has entries of a key and a value")
            if not isinstance(entry[0], str):
                raise MalformedError("a dict has keys that are strings")
            yield self._text(entry[0]), self.value(entry[1], depth + 1)

    def _text(self, text: str) -> str:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise MalformedError("a string is not Unicode") from error
        return text

    def _tensor(self, content: list[Any]) -> Tensor:
        if len(content) != 2 or not isinstance(content[0], str):
            raise MalformedError("a tensor has a type and a shape")
        name, shape = content
        if name not in _DTYPES or not isinstance(shape, list) or len(shape) > 16:
            raise MalformedError("a tensor has an unknown type or too many dimensions")
        if not all(type(size) is int and 0 <= size < 2**32 for size in shape):
            raise MalformedError("a tensor has sizes of 0 or more")
        dtype = _DTYPES[name]
        count = math.prod(shape)
        end = self.place + count * dtype.itemsize
        if end > len(self._numbers) or math.prod(max(s, 1) for s in shape) >= _LARGEST:
            raise MalformedError("a tensor has fewer numbers than it says")
        if count == 0:
            return torch.empty(shape, dtype=dtype)
        raw = bytearray(self._numbers[self.place : end])
        self.place = end
        flat = torch.frombuffer(raw, dtype=torch.uint8)
        if dtype == torch.bool and int(flat.max()) > 1:
            raise MalformedError("a tensor of truth values has others")
        return flat.view(dtype).reshape(shape)

"""TokenSet: the codes of a set of images, and the file that holds them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arcvq_lite.written_aside import written_aside

_FORMAT = "arcvq tokens 1"
_NARROW = 2**16  # so many codes fit into 16 bits
_BETWEEN = "\0"  # what no file name holds


@dataclass(frozen=True, eq=False)
class TokenSet:
    """N images as tokens.

    Attributes:
        indices: (N, h, w) uint16 if K ≤ 65,536, else int32; each below K.
        labels: (N,) int64, indices into `class_names`.
        names: N, what the images were called.
        class_names: one name a class.
        num_codes: K.
        codebook_sha256: of the codebook that the indices point into.

    Raises:
        ValueError: if the parts do not fit one another; names the one.
    """

    indices: NDArray[Any]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    class_names: tuple[str, ...]
    num_codes: int
    codebook_sha256: str

    def __post_init__(self) -> None:
        wanted = index_type(self.num_codes)
        if self.indices.ndim != 3 or self.indices.dtype != wanted:
            raise ValueError(
                f"indices must be (N, h, w) {wanted} for {self.num_codes} codes, got "
                f"{self.indices.shape} {self.indices.dtype}"
            )
        if self.labels.shape != (len(self.indices),) or self.labels.dtype != np.int64:
            raise ValueError(
                f"labels must be ({len(self.indices)},) int64, one an image, got "
                f"{self.labels.shape} {self.labels.dtype}"
            )
        if len(self.names) != len(self.indices):
            raise ValueError(
                f"names must be {len(self.indices)}, one an image, got "
                f"{len(self.names)}"
            )
        _check_below("indices", self.indices, self.num_codes)
        _check_below("labels", self.labels, len(self.class_names))

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w), the tokens of an image."""
        return self.indices.shape[1], self.indices.shape[2]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all; one of that name is replaced.

        Args:
            path: ends in .npz by custom; NumPy alone can read it.

        Raises:
            OSError: if it cannot be written.
        """
        with written_aside(Path(path)) as file:
            np.savez(
                file,
                format=np.array(_FORMAT),
                indices=self.indices,
                labels=self.labels,
                names=_packed(self.names),
                class_names=_packed(self.class_names),
                grid=np.array(self.grid),
                num_codes=np.array(self.num_codes),
                codebook_sha256=np.array(self.codebook_sha256),
            )


def load_tokens(path: str | os.PathLike[str]) -> TokenSet:
    """Read a token file; nothing in it is executed.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or no token file; names it.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(
            f"tokens_file={str(path)!r} is no file; `arcvq encode` writes one"
        )
    try:
        with source.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return _token_set(stored)
    except Exception as error:  # a damaged file fails on whichever byte is wrong
        raise ValueError(
            f"tokens_file={str(path)!r} is damaged or no token file ({error}); write "
            "it again with `arcvq encode`"
        ) from error


def index_type(num_codes: int) -> np.dtype[Any]:
    """The dtype that holds indices below K."""
    return np.dtype(np.uint16 if num_codes <= _NARROW else np.int32)


def _token_set(stored: Mapping[str, NDArray[Any]]) -> TokenSet:
    if str(stored["format"]) != _FORMAT:
        raise ValueError(f"its format is {stored['format']}, wanted {_FORMAT}")
    tokens = TokenSet(
        indices=stored["indices"],
        labels=stored["labels"],
        names=_unpacked(stored["names"]),
        class_names=_unpacked(stored["class_names"]),
        num_codes=int(stored["num_codes"]),
        codebook_sha256=str(stored["codebook_sha256"]),
    )
    if tuple(stored["grid"].tolist()) != tokens.grid:
        raise ValueError(f"its grid is {stored['grid']}, its indices' {tokens.grid}")
    return tokens


def _packed(names: tuple[str, ...]) -> NDArray[np.uint8]:
    """Names as bytes: NumPy's own texts would each be as long as the longest."""
    text = "".join(name + _BETWEEN for name in names)
    return np.frombuffer(text.encode("utf-8", "surrogateescape"), dtype=np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> tuple[str, ...]:
    text = packed.tobytes().decode("utf-8", "surrogateescape")
    return tuple(text.split(_BETWEEN)[:-1])


def _check_below(name: str, numbers: NDArray[Any], bound: int) -> None:
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < bound):
        raise ValueError(
            f"{name} must lie in 0 … {bound - 1}, got {numbers.min()} … {numbers.max()}"
        )

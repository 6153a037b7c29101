"""The index beside a tar shard: where each image lies, to be read by seeking."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arcvq_lite.data.names import NameTable
from arcvq_lite.data.shard_scan import MAX_CLASSES, Member, ShardError, scan_shard
from arcvq_lite.written_aside import written_aside

FORMAT = 1
_FIELDS = ("offsets", "sizes", "labels", "letters", "ends")


@dataclass(frozen=True, eq=False, repr=False)
class ShardIndex:
    """The images of one shard.

    Attributes:
        offsets: (n,) int64, in bytes from the start of the tar.
        sizes: (n,) int64, in bytes.
        labels: (n,) int64, -1 where the shard gives no class.
        names: n member names.
        tar_bytes: the size of the tar that was indexed.
    """

    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    labels: NDArray[np.int64]
    names: NameTable
    tar_bytes: int

    @classmethod
    def of(cls, members: list[Member], tar_bytes: int) -> ShardIndex:
        """Put the members of a tar into columns."""
        rows = [(each.offset, each.size, each.label) for each in members]
        columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
        names = NameTable.of(each.name for each in members)
        return cls(columns[:, 0], columns[:, 1], columns[:, 2], names, tar_bytes)

    def __len__(self) -> int:
        return len(self.offsets)

    def matches(self, other: ShardIndex) -> bool:
        """Whether both describe the same tar."""
        return (
            self.tar_bytes == other.tar_bytes
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.sizes, other.sizes)
            and np.array_equal(self.labels, other.labels)
            and list(self.names) == list(other.names)
        )


def index_path(tar: Path) -> Path:
    """Where the index of a shard lies: `train-000.tar` has `train-000.index.npz`."""
    return tar.with_suffix(".index.npz")


def build_index(tar: Path) -> ShardIndex:
    """Index a shard by its headers.

    Raises:
        ShardError: see `scan_shard`.
        OSError: if the file cannot be read.
    """
    return ShardIndex.of(scan_shard(tar), tar.stat().st_size)


def write_index(tar: Path, index: ShardIndex) -> None:
    """Write an index beside its shard, whole or not at all.

    Raises:
        OSError: if it cannot be written.
    """
    with written_aside(index_path(tar)) as file:
        np.savez(
            file,
            format=np.int64(FORMAT),
            tar_bytes=np.int64(index.tar_bytes),
            offsets=index.offsets,
            sizes=index.sizes,
            labels=index.labels,
            letters=index.names.letters,
            ends=index.names.ends,
        )


def read_index(tar: Path) -> ShardIndex:
    """Read the index of a shard and make sure that it fits the tar.

    Raises:
        ShardError: if it is missing, damaged, or of another tar; says what to run.
        OSError: if either file cannot be read.
    """
    path = index_path(tar)
    if not path.is_file():
        raise ShardError(f"{tar} has no index: run `arcvq data index {tar.parent}`")
    try:
        index = _load(path)
    except Exception as error:  # numpy and zipfile break in many ways
        raise ShardError(_unfit(tar, f"cannot be read ({error})")) from error
    if index.tar_bytes != tar.stat().st_size:
        raise ShardError(_unfit(tar, "is of a tar of another size"))
    _check(tar, index)
    return index


def _load(path: Path) -> ShardIndex:
    with np.load(path, allow_pickle=False) as stored:
        if int(stored["format"]) != FORMAT:
            raise ValueError(f"format {stored['format']}, this release reads {FORMAT}")
        offsets, sizes, labels, letters, ends = (stored[name] for name in _FIELDS)
        names = NameTable(letters, ends)
        return ShardIndex(offsets, sizes, labels, names, int(stored["tar_bytes"]))


def _check(tar: Path, index: ShardIndex) -> None:
    columns = (index.offsets, index.sizes, index.labels, index.names.ends)
    whole = all(
        column.dtype == np.int64 and column.shape == index.offsets.shape
        for column in columns
    )
    if not whole or index.offsets.ndim != 1 or not len(index):
        raise ShardError(_unfit(tar, "has columns of the wrong shape or type"))
    inside = (
        (index.offsets >= 0)
        & (index.sizes >= 0)
        & (index.sizes <= index.tar_bytes)
        & (index.offsets <= index.tar_bytes - index.sizes)
    )
    labelled = (index.labels >= -1) & (index.labels < MAX_CLASSES)
    if not (inside & labelled).all():
        raise ShardError(_unfit(tar, "has values out of range"))
    lengths = np.diff(index.names.ends, prepend=0)
    if lengths.min() < 0 or index.names.ends[-1] != len(index.names.letters):
        raise ShardError(_unfit(tar, "has names that do not add up"))


def _unfit(tar: Path, what: str) -> str:
    return (
        f"the index {index_path(tar)} {what}: delete it and run "
        f"`arcvq data index {tar.parent}`"
    )

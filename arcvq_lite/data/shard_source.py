"""Images inside tar shards, read by seeking."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from arcvq_lite.data.folder_layout import PARTS
from arcvq_lite.data.shard_index import ShardIndex, read_index
from arcvq_lite.data.shard_list import FILE, read_shard_list
from arcvq_lite.data.shard_scan import ShardError

OPEN_SHARDS = 64  # file handles a process holds; the least recently read is closed


@dataclass(eq=False, repr=False)
class ShardSource:
    """The images of many shards, one after the other.

    Attributes:
        shards: the tars.
        indices: one a tar.
        class_names: one name a class.
    """

    shards: tuple[Path, ...]
    indices: tuple[ShardIndex, ...]
    class_names: tuple[str, ...]
    _ends: NDArray[np.int64] = field(init=False)
    _open: OrderedDict[int, BinaryIO] = field(init=False, default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._ends = np.cumsum([len(index) for index in self.indices])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def name(self, index: int) -> str:
        """The shard and the member, as `train-000.tar!KEY.jpg`."""
        shard, row = self._place(index)
        return f"{self.shards[shard]}!{self.indices[shard].names[row]}"

    def label(self, index: int) -> int:
        """The class of an image."""
        shard, row = self._place(index)
        return max(int(self.indices[shard].labels[row]), 0)

    def read(self, index: int) -> bytes:
        """The content of a member.

        Raises:
            OSError: if the shard cannot be read, or is shorter than when it was
                indexed.
        """
        shard, row = self._place(index)
        size = int(self.indices[shard].sizes[row])
        file = self._file(shard)
        file.seek(int(self.indices[shard].offsets[row]))
        content = file.read(size)
        if len(content) != size:
            raise OSError(f"{self.name(index)}: the shard has lost its end")
        return content

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open files behind; a worker opens its own."""
        return self.__dict__ | {"_open": OrderedDict()}

    def __del__(self) -> None:
        for file in self._open.values():
            file.close()

    def _place(self, index: int) -> tuple[int, int]:
        shard = int(np.searchsorted(self._ends, index, side="right"))
        start = int(self._ends[shard - 1]) if shard else 0
        return shard, index - start

    def _file(self, shard: int) -> BinaryIO:
        if shard not in self._open:
            if len(self._open) >= OPEN_SHARDS:
                _, oldest = self._open.popitem(last=False)
                oldest.close()
            self._open[shard] = self.shards[shard].open("rb")
        self._open.move_to_end(shard)
        return self._open[shard]


def find_shards(folder: Path, split: str) -> tuple[Path, ...]:
    """List the tar shards of a split; empty where a folder holds none.

    They lie in the folder itself, which then is the train split, or in its part
    `train` and one of `test`, `val`, `validation`.

    Raises:
        ValueError: if the folder is undivided and the split is "test".
        ShardError: if `arcvq-shards.json` names a shard that is not there.
    """
    undivided = _shards_in(folder)
    if undivided and split != "train":
        raise ValueError(
            f"split={split!r} needs shards in a folder {' or '.join(PARTS[split])} "
            f"in {folder}, which has shards of its own and no parts"
        )
    if undivided:
        return undivided
    parts = (_shards_in(folder / name) for name in PARTS[split])
    return next((shards for shards in parts if shards), ())


def open_shards(shards: tuple[Path, ...]) -> ShardSource:
    """Open shards of one folder by their indices.

    Classes have the names that `arcvq-shards.json` gives, else their numbers. Shards
    without any class make one, named after the folder.

    Raises:
        ShardError: if an index is missing or unfit, only some images have a class,
            or a class has no name.
    """
    folder = shards[0].parent
    indices = tuple(read_index(tar) for tar in shards)
    labels = np.concatenate([index.labels for index in indices])
    if labels.min() < 0 <= labels.max():
        raise ShardError(
            f"{_first_unlabelled(shards, indices)} has no class while others have; "
            f"add its .cls member or take all of them out"
        )
    if labels.max() < 0:
        return ShardSource(shards, indices, (folder.name,))
    made_of = read_shard_list(folder)
    if made_of is None:
        names = tuple(str(label) for label in range(int(labels.max()) + 1))
        return ShardSource(shards, indices, names)
    if labels.max() >= len(made_of.class_names):
        raise ShardError(
            f"{folder / FILE} names {len(made_of.class_names)} classes, but there is "
            f"an image of class {labels.max()}"
        )
    return ShardSource(shards, indices, made_of.class_names)


def find_all_tars(folder: Path) -> tuple[Path, ...]:
    """List the tars of a folder and of its parts, indexed or not."""
    parts = [folder / name for names in PARTS.values() for name in names]
    return tuple(tar for place in (folder, *parts) for tar in _tars_in(place))


def _shards_in(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    made_of = read_shard_list(folder)
    if made_of is None:
        return _tars_in(folder)
    for name in made_of.shards:
        if not (folder / name).is_file():
            raise ShardError(
                f"{folder / name} is named in {FILE} but missing: run "
                f"`arcvq data shard` again to finish the set"
            )
    return tuple(folder / name for name in made_of.shards)


def _tars_in(folder: Path) -> tuple[Path, ...]:
    tars = (path for path in folder.glob("*.tar") if path.is_file())
    return tuple(sorted(tars, key=Path.as_posix))


def _first_unlabelled(shards: tuple[Path, ...], indices: tuple[ShardIndex, ...]) -> str:
    return next(
        f"{tar}!{index.names[int(index.labels.argmin())]}"
        for tar, index in zip(shards, indices, strict=True)
        if index.labels.min() < 0
    )

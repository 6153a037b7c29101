"""Random access to encoded images, from a folder of files or from tar shards."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from arcvq_lite.data.arguments import check_path, check_split
from arcvq_lite.data.folder_layout import find_images, is_image_name
from arcvq_lite.data.names import NameTable
from arcvq_lite.data.shard_source import find_shards, open_shards


class ImageSource(Protocol):
    """N encoded images by number; can be pickled, so that workers may hold it.

    Attributes:
        class_names: one name a class.
    """

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the labels."""
        ...

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What to call an image in a message: its path, or shard!member."""
        ...

    def label(self, index: int) -> int:
        """The index of an image's class in `class_names`."""
        ...

    def read(self, index: int) -> bytes:
        """The encoded image, as it is stored."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class FolderSource:
    """Image files of a folder, sorted by class, then by path.

    Attributes:
        root: the folder.
        names: N paths below it, with `/`.
        labels: (N,) indices into `class_names`.
        class_names: sorted.
    """

    root: str
    names: NameTable
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        """The path of an image."""
        return os.path.join(self.root, self.names[index])

    def label(self, index: int) -> int:
        """The class of an image."""
        return int(self.labels[index])

    def read(self, index: int) -> bytes:
        """The content of a file.

        Raises:
            OSError: if it cannot be read.
        """
        with open(self.name(index), "rb", buffering=0) as file:
            return file.read()


def open_source(path: str | os.PathLike[str], *, split: str = "train") -> ImageSource:
    """Open a set of images without reading one.

    Args:
        path: a folder of images in any layout that `load_images` takes (ImageNet's
            among them), or a folder of tar shards with their indices; shards may
            also lie in its parts `train` and `test`, `val` or `validation`.
        split: "train" or "test".

    Returns:
        The source. Nothing is written and no file is held open.

    Raises:
        TypeError: if `path` is no path.
        FileNotFoundError: if the folder, or a shard that its list names, is missing.
        NotADirectoryError: if the path is a file.
        ValueError: if it holds no images for the split, or shards have no index;
            says what to run.
    """
    folder = Path(os.path.abspath(check_path("path", path)))
    split = check_split(split)
    if folder.is_file():
        raise NotADirectoryError(
            f"{folder} is a file; open_source takes the folder that holds it"
        )
    shards = find_shards(folder, split)
    if shards:
        return open_shards(shards)
    return open_folder(folder, split=split)


def open_folder(folder: Path, *, split: str = "train") -> FolderSource:
    """List the image files of a folder; see `open_source`."""
    found = find_images(folder, split)
    root = os.path.abspath(folder)
    skipped = len(Path(root).as_posix().rstrip("/")) + 1
    return FolderSource(
        root=root,
        names=NameTable.of(path.as_posix()[skipped:] for path in found.paths),
        labels=np.array(found.labels, dtype=np.int64),
        class_names=found.class_names,
    )


def find_others(source: FolderSource) -> list[str]:
    """List the files among a folder's images whose names are no image's."""
    ends = source.names[0], source.names[len(source) - 1]
    part = Path(source.root, os.path.commonpath([os.path.dirname(end) for end in ends]))
    return sorted(
        path.as_posix()
        for path in part.rglob("*")
        if path.is_file() and not is_image_name(path)
    )

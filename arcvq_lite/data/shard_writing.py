"""Writing a source as webdataset tar shards that can be taken up after a kill."""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePath

from arcvq_lite.data.arguments import check_path
from arcvq_lite.data.image_files import SUFFIXES
from arcvq_lite.data.shard_index import (
    build_index,
    read_index,
    write_index,
)
from arcvq_lite.data.shard_list import (
    FILE,
    ShardList,
    read_shard_list,
    write_shard_list,
)
from arcvq_lite.data.shard_scan import ShardError
from arcvq_lite.data.source import ImageSource
from arcvq_lite.written_aside import remove_partials, written_aside

_STEM = 60  # letters of a file's own name that are kept in its key


def write_shards(
    source: ImageSource,
    folder: str | os.PathLike[str],
    images_per_shard: int,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Path, ...]:
    """Write a source as tar shards in webdataset's format, each with its index.

    The images keep their order, their bytes and their labels. A sample is
    `NUMBER_NAME.jpg` (or its own suffix) and `NUMBER_NAME.cls`, the class as a
    number; `arcvq-shards.json` names the classes and the shards. The same source gives
    the same bytes on every machine.

    The list is written first, each shard aside and then renamed, its index last.
    Killed, the call can be made again: whole shards that hold images of the same
    names and classes are kept. Until all are there, `open_source` refuses the folder.

    Args:
        source: the images.
        folder: where the shards go; made if need be, its parent must exist.
        images_per_shard: the last shard may have fewer.
        progress: called with the shards done and the shards to do.

    Returns:
        The paths of the shards.

    Raises:
        ValueError: if `images_per_shard` is below 1, the folder holds anything but
            shards of the same set, or a name has no image's suffix.
        OSError: if a file cannot be read or written.
    """
    if images_per_shard < 1:
        raise ValueError(f"images_per_shard={images_per_shard} must be at least 1")
    place = check_path("folder", folder)
    starts = range(0, len(source), images_per_shard)
    names = tuple(f"{number:06d}.tar" for number in range(len(starts)))
    made_of = ShardList(source.class_names, names, len(source))
    _claim(place, made_of)
    shards = tuple(place / name for name in names)
    for number, (tar, start) in enumerate(zip(shards, starts, strict=True)):
        members = range(start, min(start + images_per_shard, len(source)))
        if not _holds(tar, source, members):
            _write_shard(tar, source, members)
            write_index(tar, build_index(tar))
        if progress is not None:
            progress(number + 1, len(shards))
    return shards


def _claim(folder: Path, made_of: ShardList) -> None:
    """Make the folder and its list, unless another set lies there."""
    folder.mkdir(exist_ok=True)
    remove_partials(folder)
    if read_shard_list(folder) == made_of:
        return
    if any(folder.iterdir()):
        raise ValueError(
            f"{folder} is not empty, and its {FILE} is not the list of this set; "
            f"give a new folder"
        )
    write_shard_list(folder, made_of)


def _holds(tar: Path, source: ImageSource, members: range) -> bool:
    """Whether a shard is there already, with the same keys and labels.

    Raises:
        ValueError: if it holds other images.
    """
    try:
        index = read_index(tar)
    except (ShardError, FileNotFoundError):
        return False  # killed before its index was written
    same = len(index) == len(members) and all(
        index.names[row] == _key(source, member) + _suffix(source, member)
        and index.labels[row] == source.label(member)
        for row, member in enumerate(members)
    )
    if not same:
        raise ValueError(f"{tar} holds other images; give a new folder")
    return True


def _write_shard(tar: Path, source: ImageSource, members: range) -> None:
    with (
        written_aside(tar) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as opened,
    ):
        for member in members:
            key = _key(source, member)
            _add(opened, key + _suffix(source, member), source.read(member))
            _add(opened, f"{key}.cls", str(source.label(member)).encode())


def _add(opened: tarfile.TarFile, name: str, content: bytes) -> None:
    header = tarfile.TarInfo(name)  # no owner, no date: the same bytes every time
    header.size = len(content)
    opened.addfile(header, io.BytesIO(content))


def _key(source: ImageSource, member: int) -> str:
    # A key ends at its first dot, and has no folder so that any tool reads it.
    stem = re.sub(r"[^A-Za-z0-9_-]", "-", _own_name(source, member).stem)
    return f"{member:08d}_{stem[:_STEM]}"


def _suffix(source: ImageSource, member: int) -> str:
    suffix = _own_name(source, member).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{source.name(member)} has no image's suffix, by which a shard knows its "
            f"images; wanted one of {', '.join(sorted(SUFFIXES))}"
        )
    return suffix


def _own_name(source: ImageSource, member: int) -> PurePath:
    return PurePath(source.name(member).rpartition("!")[2])

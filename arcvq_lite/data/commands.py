"""What `arcvq data index`, `verify` and `shard` do: lines of text, then a status.

Each is a generator whose lines are for the reader and whose returned value is the
exit status, 0 where all is well and 1 where something is found wanting.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from arcvq_lite.data.inspection import inspect_source
from arcvq_lite.data.progress_bar import progress_bar
from arcvq_lite.data.shard_index import build_index, index_path, read_index, write_index
from arcvq_lite.data.shard_scan import ShardError
from arcvq_lite.data.shard_source import ShardSource, find_all_tars
from arcvq_lite.data.shard_writing import write_shards
from arcvq_lite.data.source import FolderSource, find_others, open_source
from arcvq_lite.written_aside import written_aside

Lines = Generator[str, None, int]


def index(path: Path) -> Lines:
    """Write an index beside each tar shard that has none, or one that does not fit.

    Args:
        path: a folder of webdataset tars, or of parts (train, val) that hold them.

    Yields:
        A line a shard.

    Returns:
        0, or 1 if a shard is refused.

    Raises:
        FileNotFoundError: if there is no such folder.
        OSError: if an index cannot be written.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}")
    tars = find_all_tars(path)
    refused = 0
    for tar in tars:
        try:
            yield f"{tar}: {_index_one(tar)}"
        except ShardError as error:
            refused += 1
            yield f"refused: {error}"
    if not tars:
        yield f"{path} holds no .tar files; a folder of images needs no index"
    return 1 if refused else 0


def verify(
    path: Path, *, split: str = "train", workers: int = 0, json: Path | None = None
) -> Lines:
    """Decode every image of a set and name those that cannot be used or are unusual.

    Args:
        path: a folder of images or of indexed tar shards.
        split: "train" or "test".
        workers: processes to share the work; 0 does it in this one.
        json: a file to write the report to as JSON, besides.

    Yields:
        The report.

    Returns:
        0, or 1 if an image is unusable or a shard does not match its index.

    Raises:
        ValueError: if the set cannot be opened; see `open_source`.
        OSError: if the storage fails.
    """
    if json is not None and not json.parent.is_dir():
        raise FileNotFoundError(f"json={json}: there is no folder {json.parent}")
    source = open_source(path, split=split)
    with progress_bar("verifying") as progress:
        report = inspect_source(source, workers=workers, progress=progress)
    yield report.table()
    if json is not None:
        with written_aside(json) as file:
            file.write(report.to_json().encode())
    if isinstance(source, FolderSource) and (others := find_others(source)):
        yield f"passed over, not named as images: {', '.join(others)}"
    unfit = []
    if isinstance(source, ShardSource):
        unfit = [said for tar in source.shards if (said := _mismatch(tar))]
    yield from unfit
    return 1 if report.unusable or unfit else 0


def shard(
    path: Path, out: Path, *, split: str = "train", images_per_shard: int = 1000
) -> Lines:
    """Write a set as webdataset tar shards with indices.

    `shard IMAGENET SHARDS/train` and `shard IMAGENET SHARDS/val --split test` make a
    folder SHARDS that serves wherever IMAGENET does. Killed, it is run again to
    finish.

    Args:
        path: a folder of images or of indexed tar shards.
        out: the folder for the shards; new, or left by the same command.
        split: "train" or "test".
        images_per_shard: the last shard may have fewer.

    Yields:
        What was written.

    Returns:
        0.

    Raises:
        ValueError: if the set cannot be opened, or `out` holds something else.
        OSError: if a file cannot be read or written.
    """
    source = open_source(path, split=split)
    with progress_bar("writing shards") as progress:
        shards = write_shards(source, out, images_per_shard, progress=progress)
    yield f"{len(source)} images in {len(shards)} shards in {out}"
    return 0


def _index_one(tar: Path) -> str:
    if index_path(tar).exists():
        try:
            return f"has its index already, {len(read_index(tar))} images"
        except ShardError:
            pass  # damaged or of another tar; written anew below
    made = build_index(tar)
    write_index(tar, made)
    return f"indexed, {len(made)} images"


def _mismatch(tar: Path) -> str | None:
    """Say where a shard differs from its index, which alone is read in training."""
    try:
        scanned = build_index(tar)
    except ShardError as error:
        return str(error)
    if not scanned.matches(read_index(tar)):
        return f"{tar} does not hold what its index says: delete {index_path(tar).name}"
    return None

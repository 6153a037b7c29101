"""Reading the headers of a webdataset tar, trusting none of them."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from arcvq_lite.data.image_files import SUFFIXES

BLOCK = 512  # bytes; members and the mark at the end fill whole blocks
_LABEL = ".cls"
MAX_CLASSES = 1_000_000
_LONGEST_LABEL = 20  # bytes; a longer one is no class
_BROKEN = (tarfile.TarError, OSError, ValueError, OverflowError, EOFError)


class ShardError(ValueError):
    """A tar file that cannot serve as a shard; names it and its member."""


@dataclass(frozen=True)
class Member:
    """An image inside a tar.

    Attributes:
        name: of the member.
        offset: of its first byte in the tar.
        size: in bytes.
        label: its class, or -1 where the tar gives none.
    """

    name: str
    offset: int
    size: int
    label: int


def scan_shard(tar: Path) -> list[Member]:
    """List the images of a webdataset tar from its headers; nothing is unpacked.

    A sample is KEY.jpg (or another image suffix) and, if it has a class, KEY.cls
    with the number of the class; other members of a sample are passed over. KEY
    reaches to the first dot of the file name.

    Args:
        tar: an uncompressed tar file.

    Returns:
        The images in the order of the tar.

    Raises:
        ShardError: if it is no tar, is cut short, holds no image, two images or two
            classes for one key, a class that is no number, or any member that is
            not a plain file or folder with a plain relative name.
    """
    images: dict[str, tuple[str, int, int]] = {}
    labels: dict[str, int] = {}
    with tar.open("rb") as file:
        for member in _members(tar, file):
            key, suffix = _split(member.name)
            if suffix not in SUFFIXES and suffix != _LABEL:
                continue
            if key in (labels if suffix == _LABEL else images):
                raise ShardError(f"{tar}: {key!r} has two images or two classes")
            if suffix == _LABEL:
                labels[key] = _read_label(tar, file, member)
            else:
                images[key] = (member.name, member.offset_data, member.size)
    if not images:
        raise ShardError(f"{tar} holds no images ({', '.join(sorted(SUFFIXES))})")
    return [Member(*place, labels.get(key, -1)) for key, place in images.items()]


def _members(tar: Path, file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """Yield the plain files of a tar, and make sure that it ends where it should."""
    end = 0
    for member in _headers(tar, file):
        _refuse_unsafe(tar, member)
        content = -(-member.size // BLOCK) * BLOCK if member.isreg() else 0
        end = member.offset_data + content
        if member.isreg():
            yield member
    # tarfile takes a damaged header for the end, and so it does the file's own.
    file.seek(end)
    if file.read(BLOCK) != bytes(BLOCK):
        raise ShardError(
            f"{tar} has no end mark at byte {end}: it was cut short or damaged "
            f"there; fetch or write it again"
        )


def _headers(tar: Path, file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    try:
        with tarfile.open(fileobj=file, mode="r:") as opened:
            while (following := opened.next()) is not None:
                # tarfile would keep every header of a shard in memory.
                opened.members = []  # type: ignore[attr-defined]
                yield following
    except _BROKEN as error:
        raise ShardError(
            f"{tar} is no whole, uncompressed tar ({error}); fetch or write it again"
        ) from error


def _refuse_unsafe(tar: Path, member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise ShardError(f"{tar}: the member name {member.name!r} leaves the folder")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise ShardError(
            f"{tar}: {member.name!r} is not a plain file but a link, a device or a "
            f"sparse file"
        )
    if member.size < 0:
        raise ShardError(f"{tar}: {member.name!r} says it has {member.size} bytes")


def _split(name: str) -> tuple[str, str]:
    """Part a member name into its key and its suffix, in small letters."""
    folder, slash, file = name.rpartition("/")
    stem, _, _ = file.partition(".")
    return folder + slash + stem, file[len(stem) :].lower()


def _read_label(tar: Path, file: IO[bytes], member: tarfile.TarInfo) -> int:
    file.seek(member.offset_data)
    text = file.read(min(member.size, _LONGEST_LABEL)).decode("ascii", "replace")
    if not text.strip().isdecimal() or int(text) >= MAX_CLASSES:
        raise ShardError(
            f"{tar}: {member.name!r} must hold the number of a class below "
            f"{MAX_CLASSES:,}, got {text!r}"
        )
    return int(text)

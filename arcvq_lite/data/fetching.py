"""Fetching a torchvision data set whole or not at all."""

from __future__ import annotations

import os
import shutil
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

SILENCE_LIMIT = 30.0  # seconds without an answer until a server counts as unreachable


class DownloadError(RuntimeError):
    """A data set could not be fetched."""


@dataclass(frozen=True)
class Archive:
    """A file that a data set is unpacked from.

    Attributes:
        url: where it is fetched from.
        place: where it belongs, below the root.
        md5: its checksum in hexadecimal.
    """

    url: str
    place: Path
    md5: str


def archives(dataset_class: Any) -> list[Archive]:
    """List the files that a torchvision class (MNIST's kin or CIFAR-10) downloads."""
    if hasattr(dataset_class, "mirrors"):
        raw = Path(dataset_class.__name__, "raw")
        return [
            Archive(dataset_class.mirrors[0] + name, raw / name, md5)
            for name, md5 in dataset_class.resources
        ]
    place = Path(dataset_class.filename)
    return [Archive(dataset_class.url, place, dataset_class.tgz_md5)]


def missing(dataset_class: Any, root: Path) -> list[Archive]:
    """List the archives that do not lie whole below `root`."""
    from torchvision.datasets.utils import check_integrity

    return [
        archive
        for archive in archives(dataset_class)
        if not check_integrity(root / archive.place, archive.md5)
    ]


def put_by_hand(name: str, absent: list[Archive], root: Path, offline: str) -> str:
    """Say which files to put where, and what serves meanwhile."""
    if not absent:
        return f"Its archives lie whole in {root}."
    lines = [f"{name} is not in {root}. To put it there by hand, save"]
    for archive in absent:
        lines += [f"  {archive.url}", f"  as {root / archive.place}"]
    lines += [f'and call again. Meanwhile load_images("{offline}") works offline.']
    return "\n".join(lines)


def fetch(dataset_class: Any, root: Path) -> None:
    """Bring a data set below `root`, from archives laid there or from the network.

    torchvision writes and unpacks in a folder aside; its files are moved into place
    once all are whole, so that neither a broken line nor an interrupt leaves half a
    file, and two processes may fetch at once.

    Args:
        dataset_class: a class of `torchvision.datasets`.
        root: the folder; made if need be.

    Raises:
        DownloadError: if a file can be neither fetched nor written; says why.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".partial-", dir=root) as aside:
            _copy_laid_archives(dataset_class, root, Path(aside))
            with _patience(SILENCE_LIMIT), old_ways_accepted():
                dataset_class(aside, download=True)
            _move_files(Path(aside), root)
    except (OSError, RuntimeError, HTTPException) as error:
        raise DownloadError(" ".join(str(error).split())) from error


@contextmanager
def old_ways_accepted() -> Iterator[None]:
    """Silence two warnings about torchvision's reading that a caller cannot act on."""
    with warnings.catch_warnings():
        # Python 3.12 and 3.13 announce how tarfile will unpack from 3.14 on.
        warnings.simplefilter("ignore", DeprecationWarning)
        # NumPy 2.4.0 to 2.4.4 warn about pickles as old as CIFAR-10's.
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        yield


def _copy_laid_archives(dataset_class: Any, root: Path, aside: Path) -> None:
    absent = missing(dataset_class, root)
    for archive in archives(dataset_class):
        if archive not in absent:
            copy = aside / archive.place
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / archive.place, copy)


def _move_files(aside: Path, root: Path) -> None:
    for path in sorted(aside.rglob("*")):
        if path.is_file():
            place = root / path.relative_to(aside)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, place)


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Bound every wait for a server, which torchvision leaves unbounded."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)

"""What lies in a zip, read in memory within an allowance and never unpacked."""

from __future__ import annotations

import calendar
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

MEGABYTE = 2**20
UNWANTED = "It is neither a notebook nor a Python file."
MISNAMED = "Its name leads out of the archive, so it was not read."


class RefusedError(ValueError):
    """A file that is not read, with a sentence on why."""


@dataclass
class Allowance:
    """What an archive may take; reading uses it up.

    Args:
        entries: in the archive, folders and strangers included.
        file: bytes of one file.
        total: bytes of all files that are read.
        ratio: of a file's length to its compressed length, above one megabyte.
    """

    entries: int = 20_000
    file: int = 64 * MEGABYTE
    total: int = 1024 * MEGABYTE
    ratio: int = 200


@dataclass(frozen=True)
class Entry:
    """A file of an archive.

    Args:
        path: of the file in the archive, with forward slashes.
        changed: seconds since 1970, as the archive has it.
        content: its bytes, or a sentence on why it was not read.
    """

    path: PurePosixPath
    changed: float
    content: bytes | str


def read_archive(
    content: bytes, wanted: Callable[[PurePosixPath], bool], allowance: Allowance
) -> Iterator[Entry]:
    """The files of a zip.

    Args:
        content: of the zip.
        wanted: whether a path is read; of the others the name alone is given.
        allowance: that reading uses up.

    Raises:
        RefusedError: if it is not a zip, or has more entries than allowed.
    """
    try:
        archive = zipfile.ZipFile(BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise RefusedError(f"The zip cannot be read: {error}.") from None
    entries = archive.infolist()
    if len(entries) > allowance.entries:
        raise RefusedError(
            f"The zip has {len(entries):,} entries; at most {allowance.entries:,} are "
            "looked at."
        )
    for info in entries:
        if info.is_dir():
            continue
        path = PurePosixPath(_name(info).replace("\\", "/"))
        held: bytes | str = _unsafe(info, path)
        if not held:
            held = _read(archive, info, allowance) if wanted(path) else UNWANTED
        yield Entry(path, _seconds(info.date_time), held)


def _name(info: zipfile.ZipInfo) -> str:
    """An entry's name, where a packer wrote UTF-8 without saying so too."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _unsafe(info: zipfile.ZipInfo, path: PurePosixPath) -> str:
    """Why an entry is not read whatever it holds; empty if it may be."""
    if ".." in path.parts or path.is_absolute() or _has_drive(path):
        return MISNAMED
    if stat.S_ISLNK(info.external_attr >> 16):
        return "It is a link, so it was not followed."
    if info.flag_bits & 0x1:
        return "It is encrypted, so it was not read."
    return ""


def _has_drive(path: PurePosixPath) -> bool:
    return bool(path.parts) and path.parts[0].endswith(":")


def _read(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, allowance: Allowance
) -> bytes | str:
    """A file's bytes, or a sentence on why it has none."""
    # The lengths are the header's. One that lies is found out, because no more is
    # unpacked than it says, and the check sum then differs.
    if info.file_size > allowance.file:
        return f"It is longer than {allowance.file // MEGABYTE} MB, so it was not read."
    ratio = info.file_size / max(info.compress_size, 1)
    if info.file_size > MEGABYTE and ratio > allowance.ratio:
        return (
            f"It unpacks to {ratio:.0f} times its length, as no notebook does, so it "
            "was not read."
        )
    if info.file_size > allowance.total:
        return "The archive holds more than is read of one, so this was left out."
    allowance.total -= info.file_size
    try:
        with archive.open(info) as file:
            return file.read(info.file_size)
    except Exception as error:  # each kind of compression has errors of its own
        return f"It cannot be unpacked: {error or type(error).__name__}."


def _seconds(date: tuple[int, int, int, int, int, int]) -> float:
    """A zip's date as a number that orders; zips know no time zone."""
    try:
        return float(calendar.timegm(date))
    except ValueError:
        return 0.0

"""Landlock: files out of reach, by Linux's own means for unprivileged processes."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from arcvq_lite.grading.kernel import IS_LINUX, system_call

_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_REMOVE_DIR = 1 << 4
_REMOVE_FILE = 1 << 5
_MAKE_DIR = 1 << 7
_MAKE_REG = 1 << 8
_FIRST = (1 << 13) - 1  # all rights of the first version, links and devices among them
_REFER = 1 << 13  # since version 2
_TRUNCATE = 1 << 14  # since version 3
_IOCTL_DEV = 1 << 15  # since version 5
_TCP = 0b11  # bind and connect, since version 4
_SCOPES = 0b11  # abstract sockets and signals, since version 6

_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_READ = _READ_FILE | _READ_DIR
# Links could lead out of the folder, and sockets and devices lead anywhere.
_KEEP = (
    _READ
    | _WRITE_FILE
    | _REMOVE_DIR
    | _REMOVE_FILE
    | _MAKE_DIR
    | _MAKE_REG
    | _REFER
    | _TRUNCATE
)


def landlock_version() -> int:
    """The version of Landlock that the kernel has; 0 where it has none."""
    if not IS_LINUX:
        return 0
    try:
        return system_call(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    except OSError:
        return 0


def confine_files(
    version: int, readable: Iterable[Path], listed: Iterable[Path], own: Path
) -> None:
    """From now on, this process and its children reach these files alone.

    Nothing is executable, no link or device can be made, no TCP port be reached, and
    no process outside be sent a signal, as far as the version goes.

    Args:
        version: of `landlock_version`.
        readable: files, and folders with all that is in them; those missing are left.
        listed: folders of which the names, no contents, may be seen.
        own: the folder that may be written in.

    Raises:
        OSError: as the kernel says.
    """
    handled = _FIRST
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        handled |= right if version >= since else 0
    attributes = struct.pack("=Q", handled)
    if version >= 4:
        attributes += struct.pack("=Q", _TCP)
    if version >= 6:
        attributes += struct.pack("=Q", _SCOPES)
    size = ctypes.c_size_t(len(attributes))
    rules = system_call(_CREATE_RULESET, attributes, size, 0)
    try:
        for path in readable:
            _allow(rules, path, _READ & handled)
        for path in listed:
            _allow(rules, path, _READ_DIR)
        _allow(rules, own, _KEEP & handled)
        null = _READ_FILE | _WRITE_FILE | _TRUNCATE
        _allow(rules, Path(os.devnull), null & handled)
        system_call(_RESTRICT_SELF, ctypes.c_int(rules), 0)
    finally:
        os.close(rules)


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not path.is_dir():
            rights &= _OF_A_FILE
        rule = struct.pack("=Qi", rights, opened)
        number = ctypes.c_int(_PATH_BENEATH)
        system_call(_ADD_RULE, ctypes.c_int(rules), number, rule, 0)
    finally:
        os.close(opened)

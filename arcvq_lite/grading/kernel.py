"""Calls of the Linux kernel that Python has no names for, through the C library."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct
import sys
from pathlib import Path

IS_LINUX = sys.platform == "linux"

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_CHILD_SUBREAPER = 36
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

_CAPABILITIES = 64
_CAPABILITY_VERSION = 0x20080522
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
# Calls added since 2019 have the same number on every architecture, older ones not.
_MOUNT_SETATTR = 442
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CLONE = {"x86_64": 56, "aarch64": 220}


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def system_call(number: int, *arguments: object) -> int:
    """The kernel's answer to a call by number.

    Raises:
        OSError: as the kernel says.
    """
    return _checked(_library().syscall(ctypes.c_long(number), *arguments))


def prctl(option: int, *arguments: int) -> int:
    """One setting of this process.

    Raises:
        OSError: as the kernel says.
    """
    four = [*arguments, 0, 0, 0, 0][:4]
    wide = [ctypes.c_ulong(argument) for argument in four]
    return _checked(_library().prctl(ctypes.c_int(option), *wide))


def die_with_parent() -> None:
    """Have this process killed when the one that forked it ends."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parent ends."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_readable_by_others(readable: bool) -> None:
    """Whether processes of the same user may look into this one's memory."""
    prctl(_PR_SET_DUMPABLE, int(readable))


def gain_no_privileges() -> None:
    """No program that this process starts has more rights than it has."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up every right of an administrator, for this process and its children.

    Raises:
        OSError: where the kernel keeps one.
    """
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(_CAPABILITIES):
        try:
            prctl(_PR_CAPBSET_DROP, capability)
        except OSError:
            break  # the kernel knows no more, or none was there to be dropped
    number = _CAPSET.get(platform.machine())
    if number is None:
        raise OSError(0, f"no number of capset is known for {platform.machine()}")
    head = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION, 0))
    none = ctypes.create_string_buffer(24)
    system_call(number, head, none)


def fork_apart(flags: int) -> int:
    """`os.fork` into new namespaces; 0 in the child, as there.

    This process must have one thread. Python's own preparations are made, so that the
    child can go on as after a fork.

    Args:
        flags: the namespaces, as CLONE_NEW….

    Raises:
        OSError: where the system does not allow it.
    """
    number = _CLONE.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    # This way of calling keeps the lock of the interpreter, as a fork has to.
    library = ctypes.PyDLL(None, use_errno=True)
    wide = ctypes.c_ulong(flags | signal.SIGCHLD)
    ctypes.pythonapi.PyOS_BeforeFork()
    answer = library.syscall(ctypes.c_long(number), wide, None, None, None, None)
    if answer == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    return _checked(answer)


def mount(source: str, target: Path, kind: str, flags: int, options: str = "") -> None:
    """Mount something in this process's own tree of files.

    Raises:
        OSError: where the system does not allow it.
    """
    _checked(
        _library().mount(
            os.fsencode(source),
            os.fsencode(target),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            options.encode() or None,
        )
    )


def set_writable(target: Path, writable: bool) -> None:
    """Whether files can be written in a mount and in all mounts beneath it.

    Raises:
        OSError: where the system does not allow it.
    """
    gained, lost = (0, MS_RDONLY) if writable else (MS_RDONLY, 0)
    attributes = struct.pack("=QQQQ", gained, lost, 0, 0)
    system_call(
        _MOUNT_SETATTR,
        ctypes.c_int(_AT_FDCWD),
        os.fsencode(target),
        ctypes.c_uint(_AT_RECURSIVE),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer

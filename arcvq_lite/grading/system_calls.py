"""A filter on system calls: what no function of a submission ever has to ask for.

It holds where namespaces cannot be had, as in most containers, and narrows the way to
the kernel's rarer parts everywhere.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

from arcvq_lite.grading.kernel import prctl

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_LOAD = 0x20  # a 32-bit word of what the call was made with
_IF_EQUAL = 0x15
_IF_AT_LEAST = 0x35
_IF_ANY_BIT = 0x45
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_ERROR = 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_OTHER_ABI = 0x40000000  # x32, with numbers of its own
_NAMESPACES = 0x7E020000  # every CLONE_NEW… that clone takes

# Numbers on x86-64 and on 64-bit ARM; the kernel's tables differ, and 0 is none.
_DENIED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "socket": (41, 198),
    "link": (86, 0),
    "linkat": (265, 37),
    "symlink": (88, 0),
    "symlinkat": (266, 36),
    "mknod": (133, 0),
    "mknodat": (259, 33),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "execve": (59, 221),
    "execveat": (322, 281),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "tkill": (200, 130),
    "pidfd_send_signal": (424, 424),
    "io_uring_setup": (425, 425),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442),
}
_SIGNALS = {"kill": (62, 129), "tgkill": (234, 131)}
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def filter_is_known() -> bool:
    """Whether the filter can be written for this machine."""
    return sys.platform == "linux" and platform.machine() in _MACHINES


def deny_calls() -> None:
    """From now on the kernel refuses these calls to this process and its children.

    Signals can be sent to this process alone. No privileges may be gained already.

    Raises:
        OSError: as the kernel says.
    """
    program = _program(*_MACHINES[platform.machine()], os.getpid())
    code = ctypes.create_string_buffer(program)
    head = ctypes.create_string_buffer(
        struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    )
    prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(head))


def _program(column: int, architecture: int, own: int) -> bytes:
    refuse = _step(_RETURN, _ERROR | errno.EPERM)
    allow = _step(_RETURN, _ALLOW)
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        *(_step(_IF_EQUAL, architecture, 1, 0), refuse),
        _step(_LOAD, _NUMBER),
        *(_step(_IF_AT_LEAST, _OTHER_ABI, 0, 1), refuse),
        # A C library that is told that clone3 is unknown asks for clone, whose
        # flags can be read here.
        *(_step(_IF_EQUAL, _CLONE3[column], 0, 1), _step(_RETURN, _unknown())),
    ]
    for numbers in _DENIED.values():
        if numbers[column]:
            steps += [_step(_IF_EQUAL, numbers[column], 0, 1), refuse]
    for numbers in _SIGNALS.values():
        steps += [
            _step(_IF_EQUAL, numbers[column], 0, 4),
            _step(_LOAD, _FIRST_ARGUMENT),
            *(_step(_IF_EQUAL, own, 0, 1), allow, refuse),
        ]
    steps += [
        _step(_IF_EQUAL, _CLONE[column], 0, 3),
        _step(_LOAD, _FIRST_ARGUMENT),
        *(_step(_IF_ANY_BIT, _NAMESPACES, 0, 1), refuse),
        allow,
    ]
    return b"".join(steps)


def _unknown() -> int:
    return _ERROR | errno.ENOSYS


def _step(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)

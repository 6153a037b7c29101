"""Setting a process apart: each means is taken where it can be had, and told of.

Every function here is one step. What a trial found to be possible must be possible
ever after: a step that fails then ends the process before a submission is in it.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from arcvq_lite.grading import kernel
from arcvq_lite.grading.landlock import confine_files
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.processes import count_of_user, mapped_bytes
from arcvq_lite.grading.system_calls import deny_calls

_OPEN_FILES = 256
_NO_USER = 71


@dataclass(frozen=True)
class Steps:
    """The means to be taken.

    Args:
        wanted: names, as in `means.MEANS`.
        tell: of a step that failed and why; None where none may fail.
    """

    wanted: frozenset[str]
    tell: Callable[[str, str], None] | None = None

    def take(self, name: str, step: Callable[[], None]) -> None:
        """Take one step if it is wanted.

        Raises:
            OSError: as the step does, unless this is a trial.
        """
        if name not in self.wanted:
            return
        try:
            step()
        except OSError as error:
            if self.tell is None:
                raise
            self.tell(name, error.strerror or str(error))


@dataclass(frozen=True)
class Born:
    """What a fork returns: 0 in the child, and whether that has namespaces."""

    process: int
    apart: bool


def fork(steps: Steps) -> Born:
    """Fork to where no other process, no network and no mount of others is.

    The child is the first process there, with which all others end.

    Raises:
        OSError: if a namespace that is wanted cannot be had, unless this is a trial.
    """
    process = -1

    def leave() -> None:
        nonlocal process
        process = _fork_apart()

    steps.take("namespaces", leave)
    if process < 0:
        return Born(os.fork(), apart=False)
    return Born(process, apart=True)


def _fork_apart() -> int:
    flags = kernel.CLONE_NEWNET | kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC
    flags |= kernel.CLONE_NEWPID
    user, group = os.getuid(), os.getgid()
    if user == 0:
        with suppress(OSError):
            return kernel.fork_apart(flags)
    process = kernel.fork_apart(flags | kernel.CLONE_NEWUSER)
    if process == 0:
        try:
            # The files belong to the user only while others may look in here.
            kernel.set_readable_by_others(True)
            Path("/proc/self/setgroups").write_text("deny", "ascii")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")
            kernel.set_readable_by_others(False)
        except OSError:
            os._exit(_NO_USER)
    return process


def close_mounts(own: Path, hidden: Iterable[Path]) -> None:
    """Nothing can be written but in one folder, and what is hidden looks empty."""
    kernel.mount("none", Path("/"), "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount(str(own), own, "", kernel.MS_BIND)
    kernel.set_writable(Path("/"), False)
    kernel.set_writable(own, True)
    harmless = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    for path in hidden:
        if path.is_dir():
            flags = harmless | kernel.MS_RDONLY
            kernel.mount("none", path, "tmpfs", flags, "size=4k,mode=000")
        elif path.exists():
            kernel.mount(os.devnull, path, "", kernel.MS_BIND)


def see_own_processes() -> None:
    """Have a /proc that shows the processes of this namespace alone."""
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("proc", Path("/proc"), "proc", flags)


def become(user: int, needed: Iterable[Path]) -> None:
    """Be a user to whom nothing belongs.

    Raises:
        PermissionError: if that user could not read what is needed.
    """
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    for path in needed:
        if not os.access(path, os.R_OK):
            raise PermissionError(0, f"it could not read {path}")


def give_up_rights() -> None:
    """Have no right of an administrator, and never gain one again."""
    kernel.drop_capabilities()
    kernel.gain_no_privileges()


def keep_files(
    version: int, readable: Iterable[Path], listed: Iterable[Path], own: Path
) -> None:
    """Reach no file but these, and write in one folder alone."""
    kernel.gain_no_privileges()
    confine_files(version, readable, listed, own)


def keep_calls() -> None:
    """Be refused the system calls that no submission needs."""
    kernel.gain_no_privileges()
    deny_calls()


def limit_resources(limits: Limits, seconds: int, *, alone: bool) -> None:
    """Bound memory, time, files and processes from now on.

    Args:
        limits: of the submission.
        seconds: of processor time, for all that one process will do.
        alone: whether no other process of the same user is counted.
    """
    megabyte = 2**20
    mapped = mapped_bytes()
    if mapped is not None:
        _bound(resource.RLIMIT_AS, mapped + limits.memory_mb * megabyte)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_CPU, seconds)
    _bound(resource.RLIMIT_FSIZE, limits.file_mb * megabyte)
    _bound(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _bound(resource.RLIMIT_STACK, 8 * megabyte)
    if alone:
        _bound(resource.RLIMIT_NPROC, limits.processes)
    elif kernel.IS_LINUX:
        others = count_of_user(os.getuid())
        _bound(resource.RLIMIT_NPROC, others + limits.processes)


def _bound(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(kind, (most, most))

"""What a submission may read: Python and its packages, around what is hidden."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

# Shared libraries, time zones and harmless devices, wherever Linux keeps them.
_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64"),
    *("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo"),
    *("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"),
)


def python_roots(packages: Path) -> list[Path]:
    """Files and folders that Python needs, and the folder that torch lies in."""
    paths = sysconfig.get_paths()
    named = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    libraries = [Path(sys.base_prefix) / "lib", Path(sys.base_prefix) / "lib64"]
    return [packages, *map(Path, named), *libraries, *map(Path, _SYSTEM)]


def around(
    roots: Iterable[Path], hidden: Iterable[Path]
) -> tuple[list[Path], list[Path]]:
    """The roots without what is hidden in them.

    Args:
        roots: files and folders; what does not exist is left out. A root inside of
            something hidden stays.
        hidden: files and folders.

    Returns:
        Paths that can be read with all that is beneath them, and folders of which only
        the names within them may be seen.
    """
    closed = [path.resolve() for path in hidden]
    whole: dict[Path, None] = {}
    listed: dict[Path, None] = {}
    waiting = [root.resolve() for root in roots if root.exists()]
    while waiting:
        path = waiting.pop()
        if path in closed or path in whole or path in listed:
            continue
        if any(shut.is_relative_to(path) for shut in closed):
            listed[path] = None
            waiting += [child.resolve() for child in path.iterdir()]
        else:
            whole[path] = None
    return list(whole), list(listed)


def solutions_of(package: Path) -> list[Path]:
    """Where the solutions are: in the package, and beside it in the project."""
    beside = package.parent
    found = [package]
    if (beside / "pyproject.toml").is_file():
        found += [beside / "chapters", beside / "tests", beside / "build"]
    return [path for path in found if path.exists()]

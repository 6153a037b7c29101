"""The import of this package is refused: the solutions are in it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_PACKAGE = "arcvq_lite"


class RefusedImportError(ModuleNotFoundError):
    """Raised where a submission imports this package."""


class _Refuser(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] == _PACKAGE:
            raise RefusedImportError(
                f"{_PACKAGE} cannot be imported while your functions are graded, "
                "since the solutions are in it; write them with torch alone",
                name=fullname,
            )
        return None


def refuse_imports() -> None:
    """From now on this process can import nothing of this package."""
    for name in list(sys.modules):
        if name.partition(".")[0] == _PACKAGE:
            del sys.modules[name]
    sys.meta_path.insert(0, _Refuser())

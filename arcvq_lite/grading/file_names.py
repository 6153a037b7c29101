"""Names of files for names of people, safe on every system and never twice the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

_KEPT = "-_.() "
_LONGEST = 80
_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{d}{n}" for d in ("com", "lpt") for n in "123456789"),
}


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """A file's stem for each name: the name itself wherever that is safe.

    Args:
        names: all different.

    Returns:
        Stems that differ also where capitals do not count.
    """
    safe = {name: _safe(name) for name in names}
    folded: dict[str, int] = {}
    for stem in safe.values():
        folded[stem.casefold()] = folded.get(stem.casefold(), 0) + 1
    return {
        name: stem
        if stem == name and folded[stem.casefold()] == 1
        else f"{stem}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"
        for name, stem in safe.items()
    }


def _safe(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in _KEPT else "_" for c in name)
    short = kept.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore")
    stem = short.strip("-. ") or "unnamed"
    # Windows takes these for devices, whatever stands behind a dot.
    return f"_{stem}" if stem.split(".")[0].casefold() in _DEVICES else stem

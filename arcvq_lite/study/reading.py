"""From a YAML file to `StudyOptions`, or to a refusal that names the key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from arcvq_lite.study.options import (
    ArmOptions,
    ClaimOptions,
    SettingOptions,
    StudyOptions,
)
from arcvq_lite.training.configuration import (
    CONFIGS,
    OptionError,
    read_section,
    read_yaml,
)

T = TypeVar("T")

_SHIPPED = CONFIGS / "studies"


def shipped_studies() -> list[str]:
    """The names of the studies that come with the package."""
    return sorted(path.stem for path in _SHIPPED.glob("*.yaml"))


def read_study(name_or_path: Path) -> StudyOptions:
    """Read a study.

    Every arm's quantizer begins as the section `codebook`, so that no arm repeats
    the size that all of them share.

    Args:
        name_or_path: a shipped study, or the path of a YAML file.

    Raises:
        OptionError: if there is none, a key is unknown, a value has the wrong type
            or is out of its range, or one is missing.
    """
    path = _path_of(name_or_path)
    tree = dict(read_yaml(path))
    arms, claims = (_named_parts(tree, part, path) for part in ("arms", "claims"))
    setting = read_section(SettingOptions, tree, str(path))
    try:
        return StudyOptions(
            name=path.stem,
            setting=setting,
            arms={
                name: _read_arm(part, tree["codebook"], f"{path}, arms.{name}")
                for name, part in arms.items()
            },
            claims={
                name: read_section(ClaimOptions, part, f"{path}, claims.{name}")
                for name, part in claims.items()
            },
        )
    except OptionError:
        raise
    except ValueError as error:
        raise OptionError(f"{path}: {error}") from error


def _read_arm(
    part: Mapping[str, Any], codebook: Mapping[str, Any], origin: str
) -> ArmOptions:
    quantizer = part.get("quantizer") or {}
    if not isinstance(quantizer, Mapping):
        raise OptionError(f"{origin}: quantizer must hold options such as kind: vq")
    merged = {**part, "quantizer": {**codebook, **quantizer}}
    return read_section(ArmOptions, merged, origin)


def _named_parts(
    tree: dict[str, Any], key: str, path: Path
) -> dict[str, Mapping[str, Any]]:
    """What stands under `arms` or `claims`, taken out of the tree."""
    if key not in tree:
        near = difflib.get_close_matches(key, tree, n=1)
        hint = f"; did you mean it by {near[0]}?" if near else ""
        raise OptionError(f"{path}: the section {key} is missing{hint}")
    parts = tree.pop(key)
    if not isinstance(parts, Mapping) or not parts:
        raise OptionError(f"{path}: {key} must hold one or more by name")
    for name, part in parts.items():
        if not isinstance(name, str) or not name.replace("_", "").isalnum():
            raise OptionError(
                f"{path}: {key}.{name} must be named with letters, digits and _, "
                "since files are named after it"
            )
        if not isinstance(part, Mapping):
            raise OptionError(f"{path}: {key}.{name} must hold options, got {part!r}")
    return dict(parts)


def _path_of(name: Path) -> Path:
    if name.is_file():
        return name
    if str(name) in shipped_studies():
        return _SHIPPED / f"{name}.yaml"
    near = difflib.get_close_matches(str(name), shipped_studies(), n=1)
    hint = f"did you mean {near[0]}?" if near else ", ".join(shipped_studies())
    raise OptionError(f"{name} is no file, and no shipped study; {hint}")

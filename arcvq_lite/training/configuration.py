"""From a YAML file and the command line to `TrainOptions`, or to a clear refusal."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml  # type: ignore[import-untyped]
from jsonargparse import ArgumentError, ArgumentParser

from arcvq_lite.training.options import TrainOptions

T = TypeVar("T")

CONFIGS = Path(__file__).parents[1] / "configs"


class OptionError(ValueError):
    """Options that describe no run; the message names the key."""


def shipped() -> list[str]:
    """The names of the configurations that come with the package."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def parse_options(words: Sequence[str], program: str = "arcvq train") -> TrainOptions:
    """Read options as they are typed: `--config`, then what overrides it.

    `--help` and `--print_config` write to the standard output and leave with
    SystemExit, as jsonargparse does.

    Args:
        words: such as `--config cifar10_vqvae --run.steps 100`; a configuration is
            the name of a shipped one, or the path of a YAML file.
        program: what the help calls the program.

    Raises:
        OptionError: if a key is unknown, a value has the wrong type or is out of its
            range, or one is missing; the key is named, and of an unknown one the
            nearest that exists.
    """
    named = [_with_shipped_path(word, before) for word, before in _pairs(words)]
    for path in _configurations(named):
        _check_keys(read_yaml(path), str(path), TrainOptions)
    _check_words(named)
    parser = _parser(program)
    try:
        tree = parser.parse_args(named).as_dict()
        return _built(TrainOptions, tree)
    except ArgumentError as error:
        raise OptionError(_shortened(str(error))) from error
    except ValueError as error:
        raise OptionError(str(error)) from error


def read_section(kind: type[T], tree: Mapping[str, Any], origin: str) -> T:
    """Read one dataclass from a part of a YAML file, refused as `parse_options` does.

    Args:
        kind: what to read; its sections are dataclasses too.
        tree: the part, as YAML gives it.
        origin: what a refusal calls it, such as the file and the key above.

    Raises:
        OptionError: as `parse_options`.
    """
    _check_keys(tree, origin, kind)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, sub_configs=False)
    try:
        return _built(kind, parser.parse_object(dict(tree)).as_dict())
    except ArgumentError as error:
        raise OptionError(f"{origin}: {_shortened(str(error))}") from error
    except ValueError as error:
        raise OptionError(f"{origin}: {error}") from error


def read_yaml(path: Path) -> Mapping[str, Any]:
    """The sections of a YAML file.

    Raises:
        OptionError: if it is no YAML, or holds no sections.
    """
    try:
        tree = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise OptionError(f"{path} is no YAML: {error}") from error
    if not isinstance(tree, Mapping):
        raise OptionError(f"{path} must hold sections such as data: and run:")
    return tree


def to_yaml(options: TrainOptions) -> str:
    """The options as the YAML that `parse_options` reads."""
    plain = json.loads(json.dumps(dataclasses.asdict(options)))
    text: str = yaml.safe_dump(plain, sort_keys=False)
    return text


def flattened(options: TrainOptions) -> dict[str, object]:
    """Every option under its dotted name; an absent section is one None."""
    return dict(_leaves(dataclasses.asdict(options)))


def _built(kind: type[T], tree: Mapping[str, Any]) -> T:
    """The dataclass of values that jsonargparse has checked, sections and all."""
    hints = typing.get_type_hints(kind)
    values = {}
    for name, hint in hints.items():
        section, value = _dataclass_in(hint), tree[name]
        values[name] = value if not section or value is None else _built(section, value)
    return kind(**values)


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _parser(program: str) -> ArgumentParser:
    parser = ArgumentParser(
        prog=program,
        description="Train a VQ-VAE, a VQGAN, a hyperspherical VAE or a prior. "
        "Shipped: " + ", ".join(shipped()),
        exit_on_error=False,
    )
    parser.add_argument(
        "--config", action="config", help="a shipped configuration, or a YAML file"
    )
    parser.add_class_arguments(TrainOptions, sub_configs=False)
    return parser


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each word with the one before it."""
    yield from zip(words, ["", *words], strict=False)


def _with_shipped_path(word: str, before: str) -> str:
    if before == "--config":
        return str(_path_of(word))
    if word.startswith("--config="):
        return f"--config={_path_of(word.removeprefix('--config='))}"
    return word


def _path_of(name: str) -> Path:
    """The file of a configuration.

    Raises:
        OptionError: if there is none.
    """
    path = Path(name)
    if path.is_file():
        return path
    if name in shipped():
        return CONFIGS / f"{name}.yaml"
    near = difflib.get_close_matches(name, shipped(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"shipped are {', '.join(shipped())}"
    raise OptionError(f"--config {name} is no file, and no shipped one; {hint}")


def _configurations(words: Sequence[str]) -> list[Path]:
    return [
        Path(word.removeprefix("--config="))
        for word, before in _pairs(words)
        if before == "--config" or word.startswith("--config=")
    ]


def _check_keys(
    tree: Mapping[str, Any], origin: str, kind: type, above: str = ""
) -> None:
    for key, value in tree.items():
        name = f"{above}{key}"
        inside = _resolve(name, origin, kind)
        if inside is not None and isinstance(value, Mapping):
            _check_keys(value, origin, kind, f"{name}.")


def _check_words(words: Sequence[str]) -> None:
    for word, before in _pairs(words):
        name = word.removeprefix("--").partition("=")[0].removesuffix(".help")
        known = name in ("config", "print_config", "help")
        if word.startswith("--") and before != "--config" and not known:
            _resolve(name, "the command line", TrainOptions)


def _resolve(name: str, origin: str, kind: type) -> type | None:
    """The dataclass that a key of `kind` means; None for a key that holds a value.

    Raises:
        OptionError: if there is no such key.
    """
    section: type | None = kind
    walked = ""
    for part in name.split("."):
        hints = typing.get_type_hints(section) if section else {}
        if part not in hints:
            near = difflib.get_close_matches(part, hints, n=1, cutoff=0.4)
            if near:
                hint = f"did you mean {walked}{near[0]}?"
            elif hints:
                hint = f"{walked or 'a run'} has {', '.join(hints)}"
            else:
                hint = f"{walked.rstrip('.')} holds a value"
            raise OptionError(f"{origin}: there is no option {name}; {hint}")
        section = _dataclass_in(hints[part])
        walked += f"{part}."
    return section


def _dataclass_in(hint: object) -> type | None:
    for kind in (hint, *typing.get_args(hint)):
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            return kind
    return None


def _shortened(message: str) -> str:
    """What jsonargparse says of a wrong value, with the whole key and no type tree."""
    keys = re.findall(r'Parser key "([^"]+)"', message)
    kinds = re.findall(
        r"Expected an? (?:<class '(\w+)'>|typing\.(\S.*?)\. Got)", message
    )
    value = re.search(r"(?:Got|Given) value: (.+)", message)
    if not (keys and kinds and value):
        return " ".join(message.split())
    wanted = ["null" if kind == "NoneType" else kind or other for kind, other in kinds]
    if len(keys) > 1:  # the last alternative is the section's own
        wanted = wanted[:-1]
    return f"{'.'.join(keys)}={value[1]} must be of the type {' or '.join(wanted)}"

"""A task of A4: a checkpoint that is whole whatever happens while it is written."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.check.examinee import CannotBeTriedError, Examinee, Value
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError

_LARGEST_FILE = 4_000_000


def _state(step: int, generator: torch.Generator) -> dict[str, Any]:
    return {
        "step": step,
        "model": {"codebook": torch.randn(32, 8, generator=generator)},
        "moments": [torch.rand(300, generator=generator), torch.arange(40) + step],
        "schedule": {"kind": "growing", "alpha": 3e-4},
        "note": None,
    }


def _path(examinee: Examinee) -> Path:
    return examinee.folder / "checkpoint.pt"


def _comes_back(examinee: Examinee, generator: torch.Generator) -> None:
    path = _path(examinee)
    for step in (7, 8):
        state = _state(step, generator)
        examinee.call("save_checkpoint", state, str(path))
        when = "the first save" if step == 7 else "a second save over the first"
        found = _read(path, f"After {when}")
        if not _equal(found, state):
            if isinstance(found, dict) and found.get("step") == step - 1:
                raise WrongAnswerError(
                    "After a second save the file still holds the first state."
                )
            raise WrongAnswerError(
                f"After {when} the file does not hold what was saved: tensors, numbers "
                "and the nest they lie in should come back alike."
            )


def _survives_a_full_disk(examinee: Examinee, generator: torch.Generator) -> None:
    path = _path(examinee)
    old, new = _state(7, generator), _state(8, generator)
    examinee.call("save_checkpoint", old, str(path))
    size = len(_content(path, "After a save"))
    for room in (size - 1, size // 2, 64):
        done = examinee.call_short_of_space(room, "save_checkpoint", new, str(path))
        where = f"With room for {room} of {size} bytes"
        if not path.exists():
            raise WrongAnswerError(f"{where} the old checkpoint is gone as well.")
        found = _read(path, where)
        if not _equal(found, old):
            raise WrongAnswerError(
                f"{where} the old checkpoint does not come back as it was."
            )
        if done:
            raise WrongAnswerError(
                f"{where} nothing was saved, and your function returned as if all were "
                "well. Let the error out."
            )
    # An error that is raised, where the grader's full disk ends the process.
    nowhere = examinee.folder / "missing" / path.name
    given = new, str(nowhere)
    done = examinee.call_short_of_space(_LARGEST_FILE, "save_checkpoint", *given)
    if done and not nowhere.is_file():
        raise WrongAnswerError(
            "In a folder that is not there nothing was saved, and your function "
            "returned as if all were well. Let the error out."
        )


def _replaces_in_one_act(examinee: Examinee, generator: torch.Generator) -> None:
    if os.name == "nt":
        raise CannotBeTriedError(
            "your system lets nobody replace a file that is being read"
        )
    path = _path(examinee)
    old, new = _state(7, generator), _state(8, generator)
    torch.save(old, path)
    # Whoever has the old file open keeps it when its name is given to another file,
    # and loses it when it is written over.
    with path.open("rb", buffering=0) as reader:
        before = reader.read()
        examinee.call("save_checkpoint", new, str(path))
        reader.seek(0)
        if reader.read(len(before) + 1) != before:
            raise WrongAnswerError(
                "The new checkpoint is written into the file of the old one, at least "
                "at the end: somebody who is reading the old one finds it changed, and "
                "between the two there is half a checkpoint."
            )
    if not _equal(_read(path, "After the save"), new):
        raise WrongAnswerError("After the save the new state is not in its place.")


def _leaves_nothing(examinee: Examinee, generator: torch.Generator) -> None:
    path = _path(examinee)
    before = set(os.listdir(examinee.folder))
    for step in (7, 8):
        examinee.call("save_checkpoint", _state(step, generator), str(path))
    after = set(os.listdir(examinee.folder))
    if path.name not in after:
        raise WrongAnswerError(f"After two saves there is no file {path.name!r}.")
    left = sorted(after - before - {path.name})
    if left:
        raise WrongAnswerError(
            f"After two saves there lies beside the checkpoint: {left[:3]}."
        )


def _content(path: Path, when: str) -> bytes:
    """What is in the file, of which nothing is trusted: a submission made it.

    Raises:
        WrongAnswerError: if it is missing, a link, a pipe or a folder, or large.
    """
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | careful)
    except FileNotFoundError:
        raise WrongAnswerError(f"{when} there is no file {path.name!r}.") from None
    except OSError as error:
        raise WrongAnswerError(f"{when} {path.name!r} is no ordinary file.") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise WrongAnswerError(f"{when} {path.name!r} is no ordinary file.")
        content = file.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise WrongAnswerError(f"{when} {path.name!r} is far larger than the state.")
    return content


def _read(path: Path, when: str) -> Value:
    """What the file holds, if that is plain values in a file of `torch.save`.

    Raises:
        WrongAnswerError: if it is not.
    """
    content = io.BytesIO(_content(path, when))
    try:
        with zipfile.ZipFile(content) as file:
            unpacked = sum(entry.file_size for entry in file.infolist())
        if unpacked <= _LARGEST_FILE:
            content.seek(0)
            return torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WrongAnswerError(
            f"{when} torch.load(path, weights_only=True) cannot read {path.name!r} "
            f"({type(error).__name__}): it is half a file, none of torch.save, or "
            "holds more than plain values."
        ) from error
    raise WrongAnswerError(f"{when} {path.name!r} is far larger than the state.")


def _equal(found: Value, wanted: Value) -> bool:
    """Whether two nests of plain values are alike to the last bit."""
    if isinstance(wanted, Tensor):
        alike = isinstance(found, Tensor) and found.shape == wanted.shape
        return alike and found.dtype == wanted.dtype and torch.equal(found, wanted)
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(_equal(found[key], wanted[key]) for key in wanted)
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(found, list | tuple)
            and len(found) == len(wanted)
            and all(map(_equal, found, wanted))
        )
    return type(found) is type(wanted) and bool(found == wanted)


SAVE_CHECKPOINT = Task(
    function="save_checkpoint",
    title="The old one or the new one",
    difficulty=2,
    minutes=40,
    parts=(
        Part(5, "saves what can be loaded again", _comes_back),
        Part(7, "keeps the old file whole on a full disk", _survives_a_full_disk),
        Part(4, "replaces the old file in one act", _replaces_in_one_act),
        Part(4, "leaves nothing beside it", _leaves_nothing),
    ),
)

"""CheckpointStore: a run's state on disk, whole or not there at all."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import pickle
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from arcvq_lite.training.durable import write_durably
from arcvq_lite.written_aside import sync_folder

_MANIFEST = "manifest.json"
_PREFIX = "step-"
_UNFINISHED = f".{_PREFIX}"
# Windows has no quota of its own number.
_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written or read; the message says what still stands."""


class DamagedCheckpointError(CheckpointError):
    """A checkpoint is not what was saved."""


class Checkpoint(NamedTuple):
    """A state that was read back.

    Attributes:
        step: the number of the next step to train.
        state: what was saved, by name; tensors lie on the CPU.
        damaged: of each newer checkpoint that was passed over, its name and why.
    """

    step: int
    state: dict[str, Any]
    damaged: tuple[str, ...]


class CheckpointStore:
    """Checkpoints `step-00000123` in a folder, the newest `keep` of them.

    Saving writes into a hidden folder beside them, syncs every file and the folder,
    and renames it; only then is an older checkpoint removed. So whatever stops the
    process, at any moment, finds the checkpoint before this one whole. A manifest
    holds the SHA-256 of each file. Files hold tensors, numbers, text and plain
    containers alone: reading one executes nothing.

    Args:
        folder: where they lie; made when the first is saved.
        keep: how many to leave, at least 1. With 2, one may be damaged.

    Raises:
        ValueError: if `keep` is below 1.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        if keep < 1:
            raise ValueError(f"keep={keep} must be at least 1")
        self.folder = folder
        self.keep = keep
        self._damaged: set[str] = set()

    def steps(self) -> list[int]:
        """The steps of the finished checkpoints, whole or damaged, ascending."""
        if not self.folder.is_dir():
            return []
        names = (path.name.removeprefix(_PREFIX) for path in self._finished())
        return sorted(int(name) for name in names if name.isdecimal())

    def save(self, step: int, state: Mapping[str, object]) -> Path:
        """Write a state, then remove what it makes superfluous.

        Args:
            step: the number of the next step to train.
            state: what to save; each entry becomes a file of its name.

        Returns:
            The folder of the checkpoint.

        Raises:
            CheckpointError: if it cannot be written, as on a full disk; the
                checkpoints before it stand untouched.
        """
        final = self.folder / f"{_PREFIX}{step:08d}"
        unfinished = self.folder / f"{_UNFINISHED}{step:08d}.{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_unfinished()
            unfinished.mkdir()
            hashes = {
                name: _write(unfinished / f"{name}.pt", part)
                for name, part in state.items()
            }
            manifest = {"format": 1, "step": step, "sha256": hashes}
            text = json.dumps(manifest, indent=1) + "\n"
            write_durably(unfinished / _MANIFEST, text.encode())
            sync_folder(unfinished)
            if final.exists():  # damaged, since a whole one would have been resumed
                final.rename(self.folder / f"{_UNFINISHED}{step:08d}.replaced")
            unfinished.rename(final)
            sync_folder(self.folder)
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise CheckpointError(self._not_saved(step, error)) from error
        self._damaged.discard(final.name)
        self._remove_superfluous()
        return final

    def load(self, step: int, only: Collection[str] | None = None) -> dict[str, Any]:
        """Read one checkpoint.

        Args:
            step: of `steps`.
            only: the entries to read; None reads all.

        Returns:
            The entries by name; tensors lie on the CPU.

        Raises:
            DamagedCheckpointError: if it is not what was saved, saying in what.
        """
        return _read(self.folder / f"{_PREFIX}{step:08d}", step, only)

    def load_latest(self, only: Collection[str] | None = None) -> Checkpoint | None:
        """Read the newest checkpoint that is whole.

        Args:
            only: the entries to read, for one who needs the weights alone; None
                reads all.

        Returns:
            The checkpoint, or None if there has never been one.

        Raises:
            CheckpointError: if there are checkpoints and every one is damaged.
        """
        damaged: list[str] = []
        for step in reversed(self.steps()):
            path = self.folder / f"{_PREFIX}{step:08d}"
            try:
                state = self.load(step, only)
            except DamagedCheckpointError as error:
                damaged.append(f"{path.name} is damaged: {error}")
                self._damaged.add(path.name)
            else:
                return Checkpoint(step, state, tuple(damaged))
        if damaged:
            raise CheckpointError(
                f"no checkpoint in {self.folder} is whole: {'; '.join(damaged)}; "
                "put a copy of one back, or train into another folder"
            )
        return None

    def _finished(self) -> list[Path]:
        return [path for path in self.folder.glob(f"{_PREFIX}*") if path.is_dir()]

    def _remove_unfinished(self) -> None:
        for path in self.folder.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(path)

    def _remove_superfluous(self) -> None:
        """Remove the oldest beyond `keep`, and those that were found damaged."""
        for name in sorted(self._damaged):
            self._discard(self.folder / name)
        self._damaged.clear()
        for step in self.steps()[: -self.keep]:
            self._discard(self.folder / f"{_PREFIX}{step:08d}")
        self._remove_unfinished()

    def _discard(self, path: Path) -> None:
        # Renamed first: a half-removed folder must not look like a checkpoint.
        gone = path.with_name(f".{path.name}.superfluous")
        path.rename(gone)
        shutil.rmtree(gone)

    def _not_saved(self, step: int, error: OSError) -> str:
        stands = [f"{_PREFIX}{found:08d}" for found in self.steps()]
        remedy = (
            "make room on the disk and start again"
            if error.errno in _NO_ROOM
            else "start again when the folder can be written"
        )
        rest = f"{stands[-1]} stands" if stands else "there was none before it"
        return (
            f"the checkpoint of step {step} was not saved in {self.folder} ({error}); "
            f"{rest}; {remedy}"
        )


def _write(path: Path, part: object) -> str:
    """Write one entry, and return the SHA-256 of what was meant to be written."""
    buffer = io.BytesIO()
    torch.save(part, buffer)
    content = buffer.getbuffer()
    write_durably(path, content)
    return hashlib.sha256(content).hexdigest()


def _read(folder: Path, step: int, only: Collection[str] | None) -> dict[str, Any]:
    """The entries of a checkpoint, every file compared with its hash.

    Raises:
        DamagedCheckpointError: saying which file, and in what way.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        if manifest["step"] != step:
            raise DamagedCheckpointError(
                f"{_MANIFEST} speaks of step {manifest['step']}"
            )
        hashes: dict[str, str] = dict(manifest["sha256"])
    except FileNotFoundError:
        raise DamagedCheckpointError(f"{_MANIFEST} is missing") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedCheckpointError(f"{_MANIFEST} cannot be read ({error})") from error
    wanted = [name for name in hashes if only is None or name in only]
    return {name: _read_entry(folder / f"{name}.pt", hashes[name]) for name in wanted}


def _read_entry(path: Path, expected: str) -> Any:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedCheckpointError(
            f"{path.name} cannot be read ({error.strerror})"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise DamagedCheckpointError(
            f"{path.name} has SHA-256 {found[:12]}…, saved was {expected[:12]}…"
        )
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        # The hash is right, so somebody wrote it so: what it holds is not ours.
        reason = str(error).splitlines()[0]
        raise DamagedCheckpointError(
            f"{path.name} is not a saved state ({reason})"
        ) from error

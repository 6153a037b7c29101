"""Scalars, pictures and code counts for TensorBoard, beside the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor


class Board(Protocol):
    """Where a run shows itself besides its log."""

    def row(self, row: Mapping[str, object]) -> None:
        """Show the numbers of a logged step."""

    def pictures(
        self, step: int, pictures: Mapping[str, Tensor], counts: Tensor | None
    ) -> None:
        """Show pictures (3, height, width) uint8 by name, and counts of codes (K,).

        The counts are None of a model without codes.
        """

    def close(self) -> None:
        """Write what is pending."""


class NoBoard:
    """Shows nothing."""

    def row(self, row: Mapping[str, object]) -> None:
        """See `Board`."""

    def pictures(
        self, step: int, pictures: Mapping[str, Tensor], counts: Tensor | None
    ) -> None:
        """See `Board`."""

    def close(self) -> None:
        """See `Board`."""


class TensorBoard:
    """Event files in `tensorboard/` of the run's folder.

    Args:
        folder: of the run.
        step: where it begins; events of a killed run from there on are hidden.

    Raises:
        ModuleNotFoundError: if the tensorboard package is missing.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def row(self, row: Mapping[str, object]) -> None:
        """See `Board`."""
        for name, value in row.items():
            if isinstance(value, float):
                self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()

    def pictures(
        self, step: int, pictures: Mapping[str, Tensor], counts: Tensor | None
    ) -> None:
        """See `Board`."""
        for name, picture in pictures.items():
            self._writer.add_image(name, picture, step)
        if counts is None:
            return
        codes = torch.arange(len(counts)).repeat_interleave(counts)
        self._writer.add_histogram("codes", codes, step, bins=len(counts))

    def close(self) -> None:
        """See `Board`."""
        self._writer.close()


def open_board(folder: Path, step: int, say: Callable[[str], None]) -> Board:
    """TensorBoard where its package is there, and else a word that it is not."""
    try:
        return TensorBoard(folder, step)
    except ModuleNotFoundError:
        say(
            "run.tensorboard needs the tensorboard package, which is missing: install "
            '"arcvq-lite[scale]"; the log goes on without it'
        )
        return NoBoard()

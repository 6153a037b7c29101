"""Report: what a run shows of itself, at the steps at which it is due."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from arcvq_lite.data.batches import Batch
from arcvq_lite.layout import NonFiniteLatentsError
from arcvq_lite.models import Autoencoder, HypersphericalVAE
from arcvq_lite.training.console import Console
from arcvq_lite.training.divergence import DivergenceError
from arcvq_lite.training.log import RunLog
from arcvq_lite.training.options import TrainOptions
from arcvq_lite.training.pictures import (
    show_code_use,
    show_reconstructions,
    write_png,
)
from arcvq_lite.training.processes import Processes
from arcvq_lite.training.state import RunState
from arcvq_lite.training.tensorboard import Board, NoBoard, open_board
from arcvq_lite.usage import codebook_sizes, codebook_use, count_codes

PICTURES = "pictures"

Say = Callable[[str], None]


class _Seen(NamedTuple):
    """What an autoencoder makes of a batch.

    Attributes:
        reconstructions: of some of this rank's images (b, C, H, W).
        counts: of the codes over all ranks, int64 (K,); None of a model without codes.
        codebooks: G, of which each token takes one code.
    """

    reconstructions: Tensor
    counts: Tensor | None
    codebooks: int


class Report:
    """Writes the log, the pictures and the bar; every rank calls it.

    Args:
        options: of the run.
        processes: the ranks; the first one writes.
        log: the first rank's, None on the others.
        board: besides the log.
        console: the bar.
        say: takes a line for the user.
    """

    def __init__(
        self,
        options: TrainOptions,
        processes: Processes,
        log: RunLog | None,
        board: Board,
        console: Console,
        say: Say,
    ) -> None:
        self._options = options
        self._processes = processes
        self._log = log
        self._board = board
        self._console = console
        self.say = say

    def settled_length(self) -> int:
        """The bytes of the log, once they are on the disk; asked on the first rank."""
        return self._log.settled_length() if self._log else 0

    def step(
        self, state: RunState, step: int, batch: Batch, terms: dict[str, Tensor]
    ) -> None:
        """A step is done: show of it what is due.

        Args:
            state: after the step.
            step: its number.
            batch: this rank's part.
            terms: of the losses, on this rank.
        """
        run = self._options.run
        self._console.step()
        log_due = step % run.log_every == 0 or step == run.steps - 1
        pictures_due = step % run.picture_every == 0 or step == run.steps - 1
        if not (log_due or pictures_due):
            return
        autoencoder = state.recipe.autoencoder
        seen = None if autoencoder is None else self._look(autoencoder, batch)
        if log_due:
            use = {} if seen is None else _use_of(seen)
            self._write_row(state, step, batch, terms, use)
        if pictures_due and seen is not None:
            self._write_pictures(step, batch.images, seen)

    @torch.no_grad()
    def _look(self, autoencoder: Autoencoder, batch: Batch) -> _Seen:
        """Reconstructions of this rank's images, and all ranks' counts of codes (K,).

        In eval mode: looking changes nothing, and draws nothing.

        Raises:
            DivergenceError: on every rank, if one has latents that are no numbers.
        """
        autoencoder.eval()
        # Not more at a time than a step takes.
        size = -(-len(batch.images) // self._options.run.accumulate)
        device = self._processes.device
        outputs: list[Any] = []
        with suppress(NonFiniteLatentsError):
            parts = batch.images.to(device).split(size)
            outputs = [autoencoder(part) for part in parts]
        autoencoder.train()
        [blind] = self._processes.any_rank(not outputs)
        if blind:
            raise DivergenceError("the latents are not finite after the update")
        reconstructions = outputs[0].reconstruction
        if isinstance(autoencoder, HypersphericalVAE):
            return _Seen(reconstructions, counts=None, codebooks=0)
        indices = torch.cat([output.quantized.indices for output in outputs])
        sizes = codebook_sizes(autoencoder.quantizer.num_codes)
        counts = count_codes(indices, autoencoder.quantizer.num_codes)
        return _Seen(reconstructions, self._processes.sum(counts), len(sizes))

    def _write_row(
        self,
        state: RunState,
        step: int,
        batch: Batch,
        terms: dict[str, Tensor],
        use: dict[str, float],
    ) -> None:
        """One row, of numbers over all ranks."""
        means = self._processes.mean(terms)
        samples = self._processes.gather(batch.indices)
        substituted = self._processes.sum(torch.tensor(state.substituted))
        row: dict[str, Any] = {
            "step": step,
            "images": (step + 1) * self._options.data.batch_size,
            **means,
            **use,
            "substituted": int(substituted),
            "samples": digest(torch.cat(samples)),
        }
        if self._log is not None:
            clock = {"step": step, **self._console.clock(row)}
            self._log.append(row, clock)
            self._board.row(row)

    def _write_pictures(self, step: int, images: Tensor, seen: _Seen) -> None:
        if not self._processes.first:
            return
        shown = {"reconstructions": show_reconstructions(images, seen.reconstructions)}
        if seen.counts is not None:
            shown["codes"] = show_code_use(seen.counts)
        folder = Path(self._options.run.folder) / PICTURES
        for name, picture in shown.items():
            write_png(folder / f"{name}-{step:08d}.png", picture)
        self._board.pictures(step, shown, seen.counts)


@contextmanager
def open_report(
    options: TrainOptions, processes: Processes, first: int, log_bytes: int, say: Say
) -> Iterator[Report]:
    """Open what a run writes to, and close it whatever happens.

    Args:
        options: of the run.
        processes: the ranks.
        first: the step that it begins at.
        log_bytes: of the log that belong to the steps before.
        say: takes a line for the user.

    Raises:
        LogError: if the log is shorter than that.
    """
    run = options.run
    folder = Path(run.folder)
    opened: list[RunLog] = []
    processes.by_first(lambda: opened.append(RunLog(folder, log_bytes)))
    board: Board = NoBoard()
    if processes.first and run.tensorboard:
        board = open_board(folder, first, say)
    console = Console(
        first, run.steps, options.data.batch_size, processes.device, processes.first
    )
    log = opened[0] if opened else None
    try:
        yield Report(options, processes, log, board, console, say)
    finally:
        console.close()
        board.close()
        if log is not None:
            log.close()


def _use_of(seen: _Seen) -> dict[str, float]:
    if seen.counts is None:
        return {}
    use = codebook_use(seen.counts, seen.codebooks)
    return {name: use[name].item() for name in ("usage", "perplexity")}


def digest(samples: Tensor) -> str:
    """Twelve digits that tell which images a batch held, in which order."""
    content = samples.to(torch.int64).numpy().astype("<i8").tobytes()
    return hashlib.sha256(content).hexdigest()[:12]

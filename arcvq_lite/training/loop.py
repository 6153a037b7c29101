"""train: the loop, from the first step or from where a checkpoint left it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from arcvq_lite.data.batches import Batch
from arcvq_lite.kept_memory import freed_memory_kept
from arcvq_lite.training.checkpoint import Checkpoint, CheckpointStore
from arcvq_lite.training.divergence import DivergenceError
from arcvq_lite.training.durable import replace_durably
from arcvq_lite.training.hold import hold
from arcvq_lite.training.images import TrainingImages, open_images
from arcvq_lite.training.interruption import Interruption, noticed
from arcvq_lite.training.loss_watch import LossWatch
from arcvq_lite.training.options import TrainOptions
from arcvq_lite.training.processes import Processes, joined
from arcvq_lite.training.recipes import build_recipe
from arcvq_lite.training.report import Report, open_report
from arcvq_lite.training.run_folder import settle_options, store_of
from arcvq_lite.training.state import RunState, running_mean
from arcvq_lite.training.tokens import TokensInMemory, open_tokens

FINISHED = 0
REQUEUE = 75  # EX_TEMPFAIL: a scheduler that is told so starts the run again

Say = Callable[[str], None]


def train(options: TrainOptions, say: Say = lambda line: None) -> int:
    """Train a run to its end, going on from its newest whole checkpoint.

    Under torchrun every process calls it. A step is one batch over all of them.

    Args:
        options: of the run.
        say: takes a line for the user, from the first rank.

    Returns:
        `FINISHED`, or `REQUEUE` if SIGTERM or Ctrl-C came: then the step in hand
        was finished and saved, and the same call goes on from there.

    Raises:
        ValueError: if the options do not fit the images, the processes or the run
            that the folder holds.
        FolderInUseError: if another process trains in the folder.
        CheckpointError: if a checkpoint cannot be written, or none can be read.
        DivergenceError: on every rank, before the update, if a loss is not finite.
        TooManySubstitutesError: if too many images cannot be decoded.
    """
    run = options.run
    folder = Path(run.folder)
    with ExitStack() as stack:
        patience = timedelta(seconds=run.patience_s)
        processes = stack.enter_context(joined(run.device, patience))
        _share_of_batch(options, processes)
        interruption = stack.enter_context(noticed())
        processes.by_first(lambda: stack.enter_context(hold(folder)))
        speak = say if processes.first else _silent

        examples = _open_set(options, processes)
        store = store_of(folder, run.keep)
        watch = LossWatch(processes)
        state = _new_state(options, examples, processes, watch)
        first, log_bytes = _resume(options, state, store, speak)
        report = stack.enter_context(
            open_report(options, processes, first, log_bytes, speak)
        )
        stack.enter_context(freed_memory_kept())
        return _run(options, state, watch, store, report, interruption, first)


def _run(
    options: TrainOptions,
    state: RunState,
    watch: LossWatch,
    store: CheckpointStore,
    report: Report,
    interruption: Interruption,
    first: int,
) -> int:
    """Steps `first` … `run.steps` − 1."""
    run, processes, recipe = options.run, state.processes, state.recipe
    wanted = recipe.networks[recipe.wanted]
    batches = state.images.batches(first, processes.rank, processes.world_size)
    # The steps come first: past the last one no further batch is read.
    for step, batch in zip(range(first, run.steps), batches, strict=False):
        parts = _parts(batch.images, options, processes)
        done = step + 1
        try:
            terms = watch.during(partial(recipe.update, parts, step))
            if state.average is not None:
                state.average.update_parameters(wanted)
            state.substituted += batch.substituted
            report.step(state, step, batch, terms)
            [stop] = processes.any_rank(interruption.requested)
            if done % run.save_every == 0 or done == run.steps or stop:
                watch.check_weights(wanted)
                _save(state, store, report, done)
        except DivergenceError as error:
            raise _recorded(options, state, watch, step, batch, error) from error
        if stop and done < run.steps:
            report.say(f"stopped as asked after step {step}; it is saved")
            return REQUEUE
    return FINISHED


def _open_set(
    options: TrainOptions, processes: Processes
) -> TrainingImages | TokensInMemory:
    """Images or tokens, after the first rank has fetched what has to be fetched."""
    opened: list[TrainingImages | TokensInMemory] = []
    open_source = open_images if options.prior is None else open_tokens

    def open_here() -> None:
        opened.append(open_source(options.data))

    processes.by_first(open_here)
    if not processes.first:
        open_here()
    return opened[0]


def _new_state(
    options: TrainOptions,
    examples: TrainingImages | TokensInMemory,
    processes: Processes,
    watch: LossWatch,
) -> RunState:
    """A run as it is before its first step."""
    recipe = build_recipe(options, examples, processes, watch)
    decay = options.run.ema_decay
    wanted = recipe.networks[recipe.wanted]
    average = None if decay is None else running_mean(wanted, decay)
    state = RunState(recipe, average, processes, options.run.seed, examples)
    state.begin()
    return state


def _resume(
    options: TrainOptions, state: RunState, store: CheckpointStore, say: Say
) -> tuple[int, int]:
    """Put the newest whole checkpoint back, if there is one.

    Returns:
        The next step, and the bytes of the log that belong to the steps before it.
    """
    folder = Path(options.run.folder)

    read: list[Checkpoint] = []

    def find() -> int | None:
        settle_options(folder, options, begun=bool(store.steps()))
        found = store.load_latest()
        if found is None:
            return None
        for line in found.damaged:
            say(f"{line}; passed over")
        read.append(found)
        return found.step

    step = state.processes.by_first(find)
    if step is None:
        say(f"{folder}: a new run of {options.run.steps} steps")
        return 0, 0
    saved = read[0].state if read else store.load(step)
    state.restore(saved, step)
    say(f"{folder}: goes on at step {step} of {options.run.steps}")
    log_bytes: int = saved["progress"]["log_bytes"]
    return step, log_bytes


def _save(state: RunState, store: CheckpointStore, report: Report, step: int) -> None:
    """Save the state before step `step`; every rank takes part."""
    processes = state.processes
    substituted = int(processes.sum(torch.tensor(state.substituted)))
    log_bytes = processes.by_first(report.settled_length)
    saved = state.collect(substituted, log_bytes)
    processes.by_first(lambda: (store.save(step, saved), None)[1])


def _share_of_batch(options: TrainOptions, processes: Processes) -> int:
    """Images of a part on a rank.

    Raises:
        ValueError: if the batch does not divide.
    """
    accumulate, size = options.run.accumulate, options.data.batch_size
    share = processes.world_size * accumulate
    if size % share:
        raise ValueError(
            f"data.batch_size={size} must be a multiple of {processes.world_size} "
            f"processes × run.accumulate={accumulate}"
        )
    return size // share


def _parts(
    images: Tensor, options: TrainOptions, processes: Processes
) -> tuple[Tensor, ...]:
    """This rank's images or sequences of a batch, on the device, in their parts."""
    memory_format = (
        torch.channels_last if options.run.channels_last else torch.contiguous_format
    )
    placed = images.to(processes.device, non_blocking=True, memory_format=memory_format)
    parts: tuple[Tensor, ...] = placed.split(_share_of_batch(options, processes))
    return parts


def _recorded(
    options: TrainOptions,
    state: RunState,
    watch: LossWatch,
    step: int,
    batch: Batch,
    error: DivergenceError,
) -> DivergenceError:
    """Leave in the run's folder what every rank had in hand; the error to raise."""
    finding = watch.finding(error)
    own = {
        "rank": state.processes.rank,
        "reason": finding.reason,
        # JSON has no word for NaN or infinity.
        "terms": {name: str(value) for name, value in finding.terms.items()},
        "samples": batch.indices.tolist(),
        "names": [state.images.name(index) for index in batch.indices.tolist()],
    }
    ranks = state.processes.gather(own)
    path = Path(options.run.folder) / f"diverged-{step:08d}.json"
    content = json.dumps({"step": step, "ranks": ranks}, indent=1).encode() + b"\n"
    state.processes.by_first(lambda: replace_durably(path, content))
    return DivergenceError(
        f"step {step}: {error}; terms and samples are in {path}, and the last "
        "checkpoint stands; try a lower learning rate, or optimizer.clip"
    )


def _silent(line: str) -> None:
    """Say nothing: the first rank does."""

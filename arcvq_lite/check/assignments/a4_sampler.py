"""A task of A4: which images a rank has still to read in an epoch."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import torch
from torch import Tensor

from arcvq_lite.check.examinee import Examinee, NotAttemptedError, Value
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError

Batches = list[list[int]]


class _Epoch(NamedTuple):
    """What a sampler is asked."""

    size: int
    seed: int
    epoch: int = 0
    rank: int = 0
    world_size: int = 1
    batch: int = 4
    start: int = 0

    def ask(self, examinee: Examinee) -> Batches:
        """The batches that the answer names."""
        return _batches(examinee.call("remaining_batches", *self), self.size)


def _draw(generator: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high, (), generator=generator))


def _everything_once(examinee: Examinee, generator: torch.Generator) -> None:
    size = 4 * _draw(generator, 5, 9) + 3
    batches = _Epoch(size, seed=_draw(generator, 0, 1000)).ask(examinee)
    lengths = [len(batch) for batch in batches]
    counts = Counter(index for batch in batches for index in batch)
    if sum(lengths) < size and not max(counts.values(), default=0) > 1:
        left = size - sum(lengths)
        raise WrongAnswerError(
            f"Of {size} images in batches of 4 you name {sum(lengths)}; {left} are "
            "left out of the epoch. The last batch may be shorter."
        )
    twice = [index for index, count in counts.items() if count > 1]
    if twice:
        raise WrongAnswerError(
            f"With one rank every image is read once; image {twice[0]} comes "
            f"{counts[twice[0]]} times."
        )
    if lengths != [4] * (size // 4) + [3]:
        raise WrongAnswerError(
            f"{size} images in batches of 4 make {size // 4} batches of 4 and one of "
            f"3; yours have {lengths}."
        )


def _every_rank_its_own(examinee: Examinee, generator: torch.Generator) -> None:
    world = 3
    size = world * _draw(generator, 7, 11) + 1
    seed = _draw(generator, 0, 1000)
    share = -(-size // world)
    shares: list[list[int]] = []
    for rank in range(world):
        asked = _Epoch(size, seed, epoch=2, rank=rank, world_size=world)
        shares.append([index for batch in asked.ask(examinee) for index in batch])
    counts = Counter(index for indices in shares for index in indices)
    lengths = [len(indices) for indices in shares]
    where = f"{size} images on {world} ranks"
    repeats = sum(lengths) - len(counts)
    if all(length >= size for length in lengths):
        raise WrongAnswerError(
            f"{where}: every rank reads the whole epoch, so each image counts {world} "
            "times."
        )
    if repeats > world:
        raise WrongAnswerError(
            f"{where}: {repeats} images are read by two ranks. All ranks share one "
            "order and take different parts of it."
        )
    if len(counts) < size:
        missing = next(index for index in range(size) if index not in counts)
        raise WrongAnswerError(f"{where}: image {missing} is read by nobody.")
    if len(set(lengths)) > 1:
        raise WrongAnswerError(
            f"{where} get {lengths} images. The rank with more takes a step more and "
            "waits for the others for ever; fill up the order."
        )
    if lengths[0] != share:
        raise WrongAnswerError(
            f"{where} are {share} for each; yours have {lengths[0]}."
        )


def _orders_differ(examinee: Examinee, generator: torch.Generator) -> None:
    size, first = 40, _draw(generator, 0, 1000)
    seeds, epochs = range(first, first + 3), range(3)
    orders: dict[tuple[int, ...], tuple[int, int]] = {}
    for seed in seeds:
        for epoch in epochs:
            asked = _Epoch(size, seed, epoch)
            batches = asked.ask(examinee)
            order = tuple(index for batch in batches for index in batch)
            if batches != asked.ask(examinee):
                raise WrongAnswerError(
                    f"Seed {seed} and epoch {epoch}, asked twice, have two orders. "
                    "They alone decide it, whatever else draws random numbers."
                )
            if list(order) == sorted(order):
                raise WrongAnswerError(
                    "The images come in their own order, unshuffled."
                )
            if order in orders:
                raise WrongAnswerError(_same_order(orders[order], (seed, epoch)))
            orders[order] = seed, epoch


def _same_order(one: tuple[int, int], other: tuple[int, int]) -> str:
    pair = f"Seed {one[0]}, epoch {one[1]} and seed {other[0]}, epoch {other[1]}"
    if one[0] == other[0]:
        return f"{pair} have one order: every epoch replays it."
    if one[1] == other[1]:
        return f"{pair} have one order; the seed changes nothing."
    return (
        f"{pair} have one order: the two numbers are merged into one, and different "
        "pairs give the same."
    )


def _resumes(examinee: Examinee, generator: torch.Generator) -> None:
    world = 2
    size = world * _draw(generator, 13, 19) - 1
    asked = _Epoch(size, _draw(generator, 0, 1000), 5, 1, world)
    whole = asked.ask(examinee)
    for start in (1, 3, len(whole)):
        rest = asked._replace(start=start).ask(examinee)
        if rest == whole[start:]:
            continue
        flat = [index for batch in whole for index in batch]
        found = [index for batch in rest for index in batch]
        if rest == whole:
            raise WrongAnswerError(
                f"With start = {start} the epoch begins anew: its first images are "
                "read twice after every interruption."
            )
        if found == flat[start:]:
            raise WrongAnswerError(
                f"With start = {start} you leave out as many images; `start` counts "
                "the batches that this rank has had."
            )
        raise WrongAnswerError(
            f"After {start} of {len(whole)} batches the next one is "
            f"{whole[start] if start < len(whole) else 'none'}; yours is "
            f"{rest[0] if rest else 'none'}."
        )


def _batches(reply: Value, size: int) -> Batches:
    """The batches as lists of indices, each the number of an image.

    Raises:
        WrongAnswerError: if they are none.
    """
    if reply is None:
        raise NotAttemptedError("Not attempted yet: your function returns None.")
    if isinstance(reply, Tensor) and reply.dim() == 2:
        reply = list(reply)
    if not isinstance(reply, list | tuple):
        raise WrongAnswerError("Return a list of batches, each a list of indices.")
    batches = []
    for batch in reply:
        indices = batch.tolist() if isinstance(batch, Tensor) else batch
        if not isinstance(indices, list | tuple) or not indices:
            raise WrongAnswerError(
                f"A batch is a list of one index or more; yours holds {indices!r}."
            )
        for index in indices:
            whole = isinstance(index, int) and not isinstance(index, bool)
            if not whole or not 0 <= index < size:
                raise WrongAnswerError(
                    f"An index is a whole number from 0 to {size - 1}; one of yours is "
                    f"{index!r}."
                )
        batches.append(list(indices))
    return batches


REMAINING_BATCHES = Task(
    function="remaining_batches",
    title="What is left of the epoch",
    difficulty=3,
    minutes=45,
    parts=(
        Part(5, "names every image of the epoch once", _everything_once),
        Part(
            6,
            "gives every rank a share of its own, all equally long",
            _every_rank_its_own,
        ),
        Part(5, "shuffles by seed and epoch and by nothing else", _orders_differ),
        Part(4, "goes on where the rank was interrupted", _resumes),
    ),
)

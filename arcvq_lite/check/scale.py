"""Checkers of chapter 12: shares of a batch, epochs, whole files, GPU-hours.

Each tries the usual wrong ideas and says in the field's words which one it has met.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.check.verdict import WrongAnswerError, ask, close, exercise
from arcvq_lite.check.whole_file import judge_save


@exercise
def rank_slice(answer: Any) -> str:
    """(order, place, batch_size, rank, world_size) → a rank's part of a batch."""
    draw = torch.Generator().manual_seed(3)
    order = torch.randperm(26, generator=draw)
    seen: list[int] = []
    for place, size, world in ((1, 8, 2), (2, 8, 4), (0, 12, 3)):
        batch = order[place * size : (place + 1) * size]
        share = size // world
        for rank in range(world):
            asked = (order.clone(), place, size, rank, world)
            found = _indices(ask(answer, *asked))
            if found == batch[rank * share : (rank + 1) * share].tolist():
                seen += found
                continue
            begin = (place * world + rank) * size
            mistakes = {
                "That is every world_size-th image of the batch. It is no worse a "
                "share, but not the library's: a rank takes one contiguous slice.": (
                    batch[rank::world]
                ),
                "batch_size is over all ranks; you gave so many images to each.": (
                    order[begin : begin + size]
                ),
                "Every rank gets the whole batch: the same images are counted "
                "world_size times.": batch,
                "The place is left out: every batch is the first one.": (
                    order[rank * share : (rank + 1) * share]
                ),
                "The rank is left out: all of them read the first slice.": (
                    batch[:share]
                ),
                "Those are places in the order, not images: look them up in it.": (
                    torch.arange(26)[place * size :][rank * share :][:share]
                ),
                "The epoch is cut into one block for each rank first, so with another "
                "number of ranks the batches would be others.": (
                    order[rank * (26 // world) :][place * share :][:share]
                ),
            }
            _name_list(found, mistakes)
            raise WrongAnswerError(
                f"Batch {place} of {size} on {world} ranks, rank {rank}: it should "
                f"have {share} images, {batch[rank * share :][:share].tolist()}; you "
                f"return {found}."
            )
    return f"{len(seen)} images handed out, each once, and the batch stays whole."


@exercise
def epoch_and_place(answer: Any) -> str:
    """(step, images, batch_size) → the epoch, and the place of the batch in it."""
    for step, images, size in ((9, 26, 8), (5, 26, 8), (0, 10, 4), (43, 32, 8)):
        reply = _pair(ask(answer, step, images, size))
        full = images // size
        if reply == (step // full, step % full):
            continue
        upward = -(-images // size)
        mistakes = {
            (step * size // images, step * size % images // size): (
                "The images are counted through, as if the incomplete last batch were "
                "trained on; it is dropped, so an epoch has images // batch_size steps."
            ),
            (step // upward, step % upward): (
                "The incomplete last batch counts as a step there; it is dropped."
            ),
            (step % full, step // full): "The two are exchanged: first the epoch.",
            (step // full + 1, step % full): "Epochs are counted from 0.",
            (step // full, step % full + 1): "Places are counted from 0.",
            (step // full, step % full * size): (
                "That is the place of the first image; wanted is that of the batch."
            ),
            (step // images, step % images): "A step is a batch, not an image.",
            (step // full, step): "The place begins again with every epoch.",
        }
        if reply in mistakes:
            raise WrongAnswerError(mistakes[reply])
        raise WrongAnswerError(
            f"{images} images make {full} batches of {size} an epoch; for step {step} "
            f"you return {reply}."
        )
    return "The step alone says where in which epoch it is; nothing else is stored."


@exercise
def whole_save(answer: Any) -> str:
    """(disk, name, content): put a file in place so that no crash leaves half of it."""
    judge_save(answer)
    return "Whatever the moment, the old file or the new one is there, and whole."


@exercise
def training_hours(answer: Any) -> str:
    """(autoencoder, vgg, images, peak, utilisation) → GPU-hours with recomputation.

    GFLOP an image forward, TFLOP/s, and a share; the fast update, before the critic.
    """
    autoencoder, vgg, images, peak, share = 600.0, 50.0, 3e7, 400.0, 0.25
    reply = _number(ask(answer, autoencoder, vgg, images, peak, share))

    def hours(runs: float, looks: float) -> float:
        flops = (runs * autoencoder + looks * vgg) * 1e9 * images
        return flops / (peak * 1e12 * share) / 3600

    wanted = hours(4, 3)
    mistakes = {
        hours(3, 3): (
            "That is without recomputation: with it the autoencoder runs forward "
            "once more while the gradients walk back."
        ),
        hours(4, 6): "The VGG's weights need no gradient: its walk back costs one run.",
        hours(4, 4): (
            "The VGG walks back once, from the reconstruction; nothing walks to the "
            "photograph."
        ),
        hours(4, 2): "The walk back through the VGG is missing.",
        hours(4, 1): "The VGG looks at two images, and the gradient walks back once.",
        hours(2, 2): "The walk back is missing; it costs about twice the run.",
        hours(3, 2): "A walk back through trained weights costs two runs, not one.",
        hours(4, 0): "The VGG is missing.",
        hours(5, 3): "Recomputing costs one more run forward, not two.",
        wanted * 3600: "Those are seconds.",
        wanted * 60: "Those are minutes.",
        wanted * share**2: (
            "The utilisation is multiplied; a GPU that is used less takes longer."
        ),
        wanted * share: "The utilisation is left out: nobody reaches the peak.",
        wanted * 1e-3: "A TFLOP is a thousand GFLOP; the hours are a thousandth.",
        wanted * 1e3: "A TFLOP is a thousand GFLOP; the hours are a thousandfold.",
    }
    if _same(reply, wanted):
        return "Four runs of the autoencoder and three of the VGG for every image."
    _name_number(reply, mistakes)
    raise WrongAnswerError(
        f"With {autoencoder:g} and {vgg:g} GFLOP forward, {images:g} images, "
        f"{peak:g} TFLOP/s and {share:.0%} it takes {wanted:.1f} hours; you return "
        f"{reply:g}."
    )


def _indices(reply: Any) -> list[int]:
    if isinstance(reply, Tensor):
        return [int(index) for index in reply.flatten().tolist()]
    if isinstance(reply, Iterable):
        return [int(index) for index in reply]
    raise WrongAnswerError(f"Return the images, not {type(reply).__name__}.")


def _pair(reply: Any) -> tuple[int, int]:
    try:
        epoch, place = reply
        return int(epoch), int(place)
    except (TypeError, ValueError) as error:
        raise WrongAnswerError("Return two whole numbers: epoch and place.") from error


def _number(reply: Any) -> float:
    if isinstance(reply, Tensor) and reply.numel() == 1:
        return float(reply)
    if isinstance(reply, bool) or not isinstance(reply, Real):
        raise WrongAnswerError(f"Return one number, not {type(reply).__name__}.")
    return float(reply)


def _same(found: float, wanted: float) -> bool:
    return close(found / wanted, 1.0, 1e-6)


def _name_number(reply: float, mistakes: dict[float, str]) -> None:
    for mistake, sentence in mistakes.items():
        if _same(reply, mistake):
            raise WrongAnswerError(sentence)


def _name_list(found: list[int], mistakes: dict[str, Tensor]) -> None:
    for sentence, mistake in mistakes.items():
        if found == mistake.tolist():
            raise WrongAnswerError(sentence)

"""What `arcvq evaluate`, `reconstruct`, `encode` and `decode` do with a run.

Each is a generator whose lines are for the reader and whose returned value is the
exit status.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal

from torch import Tensor

from arcvq_lite.data import DATA_SETS, load_images
from arcvq_lite.data.batches import one_pass
from arcvq_lite.data.progress_bar import counted, progress_bar
from arcvq_lite.data.source import open_source
from arcvq_lite.evaluation.coding import decode as decode_tokens
from arcvq_lite.evaluation.coding import encode as encode_source
from arcvq_lite.evaluation.coding import encode_images
from arcvq_lite.evaluation.evaluate import evaluate_images
from arcvq_lite.evaluation.frechet import (
    FeatureExtractor,
    load_inception,
    random_extractor,
)
from arcvq_lite.evaluation.side_by_side import reconstruct as reconstruct_picture
from arcvq_lite.evaluation.tokenizer import tokenizer_of
from arcvq_lite.perceptual import PerceptualDistance
from arcvq_lite.training.processes import Processes, joined
from arcvq_lite.training.run_folder import TrainedModel, load_trained
from arcvq_lite.written_aside import written_aside

Lines = Generator[str, None, int]

_PATIENCE = timedelta(minutes=30)  # for the slowest rank's part of a large set


def evaluate(
    run: Path,
    *,
    data: str,
    split: str = "test",
    size: int | None = None,
    protocol: Literal["clean", "paper"] = "clean",
    lpips_weights: str | None = None,
    fid_weights: str | None = None,
    batch_size: int = 32,
    workers: int = 0,
    json: Path | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> Lines:
    """Score a run's reconstructions of a whole set; under torchrun, on all ranks.

    Args:
        run: the run's folder.
        data: a folder of images or of indexed tar shards, or a named set.
        split: "train" or "test".
        size: side of the images in pixels; the run's own by default.
        protocol: "paper" scores saved JPEGs, as the published numbers do.
        lpips_weights: a file of LPIPS' weights, or "random" to try things out.
        fid_weights: a file of the Inception network's, or "random".
        batch_size: images a batch, over all processes.
        workers: processes that read ahead.
        json: a file for the result and everything that was done, besides.
        device: auto is a GPU where there is one.

    Yields:
        The scores, and what was not computed and why.

    Returns:
        0.

    Raises:
        FileNotFoundError: if there is no such run, set or file of weights.
        ValueError: if the set does not fit the model.
    """
    if json is not None and not json.parent.is_dir():
        raise FileNotFoundError(f"json={json}: there is no folder {json.parent}")
    trained = load_trained(run)
    side = trained.options.data.size if size is None else size
    with joined(device, _PATIENCE) as processes:
        count, images = _images(data, split, side, batch_size, workers, processes)
        with progress_bar("scoring", shown=processes.first) as progress:
            found = evaluate_images(
                trained.autoencoder.to(processes.device),
                counted(images, count, progress),
                lpips=_perceptual(lpips_weights),
                fid=_extractor(fid_weights),
                protocol=protocol,
                data=f"{data}, {split}",
            )
        if not processes.first:
            return 0
    if json is not None:
        with written_aside(json) as file:
            file.write(found.to_json().encode())
    yield from _about(run, trained)
    yield found.table()
    return 0


def reconstruct(
    images: list[Path], *, model: Path, out: Path, size: int | None = None
) -> Lines:
    """Write each picture as original, latents and reconstruction, side by side.

    Args:
        images: image files.
        model: the folder of the run.
        out: the folder for the PNGs; made if it is missing.
        size: resize the shorter side and take the central square first; by default
            a picture is taken as it is.

    Yields:
        A line a picture.

    Returns:
        0.

    Raises:
        FileNotFoundError: if there is no such run or picture.
        ValueError: if a file is no image, or two would be written to one name.
    """
    targets = [out / f"{path.stem}.png" for path in images]
    if len(set(targets)) < len(targets):
        raise ValueError("images have names that differ in folder or ending alone")
    trained = load_trained(model)
    out.mkdir(parents=True, exist_ok=True)
    for path, target in zip(images, targets, strict=True):
        done = reconstruct_picture(trained.autoencoder, path, target, size=size)
        cut = "" if done.used == done.stored else f", its central {_by(done.used)}"
        yield (
            f"{path}, {_by(done.stored)}{cut}: {_by(done.grid[::-1])} {done.latents}, "
            f"{done.psnr:.1f} dB, in {target}"
        )
    return 0


def encode(
    run: Path,
    *,
    data: str,
    out: Path,
    split: str = "train",
    size: int | None = None,
    batch_size: int = 32,
    workers: int = 0,
) -> Lines:
    """Write the tokens of every image of a set to a file.

    Args:
        run: the run's folder.
        data: a folder of images or of indexed tar shards, or a named set.
        out: the token file, such as tokens.npz; replaced if it exists.
        split: "train" or "test".
        size: side of the images in pixels; the run's own by default.
        batch_size: images a batch.
        workers: processes that read ahead.

    Yields:
        What was written.

    Returns:
        0.

    Raises:
        FileNotFoundError: if there is no such run or set.
        ValueError: if the model has no codes, or the size does not fit it.
    """
    trained = load_trained(run)
    tokenizer = tokenizer_of(trained, run)
    side = trained.options.data.size if size is None else size
    with progress_bar("encoding") as progress:
        if data in DATA_SETS:
            tokens = encode_images(
                tokenizer,
                load_images(data, split=split, size=side),
                out,
                batch_size=batch_size,
                progress=progress,
            )
        else:
            tokens = encode_source(
                tokenizer,
                open_source(data, split=split),
                out,
                size=_known(side),
                batch_size=batch_size,
                workers=workers,
                progress=progress,
            )
    yield from _about(run, trained)
    yield f"{len(tokens):,} images as {_by(tokens.grid)} tokens each, in {out}"
    return 0


def decode(run: Path, *, tokens: Path, out: Path, batch_size: int = 32) -> Lines:
    """Write the images that a token file stands for.

    Args:
        run: the folder of the run that encoded it.
        tokens: the token file.
        out: the folder for the PNGs; made if it is missing.
        batch_size: images decoded at once.

    Yields:
        What was written.

    Returns:
        0.

    Raises:
        FileNotFoundError: if there is no such run or token file.
        ValueError: if the model has no codes, or the file is damaged, or of another
            model's codebook.
    """
    tokenizer = tokenizer_of(load_trained(run), run)
    with progress_bar("decoding") as progress:
        written = decode_tokens(
            tokenizer, tokens, out, batch_size=batch_size, progress=progress
        )
    yield f"{len(written):,} images in {out}"
    return 0


def _images(
    data: str,
    split: str,
    size: int | None,
    batch_size: int,
    workers: int,
    processes: Processes,
) -> tuple[int, Iterator[Tensor]]:
    """This rank's part of a set, each image in one part only, and about its size."""
    if data in DATA_SETS:
        images = load_images(data, split=split, size=size).images
        part = images[processes.rank :: processes.world_size].to(processes.device)
        # An empty tensor splits into one empty batch.
        return len(part), iter(part.split(batch_size) if len(part) else ())
    source = open_source(data, split=split)
    batches = one_pass(
        source,
        size=_known(size),
        batch_size=batch_size,
        rank=processes.rank,
        world_size=processes.world_size,
        workers=workers,
    )
    placed = (batch.images.to(processes.device) for batch in batches)
    return math.ceil(len(source) / processes.world_size), placed


def _known(size: int | None) -> int:
    if size is None:
        raise ValueError("size is missing, and the run has no data.size of its own")
    return size


def _perceptual(weights: str | None) -> PerceptualDistance | None:
    return None if weights is None else PerceptualDistance(weights)


def _extractor(weights: str | None) -> FeatureExtractor | None:
    if weights is None:
        return None
    return random_extractor() if weights == "random" else load_inception(weights)


def _about(run: Path, trained: TrainedModel) -> Iterator[str]:
    for damaged in trained.damaged:
        yield f"passed over: {damaged}"
    kind = "running mean of the weights" if trained.source == "average" else "weights"
    yield f"{run}: the {kind} after {trained.step:,} steps"


def _by(sides: tuple[int, ...]) -> str:
    return "×".join(str(side) for side in sides)

"""Encoding and decoding: between a set of images and a token file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arcvq_lite.data.batches import Batch, one_pass
from arcvq_lite.data.image_set import ImageSet
from arcvq_lite.data.one_ahead import one_ahead
from arcvq_lite.data.progress_bar import Progress, counted, unwatched
from arcvq_lite.data.source import ImageSource
from arcvq_lite.data.token_file import TokenSet, index_type, load_tokens
from arcvq_lite.evaluation.eval_mode import evaluating
from arcvq_lite.evaluation.fingerprint import digest_codebook
from arcvq_lite.evaluation.framing import factor_of, in_channels_of
from arcvq_lite.evaluation.levels import as_rgb, round_levels
from arcvq_lite.evaluation.png import write_png
from arcvq_lite.kept_memory import freed_memory_kept
from arcvq_lite.models import VQGAN, VQVAE

_LONGEST = 80  # characters of an image's own name that are kept


def encode(
    model: VQVAE | VQGAN,
    source: ImageSource,
    out: str | os.PathLike[str],
    *,
    size: int,
    batch_size: int = 32,
    workers: int = 0,
    progress: Progress = unwatched,
) -> TokenSet:
    """Write the tokens of every image of a set to a file.

    Args:
        model: on the device to compute on.
        source: the images, from `open_source`.
        out: the file, such as "tokens.npz"; replaced if it exists.
        size: side S in pixels; of every image the shorter side is resized to it and
            the central square taken. A multiple of the model's factor.
        batch_size: images a batch.
        workers: processes that read ahead.
        progress: called with the images done and their number.

    Returns:
        What was written.

    Raises:
        ValueError: if the size does not fit the model.
        TooManySubstitutesError: at the first image that cannot be decoded.
        OSError: if the file cannot be written.
    """
    factor = factor_of(model)
    if size < factor or size % factor:
        raise ValueError(
            f"size={size} must be a multiple of {factor}, the pixels of a token's "
            "side for this model"
        )
    batches = one_pass(source, size=size, batch_size=batch_size, workers=workers)
    names = tuple(source.name(index) for index in range(len(source)))
    return _write_tokens(model, batches, names, source.class_names, out, progress)


def encode_images(
    model: VQVAE | VQGAN,
    images: ImageSet,
    out: str | os.PathLike[str],
    *,
    batch_size: int = 32,
    progress: Progress = unwatched,
) -> TokenSet:
    """Write the tokens of images held in memory to a file, each named by its class.

    Args:
        model: on the device to compute on.
        images: from `load_images`.
        out: the file, such as "tokens.npz"; replaced if it exists.
        batch_size: images a batch.
        progress: called with the images done and their number.

    Returns:
        What was written.

    Raises:
        ValueError: if the images do not fit the model.
        OSError: if the file cannot be written.
    """
    parts = torch.arange(len(images)).split(batch_size)
    batches = (
        Batch(images.images[part], images.labels[part], part, substituted=0)
        for part in parts
    )
    names = tuple(images.class_names[label] for label in images.labels.tolist())
    return _write_tokens(model, batches, names, images.class_names, out, progress)


def encode_batches(
    model: VQVAE | VQGAN, batches: Iterable[Batch]
) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    """The tokens and labels of batches, in their order.

    Args:
        model: on the device to compute on; put into eval mode meanwhile.
        batches: of images (b, 1 or 3, H, W), brought to the model's channels.

    Returns:
        Indices (N, h, w) uint16 or int32, and labels (N,) int64.

    Raises:
        ValueError: if there is no batch, or the model has several codebooks.
    """
    device = model.quantizer.codebook.device
    kind = index_type(_codes_of(model))
    indices, labels = [], []
    with evaluating(model), freed_memory_kept():
        for batch in batches:
            found = model.encode(in_channels_of(model, batch.images.to(device)))
            indices.append(found.cpu().numpy().astype(kind))
            labels.append(batch.labels.numpy())
    if not indices:
        raise ValueError("batches hold no image; give at least one")
    return np.concatenate(indices), np.concatenate(labels)


def _codes_of(model: VQVAE | VQGAN) -> int:
    """K of the model's one codebook."""
    num_codes = model.quantizer.num_codes
    if not isinstance(num_codes, int):
        raise ValueError(
            f"model has {len(num_codes)} codebooks ({type(model.quantizer).__name__}), "
            "and a token file holds one index for each token; use model.encode(images) "
            "and model.decode(indices), with the codebooks last"
        )
    return num_codes


def _write_tokens(
    model: VQVAE | VQGAN,
    batches: Iterable[Batch],
    names: tuple[str, ...],
    class_names: tuple[str, ...],
    out: str | os.PathLike[str],
    progress: Progress,
) -> TokenSet:
    ready = counted(one_ahead(batches), len(names), progress)
    indices, labels = encode_batches(model, ready)
    tokens = TokenSet(
        indices=indices,
        labels=labels,
        names=names,
        class_names=class_names,
        num_codes=_codes_of(model),
        codebook_sha256=digest_codebook(model.quantizer.codebook),
    )
    tokens.save(out)
    return tokens


def decode(
    model: VQVAE | VQGAN,
    tokens_file: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    batch_size: int = 32,
    progress: Progress = unwatched,
) -> list[Path]:
    """Write the images of a token file as PNGs, numbered in its order.

    Args:
        model: the one that encoded them; on the device to compute on.
        tokens_file: from `encode`.
        folder: for the images; made if it is missing.
        batch_size: images decoded at once.
        progress: called with the images written and their number.

    Returns:
        The files written.

    Raises:
        FileNotFoundError: if there is no such token file.
        ValueError: if it is damaged, or of another model's codebook.
        OSError: if an image cannot be written.
    """
    tokens = load_tokens(tokens_file)
    _check_codebook(model, tokens, tokens_file)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    paths = [place / name for name in _file_names(tokens.names)]
    for start in range(0, len(tokens), batch_size):
        images = decode_indices(model, tokens.indices[start : start + batch_size])
        levels = round_levels(as_rgb(images)).cpu()
        for path, image in zip(paths[start:], levels, strict=False):
            write_png(path, image)
        progress(min(start + batch_size, len(tokens)), len(tokens))
    return paths


def decode_indices(model: VQVAE | VQGAN, indices: NDArray[np.generic]) -> Tensor:
    """Images (N, C, H, W) of tokens (N, h, w), not clamped, on the model's device."""
    device = model.quantizer.codebook.device
    with evaluating(model):
        return model.decode(torch.from_numpy(indices.astype(np.int64)).to(device))


def _check_codebook(
    model: VQVAE | VQGAN, tokens: TokenSet, tokens_file: str | os.PathLike[str]
) -> None:
    num_codes = _codes_of(model)
    own = digest_codebook(model.quantizer.codebook)
    if tokens.codebook_sha256 != own:
        raise ValueError(
            f"tokens_file={os.fspath(tokens_file)!r} was encoded with another "
            f"codebook (K = {tokens.num_codes}, SHA-256 {tokens.codebook_sha256[:12]}…)"
            f" than the model's (K = {num_codes}, {own[:12]}…); decode "
            "it with the model that encoded it"
        )


def _file_names(names: tuple[str, ...]) -> list[str]:
    """A number and what is harmless of an image's own name.

    The names come from a file of unknown origin: nothing in them may lead out of the
    folder, and no two may meet.
    """
    digits = len(str(max(len(names) - 1, 0)))
    stems = [Path(re.split(r"[/\\!]", name)[-1]).stem for name in names]
    kept = [re.sub(r"[^A-Za-z0-9_-]", "_", stem)[:_LONGEST] for stem in stems]
    return [f"{number:0{digits}d}-{stem}.png" for number, stem in enumerate(kept)]

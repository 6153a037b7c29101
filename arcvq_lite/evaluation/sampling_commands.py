"""What `arcvq sample` does with the run of a prior and that of its tokenizer."""

from __future__ import annotations

import math
from collections.abc import Generator
from pathlib import Path

import torch
from torch import Tensor
from torchvision.utils import make_grid

from arcvq_lite.data.progress_bar import counted, progress_bar
from arcvq_lite.evaluation.fingerprint import digest_codebook
from arcvq_lite.evaluation.levels import as_rgb, round_levels
from arcvq_lite.evaluation.png import write_png
from arcvq_lite.evaluation.tokenizer import tokenizer_of
from arcvq_lite.models import VQGAN, VQVAE
from arcvq_lite.prior import sample as sample_codes
from arcvq_lite.training.run_folder import load_trained
from arcvq_lite.training.trained_prior import TrainedPrior, load_prior

_AT_ONCE = 32  # pictures
_GAP = 2  # white pixels between them


def sample(
    run: Path,
    *,
    model: Path,
    out: Path,
    count: int = 16,
    label: int | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    guidance: float = 1.0,
    seed: int = 0,
) -> Generator[str, None, int]:
    """Draw new pictures from a prior and write them as one grid.

    Args:
        run: the folder of the prior's run.
        model: the folder of the run that encoded the prior's tokens.
        out: the PNG, replaced if it exists.
        count: how many pictures.
        label: the number of their class; by default of none.
        temperature: above 1 evens the choices out, below 1 sharpens them, at 0 the
            likeliest code is taken.
        top_k: how many codes may be chosen; all by default.
        top_p: the share of probability that may be chosen; all by default.
        guidance: 1 for the class as it was learnt, more to exaggerate it.
        seed: of the draws.

    Yields:
        What was written.

    Returns:
        0.

    Raises:
        FileNotFoundError: if there is no such run, or no folder for the PNG.
        ValueError: if the tokens are another model's, or an option is out of its
            range or does not fit the prior.
    """
    if not out.parent.is_dir():
        raise FileNotFoundError(f"out={out}: there is no folder {out.parent}")
    trained = load_prior(run)
    tokenizer = tokenizer_of(load_trained(model), model)
    _check_tokenizer(tokenizer, trained, model)
    classes = _class(trained, label, guidance)
    generator = torch.Generator().manual_seed(seed)
    pictures = []
    with progress_bar("sampling") as progress:
        for part in counted(_parts(count), count, progress):
            codes = sample_codes(
                trained.prior,
                len(part),
                classes=classes,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                guidance=guidance,
                generator=generator,
            )  # (b, L)
            pictures.append(_pictures(tokenizer, codes.unflatten(1, trained.grid)))
    columns = math.ceil(math.sqrt(count))
    grid = make_grid(torch.cat(pictures), nrow=columns, padding=_GAP, pad_value=255)
    write_png(out, grid)
    for damaged in trained.damaged:
        yield f"passed over: {damaged}"
    of = "" if label is None else f" of the class {trained.class_names[label]}"
    yield f"{count:,} pictures{of} after {trained.step:,} steps of the prior, in {out}"
    return 0


def _check_tokenizer(
    tokenizer: VQVAE | VQGAN, trained: TrainedPrior, model: Path
) -> None:
    own = digest_codebook(tokenizer.quantizer.codebook)
    if trained.codebook_sha256 != own:
        raise ValueError(
            f"model={model} has another codebook (SHA-256 {own[:12]}…) than the one "
            f"that the prior's tokens point into ({trained.codebook_sha256[:12]}…); "
            "pass the run that encoded them, with the weights it had then"
        )


def _class(trained: TrainedPrior, label: int | None, guidance: float) -> int | None:
    """The number that every sequence starts with, None in a prior without classes."""
    prior, last = trained.prior, len(trained.class_names) - 1
    if prior.classes is None:
        if label is not None:
            raise ValueError(
                f"label={label} needs a prior that was told classes; train one with "
                "--prior.classes labels, or leave label out"
            )
        return None
    if label is not None and not 0 <= label <= last:
        raise ValueError(
            f"label={label} must lie in 0 … {last}, from {trained.class_names[0]} to "
            f"{trained.class_names[last]}"
        )
    if prior.class_drop == 0 and (label is None or guidance != 1):
        raise ValueError(
            f"label={label} with guidance={guidance} asks the prior for pictures of no "
            "class, which it never met: it was trained with prior.class_drop=0; give "
            f"a label in 0 … {last} and leave guidance at 1"
        )
    return prior.no_class if label is None else label


def _parts(count: int) -> list[range]:
    """The pictures by number, as many at once as memory allows."""
    if count < 1:
        raise ValueError(f"count={count} must be at least 1")
    starts = range(0, count, _AT_ONCE)
    return [range(start, min(start + _AT_ONCE, count)) for start in starts]


@torch.no_grad()
def _pictures(tokenizer: VQVAE | VQGAN, indices: Tensor) -> Tensor:
    """Levels (b, 3, H, W) uint8 of tokens (b, h, w)."""
    return round_levels(as_rgb(tokenizer.decode(indices)))

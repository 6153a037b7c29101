"""A2, the look-up: which code is nearest to each place of a map of latents."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import as_tensor, text
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError


def _distances(latents: Tensor, codebook: Tensor) -> Tensor:
    """(B, D, H, W) and (K, D) to squared distances (B, H, W, K), exactly."""
    rows = latents.double().movedim(1, -1)[..., None, :]
    return (rows - codebook.double()).square().sum(dim=-1)


def _clear(distance: Tensor, gap: float) -> Tensor:
    """Where the nearest code leads the second by more than a rounding error."""
    two = distance.topk(2, dim=-1, largest=False).values
    return (two[..., 1] - two[..., 0]) > gap


def _ask_for_indices(
    examinee: Examinee, latents: Tensor, codebook: Tensor, gap: float
) -> tuple[Tensor, Tensor]:
    """The reply, and where it is wrong, both (B, H, W)."""
    batch, _, height, width = latents.shape
    reply = examinee.call("nearest_codes", latents, codebook)
    found = as_tensor(reply, (batch, height, width))
    if found.dtype != torch.int64:
        raise WrongAnswerError(
            f"Indices are whole numbers, int64; yours are {found.dtype}."
        )
    distance = _distances(latents, codebook)
    wanted = distance.argmin(dim=-1)
    return found, (found != wanted) & _clear(distance, gap)


def _tell(latents: Tensor, codebook: Tensor, found: Tensor, missed: Tensor) -> str:
    """A sentence on the first place whose code is wrong."""
    image, row, column = torch.nonzero(missed)[0].tolist()
    distance = _distances(latents, codebook)[image, row, column].sqrt()
    wanted, taken = int(distance.argmin()), int(found[image, row, column])
    where = f"At image {image}, row {row}, column {column} "
    if not 0 <= taken < len(codebook):
        return f"{where}you take code {taken}; there are {len(codebook)}, from 0 on."
    return (
        f"{where}code {wanted} is {text(distance[wanted])} away; you take code {taken} "
        f"at {text(distance[taken])}."
    )


def _maps(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Latents (2, 4, 3, 5) and codes (6, 4), all codes of length 1.5."""
    latents = torch.randn(2, 4, 3, 5, generator=generator)
    codebook = 1.5 * F.normalize(torch.randn(6, 4, generator=generator), dim=1)
    return latents, codebook


def _right_places(examinee: Examinee, generator: torch.Generator) -> None:
    latents, codebook = _maps(generator)
    found, missed = _ask_for_indices(examinee, latents, codebook, 1e-4)
    if not bool(missed.any()):
        return
    if torch.equal(found, _distances(latents, codebook).argmax(dim=-1)):
        raise WrongAnswerError("You take the farthest code, not the nearest.")
    torn = latents.reshape(-1, 4)[:, :, None, None]
    if torch.equal(
        found.flatten(), _distances(torn, codebook).argmin(dim=-1).flatten()
    ):
        raise WrongAnswerError(
            "Your rows mix places and channels: (B, D, H, W) reshaped to (…, D) cuts "
            "the channel axis to pieces. Move it to the end first."
        )
    raise WrongAnswerError(_tell(latents, codebook, found, missed))


def _unequal_lengths(examinee: Examinee, generator: torch.Generator) -> None:
    latents, codebook = _maps(generator)
    codebook = codebook * torch.linspace(0.2, 2.5, 6)[:, None]
    found, missed = _ask_for_indices(examinee, latents, codebook, 1e-4)
    if not bool(missed.any()):
        return
    product = torch.einsum("bdhw,kd->bhwk", latents, codebook)
    cosine = product / codebook.norm(dim=1)
    told = _tell(latents, codebook, found, missed)
    if torch.equal(found, product.argmax(dim=-1)):
        raise WrongAnswerError(
            f"{told} You choose by the inner product alone, and so the longest code; "
            "‖z − e‖² has a term in the code's own length."
        )
    if torch.equal(found, cosine.argmax(dim=-1)):
        raise WrongAnswerError(
            f"{told} You choose by direction alone; here the distance counts, and so "
            "does the length."
        )
    raise WrongAnswerError(told)


def _far_from_the_origin(examinee: Examinee, generator: torch.Generator) -> None:
    away = 600 * F.normalize(torch.randn(8, generator=generator), dim=0)
    latents = away[:, None, None] + 0.2 * torch.randn(2, 8, 6, 6, generator=generator)
    codebook = away + 0.2 * torch.randn(40, 8, generator=generator)
    found, missed = _ask_for_indices(examinee, latents, codebook, 1e-3)
    if bool(missed.any()):
        raise WrongAnswerError(
            f"{_tell(latents, codebook, found, missed)} These latents and codes lie "
            "600 from the origin and close together. If nearer ones come out right: "
            "‖z‖² − 2z·e + ‖e‖² is here the small difference of huge numbers, which "
            "float32 has rounded. Distances do not change when everything is moved by "
            "the same vector."
        )


NEAREST_CODES = Task(
    function="nearest_codes",
    title="The nearest code at every place",
    difficulty=2,
    minutes=30,
    parts=(
        Part(5, "the nearest code at each place of a map", _right_places),
        Part(4, "codes of unequal length", _unequal_lengths),
        Part(3, "right far from the origin too", _far_from_the_origin),
    ),
)

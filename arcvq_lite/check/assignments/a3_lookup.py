"""A task of A3: a code is found by its direction and decoded with its length."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.examinee import Examinee, Value
from arcvq_lite.check.replies import as_tensor, as_things, first_miss, text
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, close
from arcvq_lite.layout import like_indices, like_latents, to_tokens
from arcvq_lite.quantizers.quantized import nearest_cosine

_DIM, _CODES = 4, 7


def _numbers(
    shape: tuple[int, int, int], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    batch, height, width = shape
    latents = torch.randn(batch, _DIM, height, width, generator=generator)
    lengths = 0.3 + 3 * torch.rand(_CODES, 1, generator=generator)
    directions = torch.randn(_CODES, _DIM, generator=generator)
    return latents, lengths * F.normalize(directions, dim=1)


def _looked_up(reply: Value, latents: Tensor) -> tuple[Tensor, Tensor]:
    batch, _, height, width = latents.shape
    quantized, indices = as_things(reply, ("quantized", "indices"))
    grid = as_tensor(indices, (batch, height, width), "indices")
    if grid.dtype != torch.int64:
        raise WrongAnswerError(f"Indices are int64; yours are {grid.dtype}.")
    return as_tensor(quantized, tuple(latents.shape), "quantized"), grid


def _finds_by_angle(examinee: Examinee, generator: torch.Generator) -> None:
    # One latent an image: there the layout cannot go wrong.
    latents, codebook = _numbers((40, 1, 1), generator)
    reply = examinee.call("decode_by_angle", latents, codebook)
    quantized, indices = _looked_up(reply, latents)
    tokens, chosen = latents[:, :, 0, 0], indices[:, 0, 0]
    cosine = (
        F.normalize(tokens.double(), dim=1) @ F.normalize(codebook.double(), dim=1).T
    )
    wanted = cosine.argmax(dim=1)
    if not torch.equal(chosen, wanted):
        place = int((chosen != wanted).nonzero()[0])
        for mistake, sentence in (
            (
                torch.cdist(tokens, codebook).argmin(dim=1),
                "Those are the nearest codes in Euclidean distance, to which a code's "
                "length matters; it is found by its direction alone.",
            ),
            (
                (tokens @ codebook.T).argmax(dim=1),
                "The scalar product is not divided by the codes' lengths, so long "
                "codes win more than their directions deserve.",
            ),
            (cosine.argmin(dim=1), "Those are the codes at the largest angle."),
        ):
            if torch.equal(chosen, mistake):
                raise WrongAnswerError(sentence)
        raise WrongAnswerError(
            f"The latent {text(tokens[place], 3)} should find code {wanted[place]}, at "
            f"cosine {text(cosine[place, wanted[place]])}; yours finds {chosen[place]}."
        )
    codes = codebook[chosen]
    found = quantized[:, :, 0, 0]
    place_missed = first_miss(found, codes, 1e-5)
    if place_missed is None:
        return
    if close(found, F.normalize(codes, dim=1), 1e-5):
        raise WrongAnswerError(
            "The decoder gets a normalised code. Direction finds the code; what is "
            f"handed on has its length, here {text(codes[0].norm())} and not 1."
        )
    lengths = tokens.norm(dim=1, keepdim=True)
    if close(found, F.normalize(codes, dim=1) * lengths, 1e-4):
        raise WrongAnswerError("The decoder gets the code with the latent's length.")
    raise WrongAnswerError(
        f"Code {chosen[place_missed]} is {text(codes[place_missed], 3)}, and the "
        f"decoder should get it as it is; yours gets {text(found[place_missed], 3)}."
    )


def _keeps_the_layout(examinee: Examinee, generator: torch.Generator) -> None:
    latents, codebook = _numbers((2, 2, 3), generator)
    reply = examinee.call("decode_by_angle", latents, codebook)
    quantized, indices = _looked_up(reply, latents)
    chosen = nearest_cosine(to_tokens(latents), codebook)
    wanted = like_indices(chosen, latents)
    if not torch.equal(indices, wanted):
        raise WrongAnswerError(
            f"On a grid of 2 × 3 the indices of the first image are "
            f"{wanted[0].tolist()}; yours are {indices[0].tolist()}. The channels "
            "stand second: move them last before you make rows of latents."
        )
    codes = like_latents(codebook[chosen], latents)
    if not close(quantized, codes, 1e-5):
        raise WrongAnswerError(
            "The indices are right and the codes lie in the wrong places: put the "
            "channels back into the second dimension, by moving and not by reshaping."
        )


def _goes_straight_through(examinee: Examinee, generator: torch.Generator) -> None:
    latents, codebook = _numbers((3, 1, 2), generator)
    upstream = torch.randn(latents.shape, generator=generator)
    _, (at_latents, at_codes) = examinee.differentiate(
        "decode_by_angle",
        [latents, codebook],
        with_respect_to=[0, 1],
        upstream=(upstream, None),
    )
    if at_latents is None or not bool(at_latents.any()):
        raise WrongAnswerError(
            "No gradient reaches the latents: the choice has none, so it must be led "
            "past the choice."
        )
    if not close(at_latents, upstream, 1e-4):
        raise WrongAnswerError(
            f"The gradient {text(upstream.flatten()[:3], 3)}, … should reach the "
            f"latents as it is; it arrives as {text(at_latents.flatten()[:3], 3)}, …."
        )
    if at_codes is not None and bool(at_codes.any()):
        raise WrongAnswerError(
            "The decoder's gradient reaches the codebook too; the codes are moved by "
            "their own loss, so they are constants here."
        )


def _survives_zero(examinee: Examinee, generator: torch.Generator) -> None:
    latents, codebook = _numbers((20, 1, 1), generator)
    codebook[2] = 0.0
    # Every latent has a code on its own side.
    directions = F.normalize(codebook[torch.arange(20) % 2], dim=1)
    latents = (directions + 0.3 * F.normalize(latents[:, :, 0, 0], dim=1))[
        ..., None, None
    ]
    latents[0] = 0.0
    reply = examinee.call("decode_by_angle", latents, codebook)
    quantized, indices = _looked_up(reply, latents)
    won = int((indices[1:] == 2).sum())
    if won:
        raise WrongAnswerError(
            f"A code of zero length wins {won} of 19 latents. It has no direction, and "
            "0 / 0 is NaN, which beats every number in an argmax."
        )
    wanted = nearest_cosine(latents[1:, :, 0, 0], codebook)
    if not torch.equal(indices[1:, 0, 0], wanted):
        raise WrongAnswerError(
            "Beside a code of zero length others are chosen wrongly."
        )
    chosen = int(indices[0, 0, 0])
    if not 0 <= chosen < _CODES or not close(
        quantized[0, :, 0, 0], codebook[chosen], 1e-5
    ):
        raise WrongAnswerError(
            "A latent of zero length may take any code, and gets "
            f"{text(quantized[0, :, 0, 0], 3)}, which is none."
        )


DECODE_BY_ANGLE = Task(
    function="decode_by_angle",
    title="Direction finds, length decodes",
    difficulty=2,
    minutes=30,
    parts=(
        Part(5, "finds by angle and hands on the code's own length", _finds_by_angle),
        Part(4, "keeps images, rows and columns apart", _keeps_the_layout),
        Part(3, "lets the gradient straight through", _goes_straight_through),
        Part(2, "survives a code and a latent of zero length", _survives_zero),
    ),
)

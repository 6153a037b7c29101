"""A2, a start that leaves no code behind: latents drawn far from those drawn before."""

from __future__ import annotations

import torch
from torch import Tensor

from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import as_tensor, text
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError

WEIGHINGS = {
    "squared to the nearest": (2, "nearest"),
    "to the nearest": (1, "nearest"),
    "squared to the last": (2, "last"),
    "squared to the first": (2, "first"),
    "squared to the farthest": (2, "farthest"),
}


def _drawn(
    latents: Tensor,
    first: int,
    uniforms: Tensor,
    weighing: str = "squared to the nearest",
) -> tuple[list[int], float]:
    """The draws, and how near the closest of them came to another outcome."""
    power, which = WEIGHINGS[weighing]
    chosen, narrowest = [first], 1.0
    distance = (latents[:, None].double() - latents.double()).norm(dim=2) ** power
    for uniform in uniforms.double():
        to_chosen = distance[:, chosen]  # (N, so many)
        weight = {
            "nearest": to_chosen.amin(dim=1),
            "last": to_chosen[:, -1],
            "first": to_chosen[:, 0],
            "farthest": to_chosen.amax(dim=1),
        }[which]
        stairs = weight.cumsum(dim=0) / weight.sum()
        narrowest = min(narrowest, float((stairs - uniform).abs().min()))
        chosen.append(int((stairs > uniform).nonzero()[0]))
    return chosen, narrowest


def _scene(
    generator: torch.Generator, codes: int, apart_from: tuple[str, ...]
) -> tuple[Tensor, int, Tensor, list[int]]:
    """Latents (12, 2), a first index, uniforms, and the draws.

    No draw is so narrow that rounding could decide it, and the mistakes named lead
    elsewhere.
    """
    while True:
        latents = torch.randn(12, 2, generator=generator)
        first = int(torch.randint(12, (), generator=generator))
        uniforms = torch.rand(codes - 1, generator=generator)
        wanted, narrowest = _drawn(latents, first, uniforms)
        others = [_drawn(latents, first, uniforms, name)[0] for name in apart_from]
        if narrowest > 1e-3 and wanted not in others:
            return latents, first, uniforms, wanted


def _ask(
    examinee: Examinee, latents: Tensor, first: int, uniforms: Tensor
) -> list[int]:
    reply = examinee.call("spread_codes", latents, first, uniforms)
    found = as_tensor(reply, (len(uniforms) + 1,))
    if found.dtype != torch.int64:
        raise WrongAnswerError(
            f"Return the latents' indices, int64; yours are {found.dtype}."
        )
    return [int(index) for index in found]


def _second_code(examinee: Examinee, generator: torch.Generator) -> None:
    for _ in range(3):
        scene = _scene(generator, 2, ("to the nearest",))
        latents, first, uniforms, wanted = scene
        found = _ask(examinee, latents, first, uniforms)
        if found == wanted:
            continue
        if found[0] != first:
            raise WrongAnswerError(
                f"The first code is given, latent {first}; yours begins with "
                f"{found[0]}."
            )
        distance = (latents - latents[first]).square().sum(dim=1)
        told = (
            f"From latent {first} the squared distances are {text(distance, 3)}, and "
            f"u = {text(uniforms[0])} draws latent {wanted[1]}; you take {found[1]}"
        )
        if found == _drawn(latents, first, uniforms, "to the nearest")[0]:
            raise WrongAnswerError(f"{told}: your distances are not squared.")
        if found[1] == int(distance.argmax()):
            raise WrongAnswerError(
                f"{told}: the farthest. It is only the likeliest; one outlier would "
                "always be taken."
            )
        raise WrongAnswerError(f"{told}.")


def _all_codes(examinee: Examinee, generator: torch.Generator) -> None:
    wrong = tuple(name for name in WEIGHINGS if name != "squared to the nearest")
    for _ in range(2):
        latents, first, uniforms, wanted = _scene(generator, 5, wrong)
        found = _ask(examinee, latents, first, uniforms)
        if found == wanted:
            continue
        told = (
            f"From latent {first} and u = {text(uniforms)} the draws are {wanted}, "
            f"yours are {found}"
        )
        for name in wrong:
            if found == _drawn(latents, first, uniforms, name)[0]:
                raise WrongAnswerError(
                    f"{told}. You weigh by the distance {name} of the codes chosen so "
                    "far; it should be the squared distance to the nearest of them."
                )
        raise WrongAnswerError(f"{told}.")


def _twins(examinee: Examinee, generator: torch.Generator) -> None:
    # Three places, each held by several latents, the first place by the first ones.
    places = torch.tensor([[0.0, 0.0], [3.0, 1.0], [-2.0, 2.0]])
    holder = torch.tensor([0, 0, 1, 2, 0, 1, 2, 2])
    latents = places[holder] + torch.randn(2, generator=generator).round()
    top = float(torch.rand((), generator=generator)) * 0.01 + 0.985
    for uniforms in (torch.zeros(2), torch.tensor([top, top])):
        found = _ask(examinee, latents, 0, uniforms)
        if not all(0 <= index < 8 for index in found):
            raise WrongAnswerError(f"There are 8 latents; your indices are {found}.")
        if len(set(holder[found].tolist())) < 3:
            raise WrongAnswerError(
                f"Latents {found} were drawn with u = {text(uniforms)}, and two of "
                "them lie at one place. A latent at a chosen place has the weight 0 "
                "and must not be drawn, not even by u = 0."
            )
        wanted, _ = _drawn(latents, 0, uniforms)
        if found != wanted:
            raise WrongAnswerError(
                f"Among latents of which several are equal, u = {text(uniforms)} draws "
                f"{wanted}; you draw {found}."
            )


SPREAD_CODES = Task(
    function="spread_codes",
    title="A start that leaves no code behind",
    difficulty=3,
    minutes=40,
    parts=(
        Part(4, "the second code, drawn by squared distance", _second_code),
        Part(6, "every further one, by the distance to the nearest so far", _all_codes),
        Part(4, "no place taken twice", _twins),
    ),
)

"""A task of A3: the ArcCosine margin loss, with codes as classes."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.examinee import Examinee, Value
from arcvq_lite.check.replies import as_number, as_tensor, as_things, first_miss, text
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, close, name_mistake
from arcvq_lite.losses import arc_margin_loss, margin_of_rows
from arcvq_lite.margins import add_angular_margin

_NAMES = ("loss", "calls")


def _draw(
    latents: int, codes: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, float, float, int]:
    """Latents, codebook, scale, margin and top_k."""
    z = 2 * torch.randn(latents, 4, generator=generator)
    e = 0.6 * torch.randn(codes, 4, generator=generator)
    draw = torch.rand(2, generator=generator).tolist()
    return z, e, 3 + 4 * draw[0], 0.2 + 0.3 * draw[1], 3


def _loss_of(reply: Value) -> float:
    return as_number(as_things(reply, _NAMES)[0], "the loss")


def _has_its_value(examinee: Examinee, generator: torch.Generator) -> None:
    given = _draw(11, 6, generator)
    found = _loss_of(examinee.call("arc_margin", *given))
    if not math.isfinite(found):
        raise WrongAnswerError(
            f"For six codes, eleven latents and k = 3 your loss is {text(found)}. A "
            "code without positives has the logarithm of 0; every code calls k."
        )
    exact = (given[0].double(), given[1].double(), *given[2:])
    name_mistake(found, ((wrong(*exact), why) for wrong, why in _MISTAKES), 1e-4)
    _, _, scale, margin, top_k = given
    wanted = arc_margin_loss(*exact[:2], scale=scale, margin=margin, top_k=top_k)
    if not close(found, wanted, 2e-4):
        raise WrongAnswerError(
            f"For six codes, eleven latents, s = {text(scale)}, m = {text(margin)} and "
            f"k = 3 the loss is {text(wanted)}; yours is {text(found)}."
        )


def _moves_latents_alone(examinee: Examinee, generator: torch.Generator) -> None:
    given = _draw(11, 6, generator)
    _, (moved, codes) = examinee.differentiate(
        "arc_margin",
        list(given),
        with_respect_to=[0, 1],
        upstream=(torch.tensor(1.0), None),
    )
    if codes is not None and bool(codes.any()):
        raise WrongAnswerError(
            "The codebook has a gradient. Codes that may move come to the latents, and "
            "the loss falls without spreading anything."
        )
    if moved is None or not bool(moved.any()):
        raise WrongAnswerError("No gradient reaches the latents, which should move.")
    z, e, scale, margin, top_k = given
    exact = z.double().requires_grad_()
    loss = arc_margin_loss(exact, e.double(), scale=scale, margin=margin, top_k=top_k)
    (wanted,) = torch.autograd.grad(loss, exact)
    row = first_miss(moved, wanted, 2e-4)
    if row is not None:
        raise WrongAnswerError(
            f"The gradient at latent {row} should be {text(wanted[row], 3)}; yours is "
            f"{text(moved[row], 3)}. Something between latents and loss is detached, "
            "or the value is wrong as well."
        )


def _holds_at_the_edges(examinee: Examinee, generator: torch.Generator) -> None:
    z, e, _, margin, top_k = _draw(11, 6, generator)
    wanted = arc_margin_loss(
        z.double(), e.double(), scale=1000.0, margin=margin, top_k=top_k
    )
    found = _loss_of(examinee.call("arc_margin", z, e, 1000.0, margin, top_k))
    if not close(found, wanted, 1e-4 * wanted.item() + 1e-2):
        raise WrongAnswerError(
            f"At s = 1000 the loss is {text(wanted)}; yours is {text(found)}. The "
            "exponential of 89 is larger than any float32."
        )
    # A heap of latents opposite to the code, so that θ + m passes π for its positives.
    code = F.normalize(torch.randn(1, 4, generator=generator), dim=1)
    heap = 0.04 * torch.randn(6, 4, generator=generator) - code
    wanted = arc_margin_loss(
        heap.double(), code.double(), scale=4.0, margin=0.5, top_k=top_k
    )
    found = _loss_of(examinee.call("arc_margin", heap, code, 4.0, 0.5, top_k))
    if not close(found, wanted, 1e-2):
        raise WrongAnswerError(
            f"With all latents opposite to the code, s = 4 and m = 0.5, the loss is "
            f"{text(wanted)}; yours is {text(found)}. Where θ + m passes π the cosine "
            "rises again; the rule in the task takes its place."
        )
    axes = torch.eye(4)
    _, (moved,) = examinee.differentiate(
        "arc_margin",
        [2 * axes, 3 * axes[:3], 4.0, margin, 1],
        with_respect_to=[0],
        upstream=(torch.tensor(1.0), None),
    )
    if moved is None or not bool(torch.isfinite(moved).all()):
        raise WrongAnswerError(
            "With latents exactly on their codes, cosine 1, the gradient is "
            f"{'missing' if moved is None else text(moved[0], 3)}: the slope of an arc "
            "cosine, and of a root at 0, is infinite there."
        )


def _counts_the_calls(examinee: Examinee, generator: torch.Generator) -> None:
    z, e, scale, margin, _ = _draw(11, 6, generator)
    reply = examinee.call("arc_margin", z, e, scale, margin, 2)
    calls = as_tensor(as_things(reply, _NAMES)[1], (11,), "calls")
    cosine = F.normalize(e.double(), dim=1) @ F.normalize(z.double(), dim=1).T
    wanted = cosine.topk(2, dim=1).indices.flatten().bincount(minlength=11)
    if close(calls, wanted, 0):
        return
    if close(calls, (wanted > 0).long(), 0):
        raise WrongAnswerError(
            "Those say whether a latent is called; wanted is by how many codes."
        )
    raise WrongAnswerError(
        f"Six codes with k = 2 make 12 calls: {wanted.tolist()}. Yours are "
        f"{calls.tolist()}, {text(calls.double().sum())} in all."
    )


Loss = Callable[[Tensor, Tensor, float, float, int], Tensor]


def _cosine(latents: Tensor, codebook: Tensor) -> Tensor:
    return F.normalize(codebook, dim=1) @ F.normalize(latents, dim=1).T


def _rows(z: Tensor, e: Tensor, s: float, m: float, k: int) -> Tensor:
    return margin_of_rows(_cosine(z, e), scale=s, margin=m, top_k=k)


def _other(
    positive: Callable[[Tensor, float], Tensor] = add_angular_margin,
    negative: Callable[[Tensor, float], Tensor] = lambda c, m: c,
    *,
    largest: bool = True,
    floor: float | None = None,
    each: bool = False,
) -> Loss:
    """The loss with another logit, other positives, or another fraction."""

    def loss(z: Tensor, e: Tensor, s: float, m: float, k: int) -> Tensor:
        cosine = _cosine(z, e)
        called = cosine.topk(k, dim=1, largest=largest)
        won = s * positive(called.values, m)
        fill = won if floor is None else torch.full_like(won, floor)
        logits = (s * negative(cosine, m)).scatter(1, called.indices, fill)
        share = won.mean(dim=1) if each else won.logsumexp(dim=1)
        return (logits.logsumexp(dim=1) - share).mean()

    return loss


_AXIS = (
    "The softmax runs over the codes. Here a code is the class and the latents are its "
    "samples, so top-k and softmax run over the latents."
)
_MISTAKES: list[tuple[Loss, str]] = [
    (lambda z, e, s, m, k: _rows(e, z, s, m, 1).mean(), _AXIS),
    (lambda z, e, s, m, k: _rows(e, z, s, m, k).mean(), _AXIS),
    (
        _other(add_angular_margin, add_angular_margin),
        "The negatives carry the margin too; only the called latents do.",
    ),
    (
        _other(lambda c, m: c, add_angular_margin),
        "The margin stands on the negatives; it belongs to the called latents.",
    ),
    (_other(lambda c, m: c), "The margin is missing."),
    (
        _other(lambda c, m: (c.acos() - m).cos()),
        "The margin is taken from the angle, which makes the task easier.",
    ),
    (
        _other(lambda c, m: c - m),
        "The margin is taken from the cosine, as CosFace does; add it to the angle.",
    ),
    (lambda z, e, s, m, k: _rows(z, e, 1.0, m, k).mean(), "The scale is missing."),
    (_other(largest=False), "Those are the k least similar latents."),
    (_other(floor=-math.inf), "The positives are missing from the denominator."),
    (
        _other(each=True),
        "Each positive has a logarithm of its own; one logarithm holds their sum.",
    ),
    (
        lambda *given: _rows(*given).sum(),
        "That is the sum over the codes; the loss is their mean.",
    ),
    (lambda *given: -_rows(*given).mean(), "The sign is turned."),
]

ARC_MARGIN = Task(
    function="arc_margin",
    title="The margin loss, with codes as classes",
    difficulty=3,
    minutes=50,
    parts=(
        Part(8, "has the value of the definition", _has_its_value),
        Part(5, "moves the latents and not the codes", _moves_latents_alone),
        Part(4, "holds at any scale, at cosine 1 and past π", _holds_at_the_edges),
        Part(3, "counts how many codes call each latent", _counts_the_calls),
    ),
)

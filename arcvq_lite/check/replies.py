"""What a test makes of a reply before it looks at the numbers in it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from arcvq_lite.check.examinee import NotAttemptedError, Value
from arcvq_lite.check.verdict import WrongAnswerError


def as_tensor(reply: Value, shape: tuple[int, ...], what: str = "") -> Tensor:
    """The reply, if it is a tensor of numbers with the shape that was asked for.

    Args:
        reply: what the function returned, or one of the things in it.
        shape: that it should have.
        what: its name where the function returns several things, such as "counts".

    Raises:
        WrongAnswerError: if it is not.
    """
    thing = what or "the result"
    if reply is None:
        raise _nothing(what)
    if not isinstance(reply, Tensor):
        raise WrongAnswerError(
            f"{_first_up(thing)} should be a tensor of shape {shape}, yours is "
            f"{_kind(reply)}."
        )
    if tuple(reply.shape) != shape:
        raise WrongAnswerError(
            f"The shape of {thing} should be {shape}, yours is {tuple(reply.shape)}."
        )
    if reply.is_complex():
        raise WrongAnswerError(f"{_first_up(thing)} should not be complex.")
    return reply


def as_number(reply: Value, what: str = "") -> float:
    """The reply as a float, from a number or from a tensor with a single element.

    Raises:
        WrongAnswerError: if it is neither.
    """
    thing = what or "the result"
    if reply is None:
        raise _nothing(what)
    if isinstance(reply, Tensor) and reply.numel() == 1 and not reply.is_complex():
        return float(reply.item())
    if isinstance(reply, bool) or not isinstance(reply, int | float):
        raise WrongAnswerError(
            f"{_first_up(thing)} should be one number, yours is {_kind(reply)}."
        )
    return float(reply)


def as_things(reply: Value, names: tuple[str, ...]) -> tuple[Value, ...]:
    """The reply, if it is a tuple or a list with one thing for each name.

    Raises:
        WrongAnswerError: if it is not.
    """
    if reply is None:
        raise _nothing("")
    wanted = f"Return ({', '.join(names)})"
    if not isinstance(reply, tuple | list):
        raise WrongAnswerError(f"{wanted}, not {_kind(reply)}.")
    if len(reply) != len(names):
        raise WrongAnswerError(f"{wanted}; you return {len(reply)} things.")
    return tuple(reply)


def text(value: Tensor | float, digits: int = 4) -> str:
    """A number or a small tensor, rounded, as a sentence shows it."""
    if isinstance(value, Tensor):
        if value.dim():
            return "[" + ", ".join(text(part, digits) for part in value) + "]"
        value = value.item()
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    shown = f"{value:.{digits}g}"
    return "0" if float(shown) == 0 else shown.replace("-", "−")


def first_miss(found: Tensor, wanted: Tensor, tolerance: float) -> int | None:
    """The first row (or element) where two tensors of one shape disagree.

    A NaN agrees with nothing; None where all agree within the absolute tolerance.
    """
    gap = (found.double() - wanted.double()).abs()
    missed = ~(gap <= tolerance)
    if not bool(missed.any()):
        return None
    rows = missed.flatten(1).any(dim=1) if missed.dim() > 1 else missed.reshape(-1)
    return int(torch.nonzero(rows)[0])


def worst(found: Tensor, wanted: Tensor) -> int:
    """The row (or element) in which two tensors of one shape disagree most.

    A NaN counts as infinitely far off.
    """
    gap = (found.double() - wanted.double()).abs().nan_to_num(torch.inf)
    rows = gap.flatten(1).amax(dim=1) if gap.dim() > 1 else gap.reshape(-1)
    return int(rows.argmax())


def _nothing(what: str) -> WrongAnswerError:
    if what:
        return WrongAnswerError(f"{_first_up(what)} is missing: you return None there.")
    return NotAttemptedError("Not attempted yet: your function returns None.")


def _kind(reply: Value) -> str:
    if isinstance(reply, Tensor):
        return f"a tensor of shape {tuple(reply.shape)}"
    return f"of the type {type(reply).__name__}"


def _first_up(thing: str) -> str:
    return thing[0].upper() + thing[1:]

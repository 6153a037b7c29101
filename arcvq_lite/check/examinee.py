"""Examinee: what a test may ask of somebody's functions, wherever these run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from arcvq_lite.check.verdict import WrongAnswerError

# What may be handed to a function or come back from it: tensors, numbers, strings,
# None, and lists, tuples and dicts with string keys of these. Nothing else crosses the
# border between a grader and a submission, so nothing has to be trusted there.
Value = Any


class Examinee(Protocol):
    """Functions by name, to be called with plain values.

    Tests are written against this alone, so that the same tests run under a stub in a
    notebook and in the grader, where the functions live in a process of their own.
    Every method raises `WrongAnswerError`, with a sentence for the student, where the
    function is missing, is not attempted, raises, takes too long or ends its process.
    """

    def call(self, function: str, *arguments: Value, **options: Value) -> Value:
        """What the function returns."""
        ...

    def differentiate(
        self,
        function: str,
        arguments: Sequence[Value],
        *,
        with_respect_to: Sequence[int],
        upstream: Value = None,
    ) -> tuple[Value, list[Tensor | None]]:
        """What the function returns, and the gradients that flow back through it.

        Args:
            function: its name.
            arguments: positional; those differentiated are float tensors.
            with_respect_to: positions in `arguments`.
            upstream: the gradient that arrives at each tensor of the result, in the
                result's own structure, None where none arrives; None altogether for
                a scalar result, at which 1 arrives.

        Returns:
            The result, detached, and a gradient for each position; None where the
            result does not depend on that argument.
        """
        ...

    def call_short_of_space(
        self, room: int, function: str, *arguments: Value, **options: Value
    ) -> bool:
        """Call a function while no file can become longer than `room` bytes.

        Returns:
            Whether the function returned; False if it raised or its process ended,
            as is right where a disk is full.
        """
        ...

    @property
    def folder(self) -> Path:
        """An empty folder in which the functions may write."""
        ...


class NotAttemptedError(WrongAnswerError):
    """Raised where a function is missing or is still the stub."""


class CannotBeTriedError(Exception):
    """Raised where this machine has no means to try a property of an answer."""


class InPlaceExaminee:
    """The functions of a notebook, called in its own process.

    Every function is handed copies, so that what it does to them is not felt by the
    test, as in a grader.

    Args:
        functions: by name; what is none of a function is told so.
        folder: where they may write.
    """

    def __init__(self, functions: Mapping[str, Any], folder: Path) -> None:
        self._functions = dict(functions)
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where the functions may write."""
        return self._folder

    def call(self, function: str, *arguments: Value, **options: Value) -> Value:
        """What the function returns, with all tensors detached."""
        given = [_copied(argument) for argument in arguments]
        named = {name: _copied(option) for name, option in options.items()}
        return _plain(self._reply(function, given, named))

    def differentiate(
        self,
        function: str,
        arguments: Sequence[Value],
        *,
        with_respect_to: Sequence[int],
        upstream: Value = None,
    ) -> tuple[Value, list[Tensor | None]]:
        """What the function returns, and the gradients that flow back through it."""
        given = [_copied(argument) for argument in arguments]
        leaves = [given[position].requires_grad_() for position in with_respect_to]
        with torch.enable_grad():
            reply = self._reply(function, given, {})
        arriving = list(_arriving(reply, upstream))
        reached = [(tensor, grad) for tensor, grad in arriving if tensor.requires_grad]
        gradients: list[Tensor | None] = [None] * len(leaves)
        if reached:
            outputs, pulls = zip(*reached, strict=True)
            try:
                found = torch.autograd.grad(outputs, leaves, pulls, allow_unused=True)
            except RuntimeError as error:
                raise WrongAnswerError(
                    f"No gradient can be taken through your function: {error}"
                ) from error
            gradients = list(found)
        return _plain(reply), gradients

    def call_short_of_space(
        self, room: int, function: str, *arguments: Value, **options: Value
    ) -> bool:
        """Whether the function returned while no file could exceed `room` bytes.

        Raises:
            CannotBeTriedError: where the system knows no limit on a file's length.
        """
        with _files_shorter_than(room):
            try:
                self.call(function, *arguments, **options)
            except NotAttemptedError:
                raise
            except WrongAnswerError:
                return False
        return True

    def _reply(
        self, function: str, arguments: list[Value], options: dict[str, Value]
    ) -> Value:
        answer = self._functions.get(function)
        if answer is None or answer is ...:
            raise NotAttemptedError("Not attempted yet.")
        if not callable(answer):
            raise WrongAnswerError(
                f"The answer must be a function, got {type(answer).__name__}."
            )
        try:
            return answer(*arguments, **options)
        except NotImplementedError as error:
            raise NotAttemptedError("Not attempted yet.") from error
        except Exception as error:
            raise WrongAnswerError(
                f"Your function raised {type(error).__name__}: {error}"
            ) from error


def _copied(value: Value) -> Value:
    """The same value, of which no tensor is shared."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, list | tuple):
        return type(value)(_copied(part) for part in value)
    if isinstance(value, dict):
        return {key: _copied(part) for key, part in value.items()}
    return value


def _plain(reply: Value) -> Value:
    """The reply with its tensors detached, if it is made of plain values.

    Raises:
        WrongAnswerError: if it is not.
    """
    if isinstance(reply, Tensor):
        return reply.detach()
    if reply is None or isinstance(reply, bool | int | float | str):
        return reply
    if isinstance(reply, list | tuple):
        parts = [_plain(part) for part in reply]
        return parts if isinstance(reply, list) else tuple(parts)
    if isinstance(reply, dict) and all(isinstance(key, str) for key in reply):
        return {key: _plain(part) for key, part in reply.items()}
    raise WrongAnswerError(
        f"Your function returns something of the type {type(reply).__name__}; return "
        "tensors, numbers, strings, or lists, tuples and dicts of them."
    )


def _arriving(reply: Value, upstream: Value) -> Iterator[tuple[Tensor, Tensor]]:
    """Each tensor of a reply at which a gradient arrives, with that gradient."""
    if upstream is None:
        if not isinstance(reply, Tensor):
            return
        if reply.dim():
            raise WrongAnswerError(
                f"Return a single number, shape (), not {tuple(reply.shape)}."
            )
        yield reply, torch.ones_like(reply)
        return
    yield from _matched(reply, upstream)


def _matched(reply: Value, upstream: Value) -> Iterator[tuple[Tensor, Tensor]]:
    if upstream is None:
        return
    if isinstance(upstream, Tensor):
        if not isinstance(reply, Tensor) or reply.shape != upstream.shape:
            is_tensor = isinstance(reply, Tensor)
            shape = tuple(reply.shape) if is_tensor else type(reply).__name__
            raise WrongAnswerError(
                f"Return a tensor of shape {tuple(upstream.shape)}, not {shape}."
            )
        yield reply, upstream.to(reply.dtype)
        return
    if isinstance(upstream, dict):
        if not isinstance(reply, dict) or not upstream.keys() <= reply.keys():
            raise WrongAnswerError(f"Return a dict with the keys {list(upstream)}.")
        for key, part in upstream.items():
            yield from _matched(reply[key], part)
        return
    if not isinstance(reply, list | tuple) or len(reply) != len(upstream):
        raise WrongAnswerError(f"Return {len(upstream)} things, in a tuple.")
    for here, part in zip(reply, upstream, strict=True):
        yield from _matched(here, part)


@contextmanager
def _files_shorter_than(room: int) -> Iterator[None]:
    """No file of this process can grow beyond `room` bytes inside the block."""
    try:
        import resource
    except ImportError as error:
        raise CannotBeTriedError(
            "your system cannot pretend that its disk is full; the grader's can"
        ) from error
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A write beyond the limit then fails with an error instead of a signal. Python
    # itself ignores the signal from its start, and only its main thread may ask.
    main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN) if main else None
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        if main:
            signal.signal(signal.SIGXFSZ, handler)

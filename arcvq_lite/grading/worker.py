"""The process that a submission is in: it loads the functions and answers requests."""

from __future__ import annotations

import builtins
import os
import random
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from arcvq_lite.check.examinee import (
    CannotBeTriedError,
    InPlaceExaminee,
    NotAttemptedError,
    Value,
)
from arcvq_lite.check.verdict import WrongAnswerError
from arcvq_lite.grading import apart, kernel
from arcvq_lite.grading.denied_program import denied_program
from arcvq_lite.grading.keeper import Place
from arcvq_lite.grading.refusal import RefusedImportError, refuse_imports
from arcvq_lite.grading.wire import (
    HEAD,
    Allowance,
    UnsendableError,
    from_bytes,
    lengths,
    to_bytes,
)

_LONGEST = 600  # characters of a sentence
_NO_ROOM = ("can't allocate memory", "not enough memory", "cannot allocate memory")
_MODULE = "submission"
_MOST_FILES = 2**20


def work(place: Place, requests: int, replies: int) -> None:
    """Set this process apart for good, then serve the grader until it lets go."""
    _close_all_but(requests, replies)
    os.chdir(place.own)
    os.umask(0o077)
    for name in ("HOME", "TMPDIR"):
        os.environ[name] = str(place.own)
    tempfile.tempdir = None
    torch.manual_seed(0)
    random.seed(0)
    seconds = int(place.limits.seconds_a_submission) + 10
    needed = (*place.reach.needed, place.own)
    place.steps.take("user", lambda: apart.become(place.user, needed))
    if kernel.IS_LINUX:
        kernel.die_with_parent()
    alone = bool({"user", "namespaces"} & place.steps.wanted)
    apart.limit_resources(place.limits, seconds, alone=alone)
    place.steps.take("capabilities", apart.give_up_rights)
    place.steps.take("landlock", lambda: _keep_files(place))
    place.steps.take("filter", apart.keep_calls)
    if place.steps.tell is None:
        allowance = Allowance(tensor_bytes=place.limits.reply_mb * 2**20)
        _serve(requests, replies, allowance, place.own)


def _keep_files(place: Place) -> None:
    reach = place.reach
    apart.keep_files(place.landlock, reach.readable, reach.listed, place.own)


def _close_all_but(requests: int, replies: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    first, last = sorted((requests, replies))
    os.closerange(3, first)
    os.closerange(first + 1, last)
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.closerange(last + 1, min(most, _MOST_FILES))
    sys.stdout = sys.stderr = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _serve(requests: int, replies: int, allowance: Allowance, own: Path) -> None:
    process = os.getpid()
    module = ModuleType(_MODULE)
    sys.modules[_MODULE] = module
    refuse_imports()
    troubles: list[str] = []
    while True:
        head = _read(requests, HEAD.size)
        request = from_bytes(
            head + _read(requests, sum(lengths(head, allowance))), allowance
        )
        try:
            if request["kind"] == "greet":
                answer = {"kind": "ready"}
            elif request["kind"] == "load":
                troubles = _load(request["units"], vars(module))
                answer = {"kind": "loaded"}
            else:
                answer = _answer(request, vars(module), troubles, own)
        except SystemExit as left:
            os._exit(left.code if isinstance(left.code, int) else left.code is not None)
        except BaseException as error:
            answer = _wrong(f"Your function raised {_told(error)}")
        if os.getpid() != process:
            os._exit(0)  # a copy that the function has made of this process
        _write(replies, _framed({**answer, "nonce": request["nonce"]}, allowance))


def _load(units: list[tuple[str, str]], namespace: dict[str, Any]) -> list[str]:
    """Run statements one by one; what went wrong, the first thing first."""
    namespace["__builtins__"] = builtins
    troubles: list[str] = []
    refused: list[str] = []
    for text, where in units:
        try:
            exec(compile(text, f"<{where}>", "exec", dont_inherit=True), namespace)
        except RefusedImportError as error:
            refused.append(f"{where} raised {_told(error)}")
        except BaseException as error:
            troubles.append(f"{where} raised {_told(error)}")
    return troubles + refused


def _answer(
    request: dict[str, Value], functions: dict[str, Any], troubles: list[str], own: Path
) -> dict[str, Value]:
    name = request["function"]
    if name not in functions:
        told = f"There is no function {name} in what you have handed in."
        after = f" Before it, {troubles[0]}" if troubles else ""
        return {"kind": "absent", "sentence": _short(told + after)}
    examinee = InPlaceExaminee(functions, own)
    asked: dict[str, Callable[[], Value]] = {
        "call": lambda: examinee.call(
            name, *request["arguments"], **request["options"]
        ),
        "differentiate": lambda: examinee.differentiate(
            name,
            request["arguments"],
            with_respect_to=request["with_respect_to"],
            upstream=request["upstream"],
        ),
        "call_short_of_space": lambda: _short_of_space(request, examinee),
    }
    try:
        value = asked[request["kind"]]()
    except NotAttemptedError as error:
        return {"kind": "absent", "sentence": _short(str(error))}
    except CannotBeTriedError as error:
        return {"kind": "untriable", "sentence": _short(str(error))}
    except WrongAnswerError as error:
        if _lacked_memory(error.__cause__):
            return {"kind": "memory"}
        program = denied_program(error.__cause__)
        if program:
            return {"kind": "program", "sentence": _short(program)}
        return _wrong(str(error))
    return {"kind": "value", "value": value}


def _short_of_space(request: dict[str, Value], examinee: InPlaceExaminee) -> bool:
    """Let the kernel end a copy of this process in the middle of a write.

    The first process of a namespace is spared such signals, so it cannot be this one.
    """
    told, tell = os.pipe()
    copy = os.fork()
    if copy == 0:
        code = 1
        try:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["room"], hard))
            examinee.call(
                request["function"], *request["arguments"], **request["options"]
            )
            code = 0
        except NotAttemptedError as error:
            os.write(tell, _short(str(error)).encode())
        finally:
            os._exit(code)
    os.close(tell)
    with open(told, encoding="utf-8", errors="replace") as pipe:
        absent = pipe.read(_LONGEST)
    _, status = os.waitpid(copy, 0)
    if absent:
        raise NotAttemptedError(absent)
    return status == 0


def _framed(answer: dict[str, Value], allowance: Allowance) -> bytes:
    try:
        return to_bytes(answer, allowance)
    except UnsendableError as error:
        told = f"Your function returns {error}; return tensors, numbers, strings, or "
        told += "lists, tuples and dicts of them."
    except BaseException as error:
        told = f"What your function returns raised {_told(error)}"
    return to_bytes({**_wrong(told), "nonce": answer["nonce"]}, allowance)


def _wrong(sentence: str) -> dict[str, Value]:
    return {"kind": "wrong", "sentence": _short(sentence)}


def _short(sentence: str) -> str:
    plain = sentence.encode("utf-8", "replace").decode("utf-8")
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]} …"


def _told(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:
        return f"{type(error).__name__}"


def _lacked_memory(error: BaseException | None) -> bool:
    if isinstance(error, MemoryError):
        return True
    told = _told(error).lower() if isinstance(error, RuntimeError) else ""
    return any(words in told for words in _NO_ROOM)


def _read(source: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(source, min(count, 2**20))
        if not part:
            os._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _write(target: int, frame: bytes) -> None:
    view = memoryview(frame)
    while view:
        view = view[os.write(target, view) :]

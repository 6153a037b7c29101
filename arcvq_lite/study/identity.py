"""What determines the result of a run, as one hash, and in words where two differ."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import Tensor

from arcvq_lite import __version__
from arcvq_lite.evaluation.fingerprint import digest_file, digest_tensors
from arcvq_lite.study.arms import RunPlan
from arcvq_lite.study.options import ScoreOptions

Identity = dict[str, Any]


def identify_run(plan: RunPlan, data: str, scores: Mapping[str, Any]) -> Identity:
    """Everything that determines the rows of a run on one machine.

    The question, the claims and the other arms and seeds are not among it: words
    may be mended and arms added without losing a run.

    Args:
        plan: of the run; the schedules are identified as they run, whatever clock
            they were set by.
        data: of `digest_data`.
        scores: of `digest_scores`.
    """
    setting = plan.setting
    data_options = dataclasses.asdict(setting.data)
    budget = dataclasses.asdict(setting.budget)
    options = dataclasses.asdict(plan.options)
    # The schedules are in the arm's options as they run. Where the images lie does
    # not matter; which they are does.
    del budget["clock"], options["clock"], data_options["source"]
    found = {
        "arm": options,
        "seed": plan.seed,
        "data": {**data_options, "sha256_of_images": data},
        "model": dataclasses.asdict(setting.model),
        "optimizer": dataclasses.asdict(setting.optimizer),
        "budget": budget,
        "scores": dict(scores),
        "versions": versions(),
    }
    plain: Identity = json.loads(json.dumps(found))
    return plain


def hash_of(identity: Identity) -> str:
    """SHA-256 of an identity, 64 hexadecimal digits."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def difference(before: Identity, now: Identity) -> str | None:
    """The first option in which two identities differ, in words; None if in none."""
    old, new = dict(_leaves(before)), dict(_leaves(now))
    for name in [*old, *(name for name in new if name not in old)]:
        if old.get(name) != new.get(name):
            return f"{name} was {old.get(name)!r}, and is {new.get(name)!r} now"
    return None


def digest_data(training: Tensor, held_out: Tensor) -> str:
    """SHA-256 of all images or signals, of both parts and in their order."""
    return digest_tensors({"training": training, "held_out": held_out})


def digest_scores(options: ScoreOptions) -> dict[str, str | None]:
    """SHA-256 of each file of weights; "random" and None as they are.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    return {
        name: given if given in (None, "random") else digest_file(Path(given))
        for name, given in dataclasses.asdict(options).items()
    }


def versions() -> dict[str, str]:
    """Of all packages whose arithmetic is in the rows."""
    names = ("torch", "torchmetrics", "numpy")
    return {
        "arcvq-lite": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value

"""A task of A4: what a training costs, before it is begun."""

from __future__ import annotations

from typing import NamedTuple

import torch

from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import as_number
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError

_KEYS = ("gpu_hours", "days", "money")


class _Training(NamedTuple):
    """What a bill is asked for, in the order of the arguments."""

    images: int
    epochs: int
    batch: int
    trained_gflop: float
    frozen_gflop: float
    peak_tflops: float
    share: float
    gpus: int
    price: float

    def ask(self, examinee: Examinee) -> dict[str, float]:
        """The three numbers of the answer."""
        reply = examinee.call("training_bill", *self)
        if not isinstance(reply, dict) or set(reply) != set(_KEYS):
            raise WrongAnswerError(f"Return a dict with the keys {', '.join(_KEYS)}.")
        return {key: as_number(reply[key], key) for key in _KEYS}

    def gpu_hours(
        self, trained: float = 3.0, frozen: float = 2.0, batch: int | None = None
    ) -> float:
        """Hours, if the networks run as often as that for an image."""
        size = batch or self.batch
        seen = self.images // size * size * self.epochs
        gflop = seen * (trained * self.trained_gflop + frozen * self.frozen_gflop)
        return gflop / (1000 * self.peak_tflops * self.share) / 3600


def _draw(generator: torch.Generator, gpus: int = 1, left: int = 0) -> _Training:
    draw = torch.rand(6, generator=generator).tolist()
    batch = 16 + int(16 * draw[0])
    return _Training(
        images=batch * (2000 + int(1000 * draw[1])) + left,
        epochs=20 + int(10 * draw[2]),
        batch=batch,
        trained_gflop=300 + 200 * draw[3],
        frozen_gflop=40 + 20 * draw[4],
        peak_tflops=312.0,
        share=0.2 + 0.2 * draw[5],
        gpus=gpus,
        price=2.5,
    )


def _hours(examinee: Examinee, generator: torch.Generator) -> None:
    training = _draw(generator)
    found = training.ask(examinee)["gpu_hours"]
    wanted = training.gpu_hours()
    if _same(found, wanted):
        return
    share = training.share
    mistakes = {
        training.gpu_hours(1, 1): "The walk back is missing: only the run is counted.",
        training.gpu_hours(
            3, 1
        ): "The walk back through the frozen network is missing.",
        training.gpu_hours(3, 3): (
            "A frozen network needs no gradient of its weights, so its walk back costs "
            "one run and not two."
        ),
        training.gpu_hours(2, 2): (
            "A walk back through trained weights costs two runs: one for the gradient "
            "of the weights, one for that of the input."
        ),
        training.gpu_hours(3, 0): "The frozen network is missing.",
        wanted * 3600: "Those are seconds.",
        wanted * 60: "Those are minutes.",
        wanted / training.epochs: "That is one epoch.",
        wanted * share: "The share is left out: nobody sustains the peak.",
        wanted * share**2: "A smaller share takes longer; divide by it.",
        wanted * 1000: "A TFLOP is a thousand GFLOP: these are a thousandfold.",
        wanted / 1000: "A TFLOP is a thousand GFLOP: these are a thousandth.",
    }
    for mistake, sentence in mistakes.items():
        if _same(found, mistake):
            raise WrongAnswerError(sentence)
    raise WrongAnswerError(f"For {_told(training)} it takes {_say(wanted, found)}")


def _days_and_money(examinee: Examinee, generator: torch.Generator) -> None:
    training = _draw(generator, gpus=8)
    found = training.ask(examinee)
    hours = training.gpu_hours()
    wanted = {"gpu_hours": hours, "days": hours / 8 / 24, "money": hours * 2.5}
    for key, mistake, sentence in (
        ("gpu_hours", hours / 8, "GPU-hours are those of all GPUs together."),
        ("days", hours / 24, "Eight GPUs work at the same time; divide the days by 8."),
        ("days", hours / 8, "Those are hours; a day has 24."),
        ("days", hours * 8 / 24, "More GPUs take fewer days."),
        ("money", hours / 8 * 2.5, "The price is for one GPU; eight are rented."),
        ("money", hours * 8 * 2.5, "GPU-hours count every GPU already."),
        ("money", hours / 24 * 2.5, "The price is for an hour, not for a day."),
    ):
        if _same(found[key], mistake):
            raise WrongAnswerError(sentence)
    for key in _KEYS:
        if not _same(found[key], wanted[key]):
            raise WrongAnswerError(
                f"On 8 GPUs at 2.50 an hour, {_told(training)}: {key} is "
                f"{_say(wanted[key], found[key])}"
            )


def _drops_the_last(examinee: Examinee, generator: torch.Generator) -> None:
    # A set of a few batches, where what is dropped weighs something.
    large = _draw(generator, gpus=4)
    training = large._replace(images=large.batch * 5 + large.batch // 2)
    found = training.ask(examinee)["gpu_hours"]
    wanted = training.gpu_hours()
    if _same(found, wanted):
        return
    per_epoch = f"{training.images} images in batches of {training.batch}"
    if _same(found, training.gpu_hours(batch=1)):
        raise WrongAnswerError(
            f"{per_epoch} make 5 steps an epoch and a rest that is dropped; you charge "
            "for the rest."
        )
    if _same(found, wanted * 6 / 5):
        raise WrongAnswerError(f"{per_epoch} make 5 steps an epoch, not 6.")
    raise WrongAnswerError(
        f"{per_epoch} make 5 steps an epoch: it takes {_say(wanted, found)}"
    )


def _told(training: _Training) -> str:
    return (
        f"{training.images:,} images, {training.epochs} epochs, "
        f"{training.trained_gflop:.0f} and {training.frozen_gflop:.0f} GFLOP, "
        f"{training.peak_tflops:.0f} TFLOP/s and a share of {training.share:.2f}"
    )


def _say(wanted: float, found: float) -> str:
    return f"{wanted:.6g}; yours is {found:.6g}."


def _same(found: float, wanted: float) -> bool:
    return abs(found - wanted) <= 1e-5 * abs(wanted)


TRAINING_BILL = Task(
    function="training_bill",
    title="The bill, before the run",
    difficulty=1,
    minutes=25,
    parts=(
        Part(6, "counts runs and walks back in hours", _hours),
        Part(3, "turns them into days and money", _days_and_money),
        Part(3, "leaves out what is never trained on", _drops_the_last),
    ),
)

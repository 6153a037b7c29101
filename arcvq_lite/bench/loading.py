"""JPEGs of ImageNet's layout to batches of 256² crops, on one core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.bench.benchmark import Benchmark, Call, Contestant, Target
from arcvq_lite.bench.photograph_folder import (
    PHOTOGRAPHS,
    photograph_folder,
    removed_with,
)
from arcvq_lite.data.batches import one_pass
from arcvq_lite.data.source import open_source

SIZE, BATCH_SIZE, EACH = 256, 16, 24
# PyTorch's resizing of 8-bit levels and Pillow's differ by at most two of 255.
LEVELS = 2
_RGB = 3  # torchvision's ImageReadMode.RGB
_BETWEEN = 16  # of all crops so many pixels apart are compared, of the last batch all


def torchvision_folder() -> Call:
    """`ImageFolder`, the usual transforms of evaluation, and a `DataLoader`."""
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    photographs = photograph_folder(EACH)
    middle = [0.5, 0.5, 0.5]
    usual = transforms.Compose(
        [
            transforms.Resize(SIZE),
            transforms.CenterCrop(SIZE),
            transforms.ToTensor(),
            transforms.Normalize(middle, middle),
        ]
    )
    images = ImageFolder(str(photographs / "train"), usual)

    def call() -> dict[str, Tensor]:
        with _one_core():
            return _seen(crops for crops, _ in DataLoader(images, BATCH_SIZE))

    return removed_with(call, photographs)


def ours() -> Call:
    """`one_pass`, which `arcvq encode` and `arcvq evaluate` read with."""
    photographs = photograph_folder(EACH)
    source = open_source(photographs)

    def call() -> dict[str, Tensor]:
        with _one_core():
            batches = one_pass(source, size=SIZE, batch_size=BATCH_SIZE)
            return _seen(batch.images for batch in batches)

    return removed_with(call, photographs)


def floor() -> Call:
    """What no loader avoids: read, decode, resize, and write levels as floats."""
    import torchvision.io  # noqa: F401  # registers the operator that decodes

    photographs = photograph_folder(EACH)
    paths = sorted(photographs.rglob("*.JPEG"))
    resized = (SIZE, SIZE * 500 // 375)
    left = round((resized[1] - SIZE) / 2)

    def crop_of(path: Path) -> Tensor:
        content = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
        pixels = torch.ops.image.decode_jpeg(content, _RGB, False)  # (3, H, W)
        whole = F.interpolate(
            pixels.permute(1, 2, 0).unsqueeze(0).permute(0, 3, 1, 2),
            size=resized,
            mode="bilinear",
            antialias=True,
        )
        return whole[0, :, :, left : left + SIZE]

    def batches() -> Iterator[Tensor]:
        for start in range(0, len(paths), BATCH_SIZE):
            crops = torch.empty(BATCH_SIZE, 3, SIZE, SIZE)
            for place, path in enumerate(paths[start : start + BATCH_SIZE]):
                crops[place].copy_(crop_of(path)).div_(127.5).sub_(1)
            yield crops

    def call() -> dict[str, Tensor]:
        with _one_core():
            return _seen(batches())

    return removed_with(call, photographs)


def _seen(batches: Iterator[Tensor]) -> dict[str, Tensor]:
    """What is compared of batches that are not kept, as in a training."""
    some = []
    for crops in batches:
        some.append(crops[:, :, ::_BETWEEN, ::_BETWEEN].clone())
    return {"crops": torch.cat(some), "the last batch": crops}


@contextmanager
def _one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


BENCHMARKS = (
    Benchmark(
        name="loading",
        says="96 JPEGs of 500×375 pixels to 256² central crops, on one core.",
        contestants=(
            Contestant(
                "torchvision ImageFolder", torchvision_folder, package=PHOTOGRAPHS
            ),
            Contestant("floor", floor, package=PHOTOGRAPHS),
            Contestant("arcvq_lite", ours, package=PHOTOGRAPHS),
        ),
        targets=(Target("arcvq_lite", "torchvision ImageFolder", "seconds", 1 / 2),),
        tolerance=LEVELS / 127.5 + 1e-6,
    ),
)

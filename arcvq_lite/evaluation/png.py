"""Pictures to PNG files, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from torch import Tensor

from arcvq_lite.written_aside import written_aside


def write_png(path: Path, levels: Tensor) -> None:
    """Write a picture (3, H, W) uint8; a file of that name is replaced.

    Raises:
        FileNotFoundError: if its folder does not exist.
        OSError: if it cannot be written.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"out={str(path)!r}: its folder does not exist")
    with written_aside(path) as file:
        Image.fromarray(levels.permute(1, 2, 0).numpy()).save(file, "PNG")

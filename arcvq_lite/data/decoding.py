"""Encoded bytes to 8-bit RGB pixels, decoded no larger than they are needed."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from arcvq_lite.data.image_files import to_rgb
from arcvq_lite.data.jpeg_header import upright_jpeg_extent

MAX_PIXELS = 89_478_485  # Pillow's own limit: a quarter of a GiB as RGB
ORIENTATION = 0x0112  # the EXIF tag
UPRIGHT = 1
_RGB = 3  # torchvision.io.ImageReadMode.RGB
_AS_STORED = False  # not turned as the EXIF data say


class UndecodableError(ValueError):
    """An image that no pixels can be had from.

    Args:
        kind: what is wrong, in a word or two, such as "truncated".
        detail: what the decoder said.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.detail = detail


def decode(encoded: bytes, *, shorter: int | None = None) -> Tensor:
    """Decode an image to RGB, the right way up.

    The rotation that a camera notes in the EXIF data is applied. Grey, palette and
    CMYK images become RGB, 16-bit grey is scaled to 8 bits, transparency is
    dropped; of an animation the first frame is taken.

    Args:
        encoded: the content of an image file; the format is told by it.
        shorter: the shorter side that will be needed, in pixels. A JPEG at least
            twice as large is decoded at 1/2, 1/4 or 1/8 of its size, which leaves
            the shorter side at `shorter` or above. Resized to `shorter`, that
            differs by 1.4 to 2.8 levels of 255 on average from a full decode
            (photographs of ImageNet), as much as bilinear differs from Lanczos
            resizing. None decodes in full.

    Returns:
        (3, H, W) uint8.

    Raises:
        UndecodableError: if no pixels can be had, or there are more than
            `MAX_PIXELS`.
    """
    if _is_decoded_in_full(encoded, shorter):
        decoded = _decode_jpeg(encoded)
        if decoded is not None:
            return decoded
    with opened(encoded) as stored:
        extent = stored.size
        if shorter is not None:
            stored.draft(None, (shorter, shorter))
        if stored.size == extent and _is_upright_jpeg(stored):
            decoded = _decode_jpeg(encoded)
            if decoded is not None:
                return decoded
        stored.load()
        ImageOps.exif_transpose(stored, in_place=True)
        return torch.from_numpy(np.array(to_rgb(stored))).permute(2, 0, 1)


@contextmanager
def opened(encoded: bytes) -> Iterator[Image.Image]:
    """Read an image's header; the pixels are decoded inside, where they are wanted.

    Pillow's warnings are silenced meanwhile, and whatever its decoders raise becomes
    one error.

    Raises:
        UndecodableError: if it is empty, no image, damaged, or larger than
            `MAX_PIXELS`.
    """
    if not encoded:
        raise UndecodableError("empty", "the file has no content")
    with warnings.catch_warnings(), _said_by_kind():
        # Odd metadata and sizes; what makes an image unusable is raised.
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(encoded)) as stored:
            width, height = stored.size
            if width * height > MAX_PIXELS:
                raise UndecodableError("too large", f"{width}×{height} pixels")
            yield stored


@contextmanager
def _said_by_kind() -> Iterator[None]:
    try:
        yield
    except UndecodableError:
        raise
    except UnidentifiedImageError as error:
        raise UndecodableError("not an image", "no known format") from error
    except Image.DecompressionBombError as error:
        raise UndecodableError("too large", str(error)) from error
    except Exception as error:  # a damaged file breaks each decoder in its own way
        said = str(error)
        kind = "truncated" if "truncated" in said.lower() else "corrupt"
        raise UndecodableError(kind, said) from error


def _is_decoded_in_full(encoded: bytes, shorter: int | None) -> bool:
    """Whether the header says enough: upright, and not to be decoded smaller."""
    extent = upright_jpeg_extent(encoded)
    if extent is None or extent[0] * extent[1] > MAX_PIXELS:
        return False
    return shorter is None or min(extent) < 2 * shorter


def _is_upright_jpeg(stored: Image.Image) -> bool:
    upright = stored.getexif().get(ORIENTATION, UPRIGHT) == UPRIGHT
    return stored.format == "JPEG" and stored.mode in ("L", "RGB") and upright


def _decode_jpeg(encoded: bytes) -> Tensor | None:
    """Decode without the copies that Pillow makes on the way to a tensor.

    Both call libjpeg and give the same pixels. What this way cannot decode is left
    to Pillow, whose errors tell more; so is everything where torchvision was built
    without it.
    """
    import torchvision.io  # noqa: F401  # brings the operator

    content = torch.frombuffer(bytearray(encoded), dtype=torch.uint8)
    try:
        # The function around it warns, each time, that it will move elsewhere.
        decoded: Tensor = torch.ops.image.decode_jpeg(content, _RGB, _AS_STORED)
    except (AttributeError, RuntimeError):
        return None
    return decoded

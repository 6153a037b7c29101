"""A library under a textbook: angular margins, spherical codebooks, ArcVQ-VAE.

Names that need more than torch and einops are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from arcvq_lite.geometry import (
    CodebookGeometry,
    codebook_geometry,
    project_to_ball,
    project_to_ball_,
    uniform_sphere,
)
from arcvq_lite.heads import ArcFaceHead, CosFaceHead, SoftmaxHead, SphereFaceHead
from arcvq_lite.losses import ArcMarginLoss, arc_margin_loss
from arcvq_lite.margins import add_angular_margin
from arcvq_lite.models import (
    VQVAE,
    Reconstruction,
    load_official,
    official_state_dict,
    save_official,
)
from arcvq_lite.quantizers import EMAVQ, VQ, ArcVQ, Quantized, Quantizer
from arcvq_lite.schedules import (
    Constant,
    ConstantRadius,
    ExponentialDecay,
    ExponentialRadius,
    PiecewiseSchedule,
    ShrinkingRadius,
)

if TYPE_CHECKING:
    from arcvq_lite.data import DownloadError, ImageSet, load_images
    from arcvq_lite.metrics import CodebookUsage
    from arcvq_lite.training import (
        DivergenceError,
        History,
        evaluate_vqvae,
        train_vqvae,
    )

__version__ = "0.1.0"

_LATER = {
    "CodebookUsage": "arcvq_lite.metrics",
    "History": "arcvq_lite.training",
    "ImageSet": "arcvq_lite.data",
    "DownloadError": "arcvq_lite.data",
    "DivergenceError": "arcvq_lite.training",
    "evaluate_vqvae": "arcvq_lite.training",
    "load_images": "arcvq_lite.data",
    "train_vqvae": "arcvq_lite.training",
}

__all__ = [
    "EMAVQ",
    "VQ",
    "VQVAE",
    "ArcFaceHead",
    "ArcMarginLoss",
    "ArcVQ",
    "CodebookGeometry",
    "CodebookUsage",
    "Constant",
    "ConstantRadius",
    "CosFaceHead",
    "DivergenceError",
    "DownloadError",
    "ExponentialDecay",
    "ExponentialRadius",
    "History",
    "ImageSet",
    "PiecewiseSchedule",
    "Quantized",
    "Quantizer",
    "Reconstruction",
    "ShrinkingRadius",
    "SoftmaxHead",
    "SphereFaceHead",
    "add_angular_margin",
    "arc_margin_loss",
    "codebook_geometry",
    "evaluate_vqvae",
    "load_images",
    "load_official",
    "official_state_dict",
    "project_to_ball",
    "project_to_ball_",
    "save_official",
    "train_vqvae",
    "uniform_sphere",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

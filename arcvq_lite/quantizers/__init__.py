"""Quantizers, one idea a file, all with the interface of `quantized.Quantizer`."""

from arcvq_lite.quantizers.arc import ArcVQ
from arcvq_lite.quantizers.cvq import CVQ
from arcvq_lite.quantizers.ema import EMAVQ
from arcvq_lite.quantizers.factorized import FactorizedVQ
from arcvq_lite.quantizers.fsq import FSQ
from arcvq_lite.quantizers.grouped import GroupedVQ
from arcvq_lite.quantizers.gumbel import GumbelVQ
from arcvq_lite.quantizers.quantized import Quantized, Quantizer
from arcvq_lite.quantizers.residual import ResidualVQ
from arcvq_lite.quantizers.sq import SQVQ
from arcvq_lite.quantizers.vq import VQ
from arcvq_lite.quantizers.wasserstein import WassersteinVQ

__all__ = [
    "CVQ",
    "EMAVQ",
    "FSQ",
    "SQVQ",
    "VQ",
    "ArcVQ",
    "FactorizedVQ",
    "GroupedVQ",
    "GumbelVQ",
    "Quantized",
    "Quantizer",
    "ResidualVQ",
    "WassersteinVQ",
]

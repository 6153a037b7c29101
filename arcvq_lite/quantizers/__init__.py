"""Quantizers, one idea a file, all with the interface of `quantized.Quantizer`."""

from arcvq_lite.quantizers.arc import ArcVQ
from arcvq_lite.quantizers.ema import EMAVQ
from arcvq_lite.quantizers.quantized import Quantized, Quantizer
from arcvq_lite.quantizers.vq import VQ

__all__ = ["EMAVQ", "VQ", "ArcVQ", "Quantized", "Quantizer"]

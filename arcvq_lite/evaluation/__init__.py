"""Evaluation by a stated protocol, reconstructions, and token files."""

from arcvq_lite.data.token_file import TokenSet, load_tokens
from arcvq_lite.evaluation.coding import (
    decode,
    decode_indices,
    encode,
    encode_batches,
    encode_images,
)
from arcvq_lite.evaluation.evaluate import evaluate_images
from arcvq_lite.evaluation.frechet import (
    FeatureExtractor,
    load_inception,
    random_extractor,
)
from arcvq_lite.evaluation.protocol import (
    PROTOCOLS,
    Protocol,
    clean_protocol,
    paper_protocol,
)
from arcvq_lite.evaluation.result import Evaluation
from arcvq_lite.evaluation.side_by_side import Reconstructed, reconstruct
from arcvq_lite.evaluation.signals import evaluate_signals

__all__ = [
    "PROTOCOLS",
    "Evaluation",
    "FeatureExtractor",
    "Protocol",
    "Reconstructed",
    "TokenSet",
    "clean_protocol",
    "decode",
    "decode_indices",
    "encode",
    "encode_batches",
    "encode_images",
    "evaluate_images",
    "evaluate_signals",
    "load_inception",
    "load_tokens",
    "paper_protocol",
    "random_extractor",
    "reconstruct",
]

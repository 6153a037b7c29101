"""A model with several codebooks: scored and shown, and no token file of it."""

import numpy as np
import pytest
import torch
from PIL import Image

from arcvq_lite import VQ, VQVAE, GroupedVQ
from arcvq_lite.data import load_images
from arcvq_lite.evaluation import evaluate_images
from arcvq_lite.evaluation.coding import decode, encode_images
from arcvq_lite.evaluation.side_by_side import reconstruct


@pytest.fixture
def model():
    quantizer = GroupedVQ([VQ(8, 2), VQ(5, 2)])
    return VQVAE(3, quantizer, hidden=4, residual_hidden=2)


def test_it_is_scored_and_its_sizes_are_told(model):
    found = evaluate_images(model, [torch.rand(2, 3, 16, 16) * 2 - 1])
    assert found.num_codes == (8, 5)
    assert found.tokens == 2 * 16 * 2
    assert 0 < found.scores["usage"] <= 1
    assert 1 <= found.scores["perplexity"] <= 8
    assert "of K = 8 + 5 codes" in found.table()
    assert '"num_codes": [\n    8,\n    5\n  ]' in found.to_json()


def test_its_tokens_are_shown_by_the_first_codebook(model, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    done = reconstruct(model, tmp_path / "in.png", tmp_path / "out.png")
    assert done.grid == (4, 4)
    shown = np.asarray(Image.open(tmp_path / "out.png"))[:, 20:36]
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= 8


def test_a_token_file_refuses_it(model, tmp_path):
    images = load_images("digits")
    grey = VQVAE(1, model.quantizer, hidden=4, residual_hidden=2)
    with pytest.raises(ValueError, match=r"model has 2 codebooks \(GroupedVQ\)"):
        encode_images(grey, images, tmp_path / "tokens.npz")
    assert not (tmp_path / "tokens.npz").exists()
    plain = VQVAE(1, VQ(8, 4), hidden=4, residual_hidden=2)
    encode_images(plain, images, tmp_path / "tokens.npz")
    with pytest.raises(ValueError, match="model has 2 codebooks"):
        decode(grey, tmp_path / "tokens.npz", tmp_path / "images")

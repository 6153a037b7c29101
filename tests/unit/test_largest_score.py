"""The highest-scoring code, found in blocks, is the argmax of the whole matrix."""

import pytest
import torch

from arcvq_lite.quantizers import largest_score as module
from arcvq_lite.quantizers.largest_score import largest_score
from arcvq_lite.quantizers.quantized import nearest_cosine, nearest_euclidean


@pytest.mark.parametrize("codes", [2, 100, 256, 300, 512])
@pytest.mark.parametrize("entries", [1, 700, 1 << 18])
def test_blocks_and_groups_change_nothing(monkeypatch, codes, entries):
    monkeypatch.setattr(module, "_CPU_ENTRIES", entries)
    rows, codebook = torch.randn(37, 5), torch.randn(codes, 5)
    offset = torch.randn(codes)
    scores = rows @ codebook.T
    assert torch.equal(largest_score(rows, codebook), scores.argmax(dim=1))
    expected = (scores - offset).argmax(dim=1)
    assert torch.equal(largest_score(rows, codebook, offset), expected)


@pytest.mark.parametrize("codes", [100, 512])
def test_of_equal_codes_the_first_is_taken(codes):
    codebook = torch.randn(codes // 4, 3).repeat(4, 1)
    found = largest_score(torch.randn(50, 3), codebook)
    assert (found < codes // 4).all()
    assert torch.equal(
        largest_score(torch.zeros(5, 3), codebook), torch.zeros(5, dtype=torch.int64)
    )


def test_it_is_the_nearest_code_in_distance_and_in_angle():
    rows, codebook = torch.randn(50, 4), 3 * torch.randn(320, 4)
    distance = torch.cdist(rows.double(), codebook.double())
    assert torch.equal(nearest_euclidean(rows, codebook), distance.argmin(dim=1))
    cosine = torch.cosine_similarity(rows.double()[:, None], codebook.double(), dim=2)
    assert torch.equal(nearest_cosine(rows, codebook), cosine.argmax(dim=1))

"""Several codebooks in one model: grids of indices, usage of all of them."""

import math

import pytest
import torch

from arcvq_lite import VQ, VQGAN, VQVAE, CodebookUsage, GroupedVQ, ResidualVQ
from arcvq_lite.training import evaluate_vqvae
from arcvq_lite.usage import codebook_use, count_codes

K, D = 8, 4


def residual():
    return ResidualVQ([VQ(K, D), VQ(3, D)])


MODELS = {
    "VQVAE": lambda: VQVAE(1, residual(), hidden=4, residual_hidden=2),
    "VQGAN": lambda: VQGAN(
        1,
        GroupedVQ([VQ(K, 2), VQ(3, 2)]),
        channels=32,
        multipliers=(1, 1),
        residual_blocks=1,
        attention_resolutions=(),
        resolution=16,
    ),
}
every_model = pytest.mark.parametrize("name", MODELS)


@every_model
def test_images_are_decoded_from_one_index_of_each_codebook(name):
    model = MODELS[name]().eval()
    images = torch.randn(2, 1, 16, 16)
    indices = model.encode(images)
    assert indices.dim() == 4
    assert indices.shape[-1] == 2
    torch.testing.assert_close(model.decode(indices), model(images).reconstruction)


@every_model
def test_indices_without_their_codebooks_are_refused(name):
    model = MODELS[name]()
    with pytest.raises(ValueError, match=r"indices must be \(B, H/\d, W/\d, 2\), got"):
        model.decode(torch.zeros(1, 4, 4, dtype=torch.int64))


# Usage


def test_codes_are_counted_in_their_own_codebook():
    indices = torch.tensor([[[0, 2], [1, 2]], [[0, 0], [0, 2]]])
    assert count_codes(indices, (4, 3)).tolist() == [3, 1, 0, 0, 1, 0, 3]


def test_usage_is_of_all_codes_and_entropy_the_mean_of_the_codebooks():
    first, second = torch.randint(6, (500,)), torch.randint(2, (500,))
    both = CodebookUsage((K, 3))
    both.update(torch.stack([first, second], dim=1))
    found = both.compute()
    alone = [CodebookUsage(K), CodebookUsage(3)]
    for usage, indices in zip(alone, (first, second), strict=True):
        usage.update(indices)
    entropies = [usage.compute()["entropy"].item() for usage in alone]
    assert found["usage"].item() == pytest.approx((6 + 2) / (K + 3))
    assert found["entropy"].item() == pytest.approx(sum(entropies) / 2)
    assert found["perplexity"].item() == pytest.approx(math.exp(sum(entropies) / 2))


def test_even_use_of_every_codebook_has_the_perplexity_k():
    counts = torch.full((3 * K,), 5)
    assert codebook_use(counts, 3)["perplexity"].item() == pytest.approx(K)
    nothing = codebook_use(torch.zeros(3 * K, dtype=torch.int64), 3)
    assert nothing["perplexity"] == 1
    assert nothing["usage"] == 0


def test_a_model_with_several_codebooks_is_evaluated():
    model = MODELS["VQVAE"]()
    images = torch.rand(6, 1, 8, 8) * 2 - 1
    found = evaluate_vqvae(model, images, batch_size=4)
    usage = CodebookUsage((K, 3))
    usage.update(model.encode(images))
    assert found["usage"] == pytest.approx(usage.compute()["usage"].item())
    assert found["perplexity"] == pytest.approx(usage.compute()["perplexity"].item())


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        (torch.zeros(4, 3).long(), ValueError, r"\(…, 2\), one of each.*\(4, 3\)"),
        (torch.tensor(3), ValueError, r"indices must be \(…, 2\).*got \(\)"),
        (torch.zeros(4, 2), TypeError, "indices must be int64"),
        (torch.full((4, 2), 3), ValueError, "indices must lie in 0 … 2, got 3 … 3"),
    ],
)
def test_indices_of_other_codebooks_are_refused(indices, error, message):
    with pytest.raises(error, match=message):
        CodebookUsage((K, 3)).update(indices)


def test_a_codebook_without_codes_is_named():
    with pytest.raises(ValueError, match=r"num_codes=\(8, 0\) must be at least 1"):
        CodebookUsage((8, 0))
    with pytest.raises(ValueError, match=r"num_codes=\(\) must be at least 1"):
        CodebookUsage(())

"""The margin loss in blocks is the one written down, and keeps no (K, N) matrix."""

import pytest
import torch
from torch.nn import functional as F

from arcvq_lite import arc_margin_loss, margin_blocks
from arcvq_lite.losses import margin_of_rows
from arcvq_lite.top_k import top_k_of_rows


def written_down(latents, codebook, **options):
    """The mean loss and its gradient, from one matrix."""
    leaf = latents.clone().requires_grad_()
    cosine = F.normalize(codebook, dim=1) @ F.normalize(leaf, dim=1).T
    loss = margin_of_rows(cosine, **options).mean()
    return loss.detach(), torch.autograd.grad(loss, leaf)[0]


def in_blocks(latents, codebook, reduction="mean", **options):
    leaf = latents.clone().requires_grad_()
    loss = arc_margin_loss(leaf, codebook, reduction=reduction, **options).mean()
    return loss.detach(), torch.autograd.grad(loss, leaf)[0]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Bands of 6 rows in blocks of 4 at 50 latents of 4 dimensions, or of D at more."""
    monkeypatch.setattr(margin_blocks, "_CPU_ENTRIES", (6 * 50, 4 * 50))


@pytest.fixture
def wider_blocks(monkeypatch):
    """The same at 300 latents, where neither divides the 17 codes."""
    monkeypatch.setattr(margin_blocks, "_CPU_ENTRIES", (6 * 300, 4 * 300))


@pytest.mark.usefixtures("wider_blocks")
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("top_k", [1, 3, 10])
@pytest.mark.parametrize(("scale", "margin"), [(5.0, 0.1), (10.0, 0.0), (60.0, 0.8)])
def test_blocks_change_neither_value_nor_gradient(reduction, top_k, scale, margin):
    latents = torch.randn(300, 4, dtype=torch.float64)
    codebook = torch.randn(17, 4, dtype=torch.float64)
    options = {"scale": scale, "margin": margin, "top_k": top_k}
    expected = written_down(latents, codebook, **options)
    torch.testing.assert_close(
        in_blocks(latents, codebook, reduction, **options), expected
    )


@pytest.mark.parametrize("scale", [1e-3, 10.0, 1e3])
def test_single_precision_is_kept(scale):
    latents, codebook = torch.randn(2000, 8), torch.randn(40, 8)
    options = {"scale": scale, "margin": 0.1, "top_k": 3}
    loss, gradient = in_blocks(latents, codebook, **options)
    exact_loss, exact = written_down(latents.double(), codebook.double(), **options)
    assert loss.item() == pytest.approx(exact_loss.item(), rel=1e-5)
    assert (gradient - exact).abs().max() <= 1e-4 * exact.abs().max()


def test_a_matrix_no_larger_than_a_block_is_the_formula_to_the_last_bit():
    latents, codebook = torch.randn(50, 4), torch.randn(5, 4)
    assert not margin_blocks.is_one_block(latents, codebook)
    assert margin_blocks.is_one_block(latents, codebook[:4])
    options = {"scale": 5.0, "margin": 0.1, "top_k": 3}
    found = in_blocks(latents, codebook[:4], **options)
    expected = written_down(latents, codebook[:4], **options)
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


def test_each_value_has_a_gradient_of_its_own():
    latents = torch.randn(50, 4, dtype=torch.float64, requires_grad=True)
    codebook = torch.randn(6, 4, dtype=torch.float64)
    weights = torch.randn(6, dtype=torch.float64)
    cosine = F.normalize(codebook, dim=1) @ F.normalize(latents, dim=1).T
    expected = margin_of_rows(cosine, scale=10.0, margin=0.1, top_k=3)
    values = arc_margin_loss(latents, codebook, reduction="none")
    torch.testing.assert_close(
        torch.autograd.grad(values, latents, weights),
        torch.autograd.grad(expected, latents, weights),
    )


def test_without_a_gradient_the_value_is_the_same():
    latents, codebook = torch.randn(50, 4), torch.randn(6, 4)
    loss, _ = in_blocks(latents, codebook)
    assert torch.equal(arc_margin_loss(latents, codebook), loss)
    with torch.no_grad():
        learning = latents.clone().requires_grad_()
        assert torch.equal(arc_margin_loss(learning, codebook), loss)


def test_autocast_around_the_way_back_changes_nothing():
    latents, codebook = torch.randn(50, 4, requires_grad=True), torch.randn(6, 4)
    values = arc_margin_loss(latents, codebook, reduction="none")
    (expected,) = torch.autograd.grad(values.sum(), latents, retain_graph=True)
    with torch.autocast("cpu", torch.bfloat16):
        (found,) = torch.autograd.grad(values.sum(), latents)
    assert torch.equal(found, expected)


def test_no_matrix_of_codes_by_latents_is_kept_for_the_way_back():
    tokens, dim, codes, top_k = 400, 4, 1000, 3
    latents, sizes = torch.randn(tokens, dim, requires_grad=True), []

    def note(tensor):
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        arc_margin_loss(latents, torch.randn(codes, dim), top_k=top_k)
    assert 0 < max(sizes) <= max(tokens * dim, codes * top_k)


@pytest.mark.parametrize("columns", [5, 64, 300, 640, 1000])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_k_through_the_maxima_of_groups_is_top_k(columns, k):
    rows = torch.randn(20, columns)
    rows[:, columns // 2 :] += torch.arange(columns - columns // 2) / 50
    expected = rows.topk(k, dim=1)
    values, indices = top_k_of_rows(rows, k)
    assert torch.equal(values, expected.values)
    assert torch.equal(indices, expected.indices)


def test_top_k_of_equal_entries_names_different_ones():
    values, indices = top_k_of_rows(torch.ones(4, 640), 5)
    assert torch.equal(values, torch.ones(4, 5))
    assert all(len(set(row)) == 5 for row in indices.tolist())

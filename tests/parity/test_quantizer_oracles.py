"""FSQ, residual and factorised codes equal vector-quantize-pytorch's."""

import pytest
import torch
import vector_quantize_pytorch as oracles

from arcvq_lite import FSQ, VQ, FactorizedVQ, ResidualVQ

K, D, LOW = 20, 6, 3


@pytest.mark.parametrize(
    "levels", [(8, 5, 5, 5), (8, 6, 5), (3, 4), (7,), (16, 3, 9)], ids=str
)
def test_finite_scalar_quantization(levels):
    """It refuses two levels in this mode; for those there is no oracle."""
    tokens = 2 * torch.randn(500, len(levels))
    ours, theirs = tokens.clone().requires_grad_(), tokens.clone().requires_grad_()
    out = FSQ(levels)(ours)
    quantized, indices = oracles.FSQ(list(levels))(theirs[None])
    torch.testing.assert_close(out.quantized, quantized[0])
    assert torch.equal(out.indices, indices[0].long())
    (out.quantized * tokens).sum().backward()
    (quantized[0] * tokens).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_its_codebook_is_in_their_order():
    ours = FSQ((8, 5, 3))
    assert torch.equal(ours.codebook, oracles.FSQ([8, 5, 3]).implicit_codebook)


def test_residual_codes():
    theirs = oracles.ResidualVQ(
        dim=D, num_quantizers=3, codebook_size=K, kmeans_init=False
    ).eval()
    ours = ResidualVQ([VQ(K, D) for _ in range(3)]).eval()
    for stage, (inner, layer) in enumerate(
        zip(ours.quantizers, theirs.layers, strict=True)
    ):
        codes = torch.randn(K, D) / 2**stage
        inner.codebook.data.copy_(codes)
        layer._codebook.embed.copy_(codes[None])
    tokens = torch.randn(300, D)
    quantized, indices, _ = theirs(tokens[None])
    out = ours(tokens)
    assert torch.equal(out.indices, indices[0])
    torch.testing.assert_close(out.quantized, quantized[0])
    torch.testing.assert_close(
        ours.embed(out.indices), theirs.get_output_from_indices(indices)[0]
    )


def test_factorised_normalised_codes():
    theirs = oracles.VectorQuantize(
        dim=D, codebook_dim=LOW, codebook_size=K, use_cosine_sim=True
    ).eval()
    ours = FactorizedVQ(K, D, code_dim=LOW).eval()
    ours.project_in.load_state_dict(theirs.project_in.state_dict())
    ours.project_out.load_state_dict(theirs.project_out.state_dict())
    theirs._codebook.embed.copy_(ours.codes.detach()[None])
    tokens = torch.randn(300, D)
    quantized, indices, _ = theirs(tokens[None])
    out = ours(tokens)
    assert torch.equal(out.indices, indices[0])
    torch.testing.assert_close(out.quantized, quantized[0], rtol=1e-4, atol=1e-5)

"""Every quantizer: one return, one layout, the nearest code as it is."""

import pytest
import torch
from zoo import (
    ZOO,
    D,
    K,
    distance_by_definition,
    every_quantizer,
    every_shape,
    made,
    obeying,
    over,
    put_codes,
    spread_out,
    state_of,
)

from arcvq_lite import CodebookUsage, Quantized

# One return, one layout


@every_quantizer
@every_shape
def test_four_fields_of_the_promised_shapes_and_dtypes(name, shape):
    out = made(name)(torch.randn(shape), step=0)
    assert isinstance(out, Quantized)
    assert Quantized._fields == ("quantized", "indices", "loss", "terms")
    assert out.quantized.shape == shape
    several = () if ZOO[name].codebooks == 1 else (ZOO[name].codebooks,)
    assert out.indices.shape == (shape[0], *shape[2:], *several)
    assert out.indices.dtype == torch.int64
    assert out.loss.shape == ()
    assert out.loss.dtype == torch.float32


@every_quantizer
@pytest.mark.parametrize("training", [True, False])
def test_terms_have_the_promised_names_and_are_detached_scalars(name, training):
    quantizer = made(name).train(training)
    terms = quantizer(torch.randn(20, D), step=0).terms
    entry = ZOO[name]
    expected = {"codebook", "commitment", *(entry.terms if training else entry.always)}
    assert terms.keys() == expected
    assert all(
        value.shape == () and not value.requires_grad for value in terms.values()
    )


@every_quantizer
@every_shape
def test_every_place_is_quantized_like_its_token(name, shape):
    quantizer = made(name).eval()
    latents = torch.randn(shape)
    out = quantizer(latents)
    tokens = latents.movedim(1, -1).reshape(-1, D)
    flat = quantizer(tokens)
    assert torch.equal(out.indices.reshape(flat.indices.shape), flat.indices)
    assert torch.equal(out.quantized.movedim(1, -1).reshape(-1, D), flat.quantized)
    assert out.loss.item() == pytest.approx(flat.loss.item(), rel=1e-5)


@every_quantizer
def test_a_view_is_quantized_like_its_copy(name):
    quantizer = made(name).eval()
    view = torch.randn(2, 4, 3, D).permute(0, 3, 1, 2)
    assert torch.equal(quantizer(view).quantized, quantizer(view.clone()).quantized)


# The nearest code, decoded as it is


@over(obeying("nearest"))
def test_each_token_takes_the_nearest_code(name):
    quantizer = spread_out(name).eval()
    tokens = torch.randn(300, D)
    expected = distance_by_definition(
        tokens, quantizer.codebook, ZOO[name].matching
    ).argmin(dim=1)
    assert torch.equal(quantizer.assign(tokens), expected)
    assert torch.equal(quantizer(tokens).indices, expected)


@over(obeying("nearest", "any codes", matching="euclidean"))
@pytest.mark.parametrize("offset", [100.0, 1000.0])
def test_distances_survive_an_offset_that_both_sides_share(name, offset):
    quantizer = made(name).eval()
    put_codes(quantizer, torch.randn(quantizer.codebook.shape) + offset)
    tokens = torch.randn(300, D) + offset
    distance = distance_by_definition(tokens, quantizer.codebook, "euclidean")
    chosen = distance.gather(1, quantizer.assign(tokens)[:, None])[:, 0]
    torch.testing.assert_close(chosen, distance.min(dim=1).values, rtol=1e-3, atol=0)


@every_quantizer
@every_shape
def test_in_evaluation_embedding_the_indices_gives_the_quantized(name, shape):
    quantizer = spread_out(name).eval()
    out = quantizer(torch.randn(shape))
    assert torch.equal(quantizer.embed(out.indices), out.quantized)


@over(obeying("as it is", "any codes"))
def test_the_decoder_gets_the_code_un_normalised(name):
    quantizer = spread_out(name).eval()
    out = quantizer(torch.randn(50, D))
    assert torch.equal(out.quantized, quantizer.codebook[out.indices])
    lengths = out.quantized.norm(dim=1)
    assert lengths.max() > 1.5 * lengths.min()


# Permutation


@over(obeying("permutation"))
def test_permuting_the_codes_permutes_everything(name):
    quantizer, other = spread_out(name), made(name)
    order = torch.randperm(K)
    state = state_of(quantizer)
    other.load_state_dict(
        {key: value[order] if value.dim() else value for key, value in state.items()}
    )
    tokens = torch.randn(200, D)
    out, permuted = quantizer(tokens, step=0), other(tokens, step=0)
    assert torch.equal(permuted.quantized, out.quantized)
    assert torch.equal(order[permuted.indices], out.indices)
    torch.testing.assert_close(permuted.loss, out.loss)
    torch.testing.assert_close(other.codebook, quantizer.codebook[order])

    usage, permuted_usage = CodebookUsage(K), CodebookUsage(K)
    usage.update(out.indices)
    permuted_usage.update(permuted.indices)
    assert torch.equal(permuted_usage.counts, usage.counts[order])

    if ZOO[name].moved == "gradient":
        out.loss.backward()
        permuted.loss.backward()
        torch.testing.assert_close(other.codebook.grad, quantizer.codebook.grad[order])

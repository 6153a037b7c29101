"""Every quantizer: a float32 island, and no NaN anywhere."""

import pytest
import torch
from zoo import (
    ZOO,
    D,
    distance_by_definition,
    every_quantizer,
    made,
    obeying,
    put_codes,
    same_state,
    spread_out,
    state_of,
)


@every_quantizer
def test_bfloat16_latents_are_matched_in_float32(name):
    quantizer = spread_out(name)
    latents = torch.randn(50, D).bfloat16().requires_grad_()
    expected = quantizer.assign(latents.float())
    out = quantizer(latents, step=0)
    out.loss.backward()
    if name in obeying("assigned"):
        assert torch.equal(out.indices, expected)
    assert out.quantized.dtype == torch.bfloat16
    assert out.loss.dtype == torch.float32
    assert latents.grad.dtype == torch.bfloat16


@every_quantizer
def test_float64_is_kept(name):
    quantizer = made(name).double()
    latents = torch.randn(50, D, dtype=torch.float64, requires_grad=True)
    out = quantizer(latents, step=0)
    out.loss.backward()
    assert out.quantized.dtype == torch.float64
    assert quantizer.codebook.dtype == torch.float64
    assert out.loss.dtype == torch.float32
    if name in obeying("nearest"):
        expected = distance_by_definition(
            latents.detach(), quantizer.eval().codebook, ZOO[name].matching
        )
        assert torch.equal(quantizer.assign(latents), expected.argmin(dim=1))


@every_quantizer
def test_autocast_changes_neither_indices_nor_loss_nor_state(name):
    plain, under = made(name), made(name)
    under.load_state_dict(plain.state_dict())
    latents = torch.randn(50, D)
    torch.manual_seed(1)
    expected = plain(latents, step=0)
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        out = under(latents, step=0)
        assert torch.equal(under.assign(latents), plain.assign(latents))
    assert torch.equal(out.indices, expected.indices)
    assert torch.equal(out.quantized, expected.quantized)
    assert torch.equal(out.loss, expected.loss)
    assert same_state(state_of(under), state_of(plain))


@every_quantizer
@pytest.mark.parametrize("step", [0, 295_701, 1_780_000, 10**9])
def test_nothing_is_nan_at_the_corners(name, step):
    """Codes at the origin, latents on their code, opposite it and at the origin."""
    quantizer = made(name)
    if name in obeying("any codes"):
        for part in ZOO[name].parts(quantizer):
            put_codes(part, torch.cat([0 * part.codebook[:2], part.codebook[2:]]))
    code = quantizer.codebook.detach()[3]
    latents = torch.stack([code, -code, 2 * code, 0 * code, 1e-30 * code])
    latents.requires_grad_()
    out = quantizer(latents, step=step)
    (out.loss + out.quantized.sum()).backward()
    assert torch.isfinite(out.loss)
    assert torch.isfinite(latents.grad).all()
    assert all(torch.isfinite(value).all() for value in quantizer.state_dict().values())
    assert all(torch.isfinite(value) for value in out.terms.values())
    gradients = [weight.grad for weight in quantizer.parameters()]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert bool(gradients) == (ZOO[name].moved in ("gradient", "both"))

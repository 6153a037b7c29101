"""ResidualVQ: a sum of codes, committed at every stage, passed through once."""

import pytest
import torch
from zoo import ZOO, D, K, made, obeying, over

from arcvq_lite import FSQ, VQ, ArcVQ, FactorizedVQ, ResidualVQ
from arcvq_lite.quantizers.codebooks import carries_gradient

exact = {"dtype": torch.float64}
SINGLE = obeying(codebooks=1)


def stages(count=3, **options):
    """Codebooks that grow finer, so that every stage has something to do."""
    made = [VQ(K, D, **options) for _ in range(count)]
    for stage, quantizer in enumerate(made):
        quantizer.codebook.data.copy_(torch.randn(K, D) / 2**stage)
    return made


def test_each_stage_quantizes_what_is_left_and_the_codes_add_up():
    quantizer, latents = ResidualVQ(stages()).eval(), torch.randn(2, D, 3, 4)
    out, left = quantizer(latents), latents.clone()
    for stage, inner in enumerate(quantizer.quantizers):
        assert torch.equal(out.indices[..., stage], inner.assign(left))
        left -= inner.embed(out.indices[..., stage])
    torch.testing.assert_close(out.quantized, latents - left)
    assert torch.equal(quantizer.embed(out.indices), out.quantized)
    assert torch.equal(quantizer.assign(latents), out.indices)


def test_a_stage_with_a_code_at_the_origin_never_adds_error():
    inner, latents, errors = stages(4), torch.randn(50, D), []
    for quantizer in inner:
        quantizer.codebook.data[0] = 0
    for count in range(1, 5):
        out = ResidualVQ(inner[:count]).eval()(latents)
        errors.append((out.quantized - latents).norm(dim=1))
    errors = torch.stack(errors)  # (stages, N)
    assert (errors.diff(dim=0) <= 1e-5).all()
    assert errors[-1].mean() < 0.8 * errors[0].mean()


def test_one_stage_is_its_quantizer():
    inner, latents = ArcVQ(K, D), torch.randn(30, D)
    expected, out = inner(latents, step=0), ResidualVQ([inner])(latents, step=0)
    assert torch.equal(out.indices[:, 0], expected.indices)
    assert torch.equal(out.quantized, expected.quantized)
    assert torch.equal(out.loss, expected.loss)
    assert out.terms == expected.terms


def test_loss_and_gradients_are_those_of_partial_sums():
    """z is committed to e¹, to e¹ + e² and to e¹ + e² + e³."""
    quantizer = ResidualVQ(stages(commitment_weight=0.3, codebook_weight=0.7)).double()
    latents = torch.randn(40, D, **exact, requires_grad=True)
    out = quantizer(latents)
    out.loss.backward()

    z = latents.detach().clone().requires_grad_()
    codebooks = [
        inner.codebook.detach().clone().requires_grad_()
        for inner in quantizer.quantizers
    ]
    loss, before = 0, torch.zeros_like(z)
    for codebook, indices in zip(codebooks, out.indices.T, strict=True):
        code = codebook[indices]
        loss = loss + 0.7 * (before + code - z.detach()).square().mean()
        loss = loss + 0.3 * (before + code.detach() - z).square().mean()
        before = before + code.detach()
    loss.backward()
    torch.testing.assert_close(out.loss, loss.float())
    torch.testing.assert_close(latents.grad, z.grad)
    for inner, codebook in zip(quantizer.quantizers, codebooks, strict=True):
        torch.testing.assert_close(inner.codebook.grad, codebook.grad)


def test_the_last_stages_commitment_reaches_the_encoder():
    quantizer = ResidualVQ(stages())
    for inner in quantizer.quantizers[:-1]:
        inner.commitment_weight = inner.codebook_weight = 0.0
    latents = torch.randn(40, D, requires_grad=True)
    out = quantizer(latents)
    out.loss.backward()
    expected = 0.25 * 2 * (latents - out.quantized).detach() / latents.numel()
    torch.testing.assert_close(latents.grad, expected)


def test_parts_of_the_loss_are_summed_and_states_of_schedules_are_not():
    quantizer = ResidualVQ([ArcVQ(K, D), ArcVQ(K, D)])
    out = quantizer(torch.randn(50, D), step=0)
    terms = out.terms
    assert terms["radius"] == 1.0
    assert terms["margin_weight"] == 1.0
    total = terms["codebook"] + 0.25 * terms["commitment"] + terms["margin"]
    torch.testing.assert_close(out.loss, total)


def test_one_quantizer_at_every_stage_shares_its_codebook():
    inner = VQ(K, D)
    quantizer = ResidualVQ([inner] * 3)
    out = quantizer(torch.randn(40, D))
    out.loss.backward()
    assert quantizer.num_codes == (K, K, K)
    assert out.indices.shape == (40, 3)
    assert [name for name, _ in quantizer.named_parameters()] == [
        "quantizers.0.codebook"
    ]
    assert inner.codebook.grad.any()


def test_residuals_are_taken_in_float32():
    """The second stage sees what bfloat16 would have rounded away."""
    first, second = VQ(2, 1), VQ(2, 1)
    first.codebook.data.copy_(torch.tensor([[1.001], [-1.0]]))
    second.codebook.data.copy_(torch.tensor([[-0.001], [0.0005]]))
    out = ResidualVQ([first, second])(torch.ones(1, 1).bfloat16())
    assert out.indices.tolist() == [[0, 0]]
    assert out.quantized.dtype == torch.bfloat16


# Any quantizer inside


@over(SINGLE)
def test_a_quantizer_says_whether_its_output_has_a_gradient_of_its_own(name):
    """What ResidualVQ relies on; `own_gradient = True` in the class says it."""
    straight = "straight through" not in ZOO[name].except_
    assert carries_gradient(made(name)) != straight


@over(SINGLE)
def test_every_weight_learns_in_each_stage_as_it_learns_alone(name):
    alone = made(name)
    latents = torch.randn(50, D, requires_grad=True)
    out = alone(latents, step=0)
    (out.quantized.sin().sum() + out.loss).backward()
    learning = {key for key, weight in alone.named_parameters() if weight.grad.any()}

    quantizer = ResidualVQ([made(name), made(name)])
    out = quantizer(latents, step=0)
    (out.quantized.sin().sum() + out.loss).backward()
    for stage in quantizer.quantizers:
        found = {key for key, weight in stage.named_parameters() if weight.grad.any()}
        assert found == learning


@pytest.mark.parametrize(
    "make", [lambda: FSQ((5,) * D), lambda: FactorizedVQ(K, D, code_dim=3)]
)
def test_a_gradient_of_its_own_is_passed_on_once(make):
    """With maps J of one stage, that of two is I − (I − J)(I − J)."""
    quantizer = ResidualVQ([make(), make()]).double().eval()
    latents = 0.3 * torch.randn(1, D, **exact)

    def jacobian(inner, at):
        return torch.autograd.functional.jacobian(lambda z: inner(z).quantized[0], at)[
            :, 0
        ]

    left = latents - quantizer.quantizers[0](latents).quantized.detach()
    first, second = (
        jacobian(inner, at)
        for inner, at in zip(quantizer.quantizers, (latents, left), strict=True)
    )
    identity = torch.eye(D, **exact)
    expected = identity - (identity - second) @ (identity - first)
    torch.testing.assert_close(jacobian(quantizer, latents), expected)


def test_stages_of_other_dims_are_named():
    with pytest.raises(ValueError, match=r"one dim, got \[6, 4\]"):
        ResidualVQ([VQ(K, 6), VQ(K, 4)])

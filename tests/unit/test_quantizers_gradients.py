"""Every quantizer: where the decoder's gradient and the loss's go."""

import torch
from zoo import D, every_quantizer, every_shape, made, obeying, over, spread_out


@over(obeying("straight through"))
@every_shape
def test_the_decoders_gradient_passes_straight_through(name, shape):
    latents = torch.randn(shape, requires_grad=True)
    quantizer = made(name)
    upstream = torch.randn(shape)
    (quantizer(latents, step=0).quantized * upstream).sum().backward()
    assert torch.equal(latents.grad, upstream)
    assert all(weight.grad is None for weight in quantizer.parameters())


@over(obeying("formula", moved="gradient"))
def test_loss_and_gradients_equal_their_formula(name):
    quantizer = spread_out(name)
    quantizer.commitment_weight, quantizer.codebook_weight = 0.3, 0.7
    latents = torch.randn(40, D, requires_grad=True)
    out = quantizer(latents, step=0)
    out.loss.backward()

    codes = quantizer.codebook.detach().clone().requires_grad_()
    z = latents.detach().clone().requires_grad_()
    loss = 0.7 * (codes[out.indices] - z.detach()).square().mean()
    loss = loss + 0.3 * (codes[out.indices].detach() - z).square().mean()
    if getattr(quantizer, "margin", None):
        loss = loss + quantizer.margin_weight(0) * quantizer.margin(z, codes)
    loss.backward()
    torch.testing.assert_close(out.loss, loss)
    torch.testing.assert_close(quantizer.codebook.grad, codes.grad)
    torch.testing.assert_close(latents.grad, z.grad)


@every_quantizer
def test_two_batches_can_be_accumulated_before_one_backward(name):
    quantizer = made(name)
    losses = [quantizer(torch.randn(20, D).requires_grad_(), step=5).loss for _ in "ab"]
    sum(losses).backward()

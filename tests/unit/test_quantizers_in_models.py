"""Every quantizer: inside both autoencoders, trained and evaluated."""

import pytest
import torch
from torch.nn import functional as F
from zoo import ZOO, D, every_quantizer, made

from arcvq_lite import VQGAN, VQVAE, PatchCritic, VQGANObjective

MODELS = {
    "VQVAE": lambda quantizer: VQVAE(3, quantizer, hidden=8, residual_hidden=4),
    "VQGAN": lambda quantizer: VQGAN(
        3,
        quantizer,
        channels=32,
        multipliers=(1, 1),
        residual_blocks=1,
        attention_resolutions=(),
    ),
}
every_model = pytest.mark.parametrize("model", MODELS)


def built(model, name):
    assert made(name).dim == D
    return MODELS[model](made(name))


@every_model
@every_quantizer
def test_encoding_and_decoding_is_the_evaluation_reconstruction(model, name):
    autoencoder, images = built(model, name).eval(), torch.randn(2, 3, 8, 12)
    out = autoencoder(images)
    indices = autoencoder.encode(images)
    assert torch.equal(indices, out.quantized.indices)
    torch.testing.assert_close(autoencoder.decode(indices), out.reconstruction)


@every_model
@every_quantizer
@pytest.mark.parametrize("autocast", [False, True])
def test_three_steps_of_training_move_every_part(model, name, autocast):
    autoencoder, images = built(model, name), torch.rand(2, 3, 8, 8) * 2 - 1
    before = {key: value.clone() for key, value in autoencoder.state_dict().items()}
    optimizer = torch.optim.Adam(autoencoder.parameters(), lr=1e-3)
    for step in range(3):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            out = autoencoder(images, step=step)
        error = F.mse_loss(out.reconstruction.float(), images)
        optimizer.zero_grad()
        (error + out.quantized.loss).backward()
        optimizer.step()
    after = autoencoder.state_dict()
    moved = {key for key, value in before.items() if not torch.equal(value, after[key])}
    assert all(torch.isfinite(value).all() for value in after.values())
    for part in ("encoder", "decoder"):
        assert any(key.startswith(part) for key in moved)
    if ZOO[name].moved is not None:
        assert any(key.startswith("quantizer") for key in moved)


@every_quantizer
def test_the_adversarial_objective_takes_its_adaptive_weight_through_it(name):
    autoencoder, images = built("VQGAN", name), torch.rand(2, 3, 16, 16) * 2 - 1
    critic = PatchCritic(3, channels=8, layers=1)
    out = autoencoder(images, step=0)
    losses = VQGANObjective(critic_start=0).generator_losses(
        images,
        out,
        critic(out.reconstruction),
        0,
        last_layer=autoencoder.last_layer,
    )
    losses.total.backward()
    assert torch.isfinite(losses.total)
    gradients = [w.grad for w in autoencoder.encoder.parameters() if w.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)

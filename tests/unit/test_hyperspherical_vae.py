"""The hyperspherical VAE: a direction a place, drawn in training only."""

import math

import pytest
import torch
from torch.nn import functional as F

from arcvq_lite import VQ, VQVAE, HypersphericalVAE
from arcvq_lite.layout import NonFiniteLatentsError
from arcvq_lite.von_mises_fisher import kl_to_uniform

D = 6


def small_model(**options):
    return HypersphericalVAE(3, D, **{"hidden": 8, "residual_hidden": 4, **options})


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (12, 20), (4, 8)])
def test_a_picture_becomes_directions_and_comes_back(training, height, width):
    model = small_model().train(training)
    images = torch.randn(2, 3, height, width)
    out = model(images, step=0)
    assert out.reconstruction.shape == images.shape
    assert out.latents.shape == (2, D, height // 4, width // 4)
    assert out.concentration.shape == (2, height // 4, width // 4)
    assert out.concentration.min() > 1
    torch.testing.assert_close(
        out.latents.norm(dim=1), torch.ones(2, height // 4, width // 4)
    )
    assert out.loss.shape == ()
    assert out.loss.dtype == torch.float32
    assert out.terms.keys() == {"kl", "concentration"}


def test_evaluation_decodes_the_mean_draws_nothing_and_changes_nothing():
    model, images = small_model().eval(), torch.randn(2, 3, 8, 12)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    random_state = torch.get_rng_state()
    out = model(images, step=10**9)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert torch.equal(out.latents, model.posterior(images)[0])
    assert torch.equal(out.latents, model.encode(images))
    torch.testing.assert_close(model.decode(out.latents), out.reconstruction)
    assert not model.decode(out.latents).requires_grad


def test_training_draws_around_the_mean_from_the_global_generator():
    model, images = small_model(), torch.randn(2, 3, 8, 8)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(model(images).latents)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], model.encode(images))


def test_a_high_concentration_leaves_hardly_any_chance():
    model, images = small_model(), torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        model.encoder[-1].bias[D] = 1e6
    out = model(images)
    torch.testing.assert_close(out.latents, model.encode(images), atol=0.02, rtol=0)


def test_the_loss_is_the_divergence_of_all_places_over_the_image_values():
    model, images = small_model(kl_weight=0.3), torch.randn(2, 3, 8, 12)
    encoded = model.encoder(images)
    kappa = 1 + F.softplus(encoded[:, D])
    divergence = kl_to_uniform(kappa, D)
    out = model(images)
    torch.testing.assert_close(out.concentration, kappa)
    torch.testing.assert_close(out.loss, 0.3 * divergence.sum() / (2 * 3 * 8 * 12))
    torch.testing.assert_close(out.terms["kl"], divergence.detach().mean())
    torch.testing.assert_close(model.eval()(images).loss, out.loss)


def test_reconstruction_and_divergence_reach_every_weight():
    model, images = small_model(), torch.randn(2, 3, 8, 8)
    out = model(images)
    F.mse_loss(out.reconstruction, images).backward()
    assert all(weight.grad.any() for weight in model.parameters())
    last = model.encoder[-1].weight
    assert last.grad[D].any()  # the concentration, through the draw


def test_training_lowers_the_bound():
    torch.manual_seed(3)
    model = small_model(hidden=16, residual_layers=1)
    images = F.interpolate(torch.randn(8, 3, 2, 2), size=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    bounds = []
    for _ in range(40):
        out = model(images)
        bound = F.mse_loss(out.reconstruction, images) / (2 * 0.1) + out.loss
        optimizer.zero_grad()
        bound.backward()
        optimizer.step()
        bounds.append(bound.item())
    assert sum(bounds[-5:]) < 0.7 * sum(bounds[:5])


def test_its_halves_have_the_layers_of_the_vq_vae():
    ours, theirs = small_model(), VQVAE(3, VQ(8, D), hidden=8, residual_hidden=4)
    for half in ("encoder", "decoder"):
        mine, other = getattr(ours, half), getattr(theirs, half)
        assert [type(layer) for layer in mine] == [type(layer) for layer in other]
        assert mine.state_dict().keys() == other.state_dict().keys()


def test_under_autocast_directions_and_divergence_are_those_of_float32():
    model, images = small_model().eval(), torch.randn(2, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        encoded = model.encoder(images)
        out = model(images)
    assert encoded.dtype == torch.bfloat16
    assert out.latents.dtype == torch.float32
    expected = F.normalize(encoded[:, :D].float(), dim=1)
    torch.testing.assert_close(out.latents, expected)
    assert out.loss.dtype == torch.float32


def test_a_model_in_float64():
    model = small_model().double()
    out = model(torch.randn(1, 3, 8, 8, dtype=torch.float64))
    assert out.reconstruction.dtype == torch.float64
    assert out.latents.dtype == torch.float64


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e15])
def test_latents_at_the_origin_and_far_away_are_still_directions(scale):
    model, images = small_model(), torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        model.encoder[-1].weight.mul_(scale)
        model.encoder[-1].bias.zero_()
    out = model(images)
    (out.loss + out.reconstruction.sum()).backward()
    torch.testing.assert_close(out.latents.norm(dim=1), torch.ones(2, 2, 2))
    assert torch.isfinite(out.loss)
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_channels": 0}, "in_channels=0 must be at least 1"),
        ({"dim": 1}, "dim=1 must be at least 2"),
        ({"hidden": 7}, "hidden=7 must be even"),
        ({"residual_layers": -1}, "residual_layers=-1"),
        ({"residual_hidden": 0}, "residual_hidden=0"),
        ({"kl_weight": -1.0}, "kl_weight=-1.0 must be at least 0"),
        ({"kl_weight": math.nan}, "kl_weight=nan"),
    ],
)
def test_an_option_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        HypersphericalVAE(**{"in_channels": 3, "dim": D, **options})


def test_images_and_latents_of_another_shape_are_refused():
    model = small_model()
    with pytest.raises(ValueError, match=r"images must be \(B, 3, H, W\)"):
        model(torch.zeros(2, 1, 8, 8))
    with pytest.raises(TypeError, match="images must be floating point"):
        model(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(NonFiniteLatentsError, match="latents contain NaN or inf"):
        model(torch.full((2, 3, 8, 8), torch.nan))
    with pytest.raises(ValueError, match=r"latents must be \(B, 6, .*got \(2, 5, 2, 2"):
        model.decode(torch.zeros(2, 5, 2, 2))

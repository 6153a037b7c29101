"""The two ways to train on a batch: what they share, and where they differ."""

import copy

import pytest
import torch
from one_update import (
    STEP,
    UPDATES,
    assert_same_gradients,
    both,
    images_of,
    new_autoencoder,
    new_critic,
    run,
)
from torch.nn import functional as F

from arcvq_lite import EMAVQ
from arcvq_lite.objective import VQGANObjective

# What is equal


def test_where_the_weight_is_equal_all_gradients_are():
    terms, fast = run("fast", new_autoencoder(), new_critic(), images_of(0))
    # The factor that gives the official update the same weight.
    plain, _ = run("official", new_autoencoder(), new_critic(), images_of(0))
    factor = 0.8 * terms["adaptive_weight"] / plain["adaptive_weight"]
    again, official = run(
        "official",
        new_autoencoder(),
        new_critic(),
        images_of(0),
        objective=VQGANObjective(critic_start=STEP, critic_weight=factor.item()),
    )
    for place in (("autoencoder", "autoencoder"), ("critic", "critic")):
        assert_same_gradients(official.gradients[place], fast.gradients[place])
    assert terms.keys() == again.keys()
    for key in terms:
        torch.testing.assert_close(terms[key], again[key], rtol=1e-5, atol=1e-6)


def test_before_the_critic_starts_all_gradients_of_the_autoencoder_are_equal():
    found = {
        name: run(name, new_autoencoder(), new_critic(), images_of(0), step=STEP - 1)
        for name in UPDATES
    }
    assert_same_gradients(
        *(seen.gradients["autoencoder", "autoencoder"] for _, seen in found.values())
    )
    (official, _), (fast, _) = found.values()
    torch.testing.assert_close(official["total"], fast["total"])


def test_the_official_gradients_are_those_of_the_objective_written_out():
    autoencoder, critic, images = new_autoencoder(), new_critic(), images_of(0)
    _, seen = run("official", copy.deepcopy(autoencoder), copy.deepcopy(critic), images)
    out = autoencoder(images, step=STEP)
    nll = (images - out.reconstruction).abs().mean()
    gan = -critic(out.reconstruction).mean()
    pulls = [
        torch.autograd.grad(term, autoencoder.last_layer, retain_graph=True)[0].norm()
        for term in (nll, gan)
    ]
    (nll + 0.8 * pulls[0] / (pulls[1] + 1e-4) * gan + out.quantized.loss).backward()
    expected = {key: w.grad for key, w in autoencoder.named_parameters()}
    assert_same_gradients(expected, seen.gradients["autoencoder", "autoencoder"])

    critic.zero_grad()
    real, fake = critic(images), critic(out.reconstruction.detach())
    ((F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2).backward()
    expected = {key: w.grad for key, w in critic.named_parameters()}
    assert_same_gradients(expected, seen.gradients["critic", "critic"])


@both
def test_the_critic_collects_nothing_of_the_autoencoders_loss(name):
    critic = new_critic()
    _, seen = run(name, new_autoencoder(), critic, images_of(0))
    assert seen.calls == ["autoencoder", "critic"]
    assert not any(seen.gradients["autoencoder", "critic"].values())
    before = seen.gradients["autoencoder", "autoencoder"]
    after = seen.gradients["critic", "autoencoder"]
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert all(weight.requires_grad for weight in critic.parameters())


def test_the_critic_can_be_trained_again_after_an_error():
    critic = new_critic()
    critic.main[0].weight.requires_grad_(False)  # by the user's own wish
    with pytest.raises(ValueError, match="at least 6×6"):
        run("official", new_autoencoder(), critic, images_of(0)[..., :4, :4])
    wanted = [weight.requires_grad for weight in critic.parameters()]
    assert wanted == [False] + [True] * (len(wanted) - 1)


@both
def test_gradients_accumulate_while_nobody_steps(name):
    autoencoder, critic = new_autoencoder(), new_critic()
    _, one = run(name, autoencoder, critic, images_of(0))
    _, two = run(name, autoencoder, critic, images_of(0))
    for part in ("autoencoder", "critic"):
        once, twice = (seen.gradients[part, part] for seen in (one, two))
        assert_same_gradients({key: 2 * once[key] for key in once}, twice, atol=1e-5)


@both
def test_recomputed_activations_change_no_gradient(name):
    autoencoder = new_autoencoder()
    _, expected = run(name, autoencoder, new_critic(), images_of(0))
    again = new_autoencoder()
    again.recompute_activations()
    _, found = run(name, again, new_critic(), images_of(0))
    place = ("autoencoder", "autoencoder")
    assert_same_gradients(expected.gradients[place], found.gradients[place])


# What differs


def test_the_fast_weight_is_the_ratio_of_the_pulls_at_the_image():
    autoencoder, critic, images = new_autoencoder(), new_critic(), images_of(0)
    terms, _ = run("fast", copy.deepcopy(autoencoder), copy.deepcopy(critic), images)
    image = autoencoder(images, step=STEP).reconstruction.detach().requires_grad_()
    nll, gan = (images - image).abs().mean(), -critic(image).mean()
    pulls = [
        torch.autograd.grad(term, image)[0].norm() * images.numel() ** 0.5
        for term in (nll, gan)
    ]
    assert pulls[0].item() == pytest.approx(1.0, rel=1e-5)  # as of any absolute error
    expected = 0.8 * pulls[0] / (pulls[1] + 1e-4)
    torch.testing.assert_close(terms["adaptive_weight"], expected)


def test_the_fast_weight_does_not_depend_on_the_batchs_size():
    critic = new_critic().eval()
    weights = [
        run("fast", new_autoencoder(), critic, images_of(0).repeat(n, 1, 1, 1))[0]
        for n in (1, 3)
    ]
    torch.testing.assert_close(*(terms["adaptive_weight"] for terms in weights))


def test_the_official_critic_sees_the_weights_after_the_step_the_fast_one_before():
    for name, expected in (("official", 0.25), ("fast", None)):
        autoencoder, critic = new_autoencoder(), new_critic().eval()

        def paint_grey(autoencoder=autoencoder):
            with torch.no_grad():
                autoencoder.decoder.conv_out.weight.zero_()
                autoencoder.decoder.conv_out.bias.fill_(0.25)

        images = images_of(0)
        before = copy.deepcopy(autoencoder)(images, step=STEP).reconstruction.detach()
        seen = before if expected is None else torch.full_like(images, expected)
        terms, _ = run(name, autoencoder, critic, images, after_autoencoder=paint_grey)
        torch.testing.assert_close(terms["score_fake"], critic(seen).mean().detach())


@pytest.mark.parametrize(("name", "times"), [("official", 2), ("fast", 1)])
def test_how_often_a_quantizers_averages_move(name, times):
    autoencoder = new_autoencoder(EMAVQ(8, 4, decay=0.5))
    expected = copy.deepcopy(autoencoder)
    for _ in range(times):
        expected(images_of(0), step=STEP)
    run(name, autoencoder, new_critic(), images_of(0))
    found = autoencoder.quantizer.state_dict()
    for key, value in expected.quantizer.state_dict().items():
        torch.testing.assert_close(found[key], value)


def test_before_it_starts_the_fast_critic_rests_and_the_official_one_idles():
    critic = new_critic()
    before = copy.deepcopy(critic.state_dict())
    terms, seen = run("fast", new_autoencoder(), critic, images_of(0), step=STEP - 1)
    assert seen.calls == ["autoencoder"]
    assert all(torch.equal(critic.state_dict()[key], before[key]) for key in before)
    assert terms.keys() == {
        *("total", "nll", "l1", "quantizer", "codebook", "commitment"),
        *("margin", "margin_weight", "radius"),
    }

    terms, seen = run(
        "official", new_autoencoder(), critic, images_of(0), step=STEP - 1
    )
    assert seen.calls == ["autoencoder", "critic"]
    assert not any(g.any() for g in seen.gradients["critic", "critic"].values())
    assert int(critic.main[3].num_batches_tracked) == 3
    assert terms["critic"] == 0
    assert terms["adaptive_weight"] > 0


# Under autocast


@both
def test_the_way_back_runs_outside_autocast(name):
    """Else the float32 products of matching and margin go back in bfloat16."""
    autoencoder, images = new_autoencoder(), images_of(0)
    objective = VQGANObjective(critic_start=STEP + 1)
    expected = copy.deepcopy(autoencoder)
    with torch.autocast("cpu", torch.bfloat16):
        _, seen = run(name, autoencoder, new_critic(), images, objective=objective)
        out = expected(images, step=STEP)
    image = out.reconstruction.float()
    ((images - image).abs().mean() + out.quantized.loss).backward()
    assert_same_gradients(
        {key: weight.grad for key, weight in expected.named_parameters()},
        seen.gradients["autoencoder", "autoencoder"],
    )


def test_the_second_run_under_autocast_uses_the_new_weights():
    """Autocast keeps its bfloat16 copies of the weights until it ends."""
    autoencoder, critic, images = new_autoencoder(), new_critic().eval(), images_of(0)
    with torch.no_grad():
        critic.main[0].weight.mul_(100)  # else all scores are near the last bias

    def paint_grey():
        with torch.no_grad():
            autoencoder.decoder.conv_out.weight.zero_()
            autoencoder.decoder.conv_out.bias.fill_(0.25)

    old = critic(copy.deepcopy(autoencoder)(images, step=STEP).reconstruction).mean()
    with torch.autocast("cpu", torch.bfloat16):
        terms, _ = run(
            "official", autoencoder, critic, images, after_autoencoder=paint_grey
        )
    grey = critic(torch.full_like(images, 0.25)).mean()
    assert terms["score_fake"].item() == pytest.approx(grey.item(), rel=0.03)
    assert old.item() != pytest.approx(grey.item(), rel=0.2)


@both
def test_a_step_in_bfloat16_has_finite_float32_gradients(name):
    with torch.autocast("cpu", torch.bfloat16):
        terms, seen = run(name, new_autoencoder(), new_critic(), images_of(0))
    for part in ("autoencoder", "critic"):
        for gradient in seen.gradients[part, part].values():
            assert gradient.dtype == torch.float32
            assert gradient.isfinite().all()
    assert terms["adaptive_weight"] > 0

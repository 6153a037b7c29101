"""The critic that scores patches."""

import pytest
import torch
from torch import nn

from arcvq_lite.models import PatchCritic


@pytest.mark.parametrize(("layers", "side"), [(1, 14), (2, 6), (3, 2)])
def test_a_score_for_every_patch(layers, side):
    critic = PatchCritic(channels=4, layers=layers)
    assert critic(torch.randn(2, 3, 32, 32)).shape == (2, 1, side, side)


def test_a_score_of_three_layers_sees_70_by_70_pixels():
    critic = PatchCritic(channels=4).eval()
    images = torch.randn(1, 3, 128, 128, requires_grad=True)
    scores = critic(images)
    scores[0, 0, 7, 7].backward()
    seen = images.grad[0].abs().sum(dim=0).nonzero()
    assert (seen.amax(dim=0) - seen.amin(dim=0) + 1).tolist() == [70, 70]


def test_widths_double_up_to_eight_times():
    critic = PatchCritic(in_channels=1, channels=4, layers=5)
    widths = [m.out_channels for m in critic.main if isinstance(m, nn.Conv2d)]
    assert widths == [4, 8, 16, 32, 32, 32, 1]
    assert critic.main[0].in_channels == 1


def test_initial_weights_are_the_official_ones():
    critic = PatchCritic()
    for module in critic.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.mean().abs() < 0.002
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1.0, abs=0.01)
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.3)
            assert not module.bias.any()


@pytest.mark.parametrize("name", ["in_channels", "channels", "layers"])
def test_a_size_below_one_is_named(name):
    with pytest.raises(ValueError, match=f"{name}=0 must be at least 1"):
        PatchCritic(**{name: 0})


def test_images_too_small_for_a_score_are_refused():
    with pytest.raises(ValueError, match=r"at least 24×24 .*layers=3.*16\).*fewer"):
        PatchCritic(channels=4)(torch.randn(2, 3, 16, 16))
    assert PatchCritic(channels=4).eval()(torch.randn(1, 3, 24, 24)).numel() == 1

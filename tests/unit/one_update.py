"""One update of a small VQGAN, and what its optimizers would have seen."""

import pytest
import torch

from arcvq_lite import ArcVQ
from arcvq_lite.models import VQGAN, PatchCritic
from arcvq_lite.objective import VQGANObjective
from arcvq_lite.updates import fast_update, official_update

UPDATES = {"official": official_update, "fast": fast_update}
both = pytest.mark.parametrize("name", UPDATES)

STEP = 7
MIDDLE = "main.2.weight"  # of the critic
OBJECTIVE = VQGANObjective(critic_start=STEP)


def new_autoencoder(quantizer=None):
    torch.manual_seed(0)
    return VQGAN(
        3,
        quantizer or ArcVQ(8, 4),
        channels=32,
        multipliers=(1, 1),
        residual_blocks=1,
        attention_resolutions=(),
        resolution=16,
    )


def new_critic():
    torch.manual_seed(1)
    return PatchCritic(channels=8, layers=1)


def images_of(seed, count=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 16, 16, generator=generator).clamp(-1, 1)


class Seen:
    """What each optimizer would find, noted where it would step."""

    def __init__(self, autoencoder, critic):
        self.modules = {"autoencoder": autoencoder, "critic": critic}
        self.gradients = {}
        self.calls = []

    def note(self, name, *, then=lambda: None):
        def step():
            self.calls.append(name)
            for other, module in self.modules.items():
                self.gradients[name, other] = {
                    key.removeprefix("module."): None
                    if weight.grad is None
                    else weight.grad.clone()
                    for key, weight in module.named_parameters()
                }
            then()

        return step


def run(
    name,
    autoencoder,
    critic,
    images,
    *,
    step=STEP,
    objective=OBJECTIVE,
    after_autoencoder=lambda: None,
):
    """One update without optimizers: its terms, and what they would have seen."""
    inner = getattr(autoencoder, "module", autoencoder)
    seen = Seen(autoencoder, critic)
    terms = UPDATES[name](
        autoencoder,
        critic,
        objective,
        images,
        step,
        last_layer=inner.last_layer,
        step_autoencoder=seen.note("autoencoder", then=after_autoencoder),
        step_critic=seen.note("critic"),
    )
    return terms, seen


def assert_same_gradients(one, other, rtol=1e-4, atol=1e-6):
    assert one.keys() == other.keys()
    for key, gradient in one.items():
        torch.testing.assert_close(
            other[key], gradient, rtol=rtol, atol=atol, msg=lambda m, k=key: f"{k} {m}"
        )

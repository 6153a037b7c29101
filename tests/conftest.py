"""What every test runs under: one thread, seeded draws, the same examples each run."""

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile(
    "reproducible", deadline=None, derandomize=True, max_examples=40
)
settings.load_profile("reproducible")


@pytest.fixture(autouse=True)
def seeded():
    """Weights and inputs drawn inside a test are the same in every run."""
    torch.manual_seed(0)

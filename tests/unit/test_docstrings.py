"""Every example in a docstring is true."""

import doctest
import importlib
from pathlib import Path

import pytest

import arcvq_lite

ROOT = Path(arcvq_lite.__file__).parent
MODULES = [
    ".".join(("arcvq_lite", *path.relative_to(ROOT).with_suffix("").parts))
    for path in sorted(ROOT.rglob("*.py"))
    if path.stem not in ("__init__", "__main__")
]
WITH_EXAMPLES = {
    "arcvq_lite.evaluation.evaluate",
    "arcvq_lite.prior.sampling",
    "arcvq_lite.prior.transformer",
    "arcvq_lite.metrics",
    "arcvq_lite.models.critic",
    "arcvq_lite.models.hyperspherical_vae",
    "arcvq_lite.models.vqgan",
    "arcvq_lite.models.vqvae",
    "arcvq_lite.quantizers.arc",
    "arcvq_lite.schedules",
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_show_what_they_print(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert result.attempted > 0 or name not in WITH_EXAMPLES


def test_the_modules_with_examples_are_among_those_tried():
    assert set(MODULES) >= WITH_EXAMPLES

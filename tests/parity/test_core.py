"""Values and gradients equal the official implementation's golden numbers."""

import json
from pathlib import Path

import pytest
import torch
from seeded import seeded_input, seeded_parameter
from torch import Tensor

from arcvq_lite import (
    ArcMarginLoss,
    ArcVQ,
    ExponentialDecay,
    ExponentialRadius,
    arc_margin_loss,
    load_official,
    official_state_dict,
    project_to_ball,
)

GOLDEN = json.loads((Path(__file__).parent / "core.json").read_text())


def assert_golden(
    tensor: Tensor, golden: dict, tolerance: float = 1e-4, rounding: float = 1e-6
) -> None:
    """Shape, sums and sampled values.

    A value may be off by `tolerance` of itself and by `rounding` of the largest one.
    """
    tensor = tensor.detach()
    assert list(tensor.shape) == golden["shape"]
    values = tensor.flatten()[golden["at"]]
    largest = max(map(abs, golden["values"]))
    expected = torch.tensor(golden["values"])
    torch.testing.assert_close(
        values, expected, rtol=tolerance, atol=rounding * largest
    )
    spread = tolerance * golden["abs_sum"]
    assert tensor.double().sum().item() == pytest.approx(
        golden["sum"], rel=tolerance, abs=spread
    )
    assert tensor.double().abs().sum().item() == pytest.approx(
        golden["abs_sum"], rel=tolerance
    )


@pytest.mark.parametrize(
    "case", GOLDEN["margin_loss"], ids=lambda c: f"seed{c['seed']}"
)
def test_margin_loss_and_its_gradient(case):
    latents = seeded_input(case["seed"], tuple(case["latents"]), 2.0).requires_grad_()
    shape = (case["codes"], case["latents"][1])
    codebook = seeded_input(case["seed"] + 1, shape, case["codebook_std"])
    codebook.requires_grad_()
    options = {name: case[name] for name in ("scale", "margin", "top_k")}

    loss = arc_margin_loss(latents, codebook, **options)
    loss.backward()

    assert loss.item() == pytest.approx(case["loss"], rel=1e-5)
    assert_golden(latents.grad, case["grad"])
    assert codebook.grad is None


@pytest.mark.parametrize(
    "case", GOLDEN["cosine_quantizer"], ids=lambda c: f"seed{c['seed']}"
)
def test_cosine_quantizer(case):
    latents = seeded_input(case["seed"], tuple(case["latents"]), 1.5).requires_grad_()
    quantizer = ArcVQ(
        case["codes"],
        case["latents"][1],
        commitment_weight=case["beta"],
        radius=None,
        margin=None,
    )
    with torch.no_grad():
        shape = tuple(quantizer.codebook.shape)
        quantizer.codebook.copy_(seeded_input(case["seed"] + 1, shape, 0.7))
    out = quantizer(latents)
    upstream = seeded_input(case["seed"] + 2, tuple(case["latents"]))
    (out.loss + (out.quantized * upstream).sum()).backward()

    assert out.loss.item() == pytest.approx(case["loss"], rel=1e-5)
    assert out.indices.flatten()[:16].tolist() == case["indices_first"]
    assert out.indices.sum().item() == case["indices_sum"]
    assert_golden(out.quantized, case["quantized"])
    assert_golden(latents.grad, case["grad_latents"])
    assert_golden(quantizer.codebook.grad, case["grad_codebook"])


@pytest.mark.parametrize("case", GOLDEN["ball"], ids=lambda c: f"step{c['step']}")
def test_ball(case):
    codebook = seeded_input(case["seed"], (case["codes"], case["dim"]), case["std"])
    radius = ExponentialRadius(case["alpha"])(case["step"])
    projected = project_to_ball(codebook, radius)

    assert radius == pytest.approx(case["radius"], rel=1e-12)
    assert projected.norm(dim=1).max().item() == pytest.approx(
        case["max_norm"], rel=1e-6
    )
    assert_golden(projected, case["result"])


@pytest.fixture(params=GOLDEN["vqvae"], ids=lambda c: f"{c['in_channels']}channels")
def case(request):
    return request.param


@pytest.fixture
def model(case):
    train = case["train"]
    state = {
        key: seeded_parameter(case["seed"], key, tuple(shape))
        for key, shape in case["state_dict"].items()
    }
    return load_official(
        state,
        radius=ExponentialRadius(train["alpha"]),
        margin=ArcMarginLoss(scale=case["scale"], margin=case["margin"]),
        margin_weight=ExponentialDecay(train["gamma"], train["gamma_decay"]),
    )


def test_vqvae_sizes_and_names(case, model):
    official = official_state_dict(model)
    assert {key: list(value.shape) for key, value in official.items()} == case[
        "state_dict"
    ]
    for key, value in official.items():
        expected = seeded_parameter(case["seed"], key, tuple(value.shape))
        torch.testing.assert_close(value, expected, rtol=0, atol=0)


def test_vqvae_evaluation(case, model):
    images = seeded_input(
        case["seed"] + 5, (4, case["in_channels"], *case["size"]), 0.5
    )
    model.eval()
    out = model(images)
    margin = model.quantizer.margin(model.latents(images), model.quantizer.codebook)

    assert_golden(out.reconstruction, case["eval"]["reconstruction"])
    assert out.quantized.loss.item() == pytest.approx(
        case["eval"]["quantization_loss"], rel=1e-5
    )
    assert margin.item() == pytest.approx(case["eval"]["margin_loss"], rel=1e-5)


def test_vqvae_first_training_steps(case, model):
    train = case["train"]
    optimizer = torch.optim.Adam(model.parameters(), lr=train["lr"])
    shape = (4, case["in_channels"], *case["size"])
    for step, row in enumerate(train["trajectory"]):
        images = seeded_input(case["seed"] + 100 + step, shape, 0.5)
        reconstruction, quantized = model(images, step=step)
        error = (reconstruction - images).square().mean() / train["data_variance"]
        total = error + quantized.loss
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

        terms = quantized.terms
        quantization = terms["codebook"] + 0.25 * terms["commitment"]
        ours = [error, quantization, terms["margin"], total]
        assert [value.item() for value in ours] == pytest.approx(row, rel=1e-5)
    assert_golden(model.quantizer.codebook, train["codebook"])


def test_the_relu_skip_is_what_the_official_code_does(case, model):
    """With the plain skip the golden reconstruction is missed by far."""
    images = seeded_input(
        case["seed"] + 5, (4, case["in_channels"], *case["size"]), 0.5
    )
    for module in model.modules():
        if hasattr(module, "relu_skip"):
            module.relu_skip = False
    golden = case["eval"]["reconstruction"]
    found = model.eval()(images).reconstruction.flatten()[golden["at"]]
    assert (found - torch.tensor(golden["values"])).abs().max() > 1e-2

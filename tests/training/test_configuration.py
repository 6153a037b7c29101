"""From words and YAML to options: what is shipped, overridden, and refused."""

import dataclasses

import pytest
import torch

from arcvq_lite.training.build import build_autoencoder, build_prior
from arcvq_lite.training.command import main
from arcvq_lite.training.configuration import (
    OptionError,
    parse_options,
    shipped,
    to_yaml,
)

SHIPPED = [
    "cifar10_vqvae",
    "imagenet_vqgan",
    "imagenet_vqgan_smoke",
    "mnist_vqvae",
    "photos_hyperspherical_vae",
    "photos_prior",
    "photos_vqgan",
]
AUTOENCODERS = [name for name in SHIPPED if not name.endswith("_prior")]


def refusal(*words):
    with pytest.raises(OptionError) as refused:
        parse_options(words)
    return str(refused.value)


# Shipped


def test_the_shipped_configurations_are_these():
    assert shipped() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_configuration_is_read_written_and_read_again(name, tmp_path):
    options = parse_options(["--config", name])
    (tmp_path / "again.yaml").write_text(to_yaml(options))
    assert parse_options(["--config", str(tmp_path / "again.yaml")]) == options


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_a_shipped_configuration_builds_its_autoencoder(name):
    options = parse_options([f"--config={name}"])
    with torch.device("meta"):
        build_autoencoder(options, channels=3, resolution=options.data.size or 32)


def test_the_shipped_prior_builds_its_prior():
    options = parse_options(["--config", "photos_prior"])
    with torch.device("meta"):
        build_prior(options.prior, num_codes=128, length=64, classes=1)


def test_imagenet_is_the_papers():
    options = parse_options(["--config", "imagenet_vqgan"])
    with torch.device("meta"):
        model = build_autoencoder(options, channels=3, resolution=256)
    assert sum(weight.numel() for weight in model.parameters()) == 67_779_251
    quantizer, critic = options.quantizer, options.vqgan.critic
    assert (quantizer.num_codes, quantizer.dim) == (1024, 16)
    assert (quantizer.commitment_weight, quantizer.codebook_weight) == (1.0, 0.25)
    assert quantizer.radius.alpha == 5e-5
    assert dataclasses.astuple(quantizer.margin) == (10.0, 0.1, 3, 1.0, 1e-4)
    assert (critic.start, critic.weight, critic.channels) == (250_001, 0.8, 64)
    assert options.optimizer.rate(options.data.batch_size) == 4.5e-6 * 32
    assert options.optimizer.betas == (0.5, 0.9)


def test_the_small_sets_have_the_papers_vqvae():
    for name in ("cifar10_vqvae", "mnist_vqvae"):
        options = parse_options(["--config", name])
        assert options.data.batch_size == 1024
        assert (options.quantizer.num_codes, options.quantizer.dim) == (512, 64)
        assert options.quantizer.radius.alpha == 3e-4
        assert options.optimizer.rate(1024) == 3e-4


# Overridden


def test_words_override_a_configuration():
    words = "--run.steps 7 --quantizer.margin.scale=2 --quantizer.radius null"
    options = parse_options(["--config", "cifar10_vqvae", *words.split()])
    assert options.run.steps == 7
    assert options.quantizer.margin.scale == 2.0
    assert options.quantizer.margin.top_k == 3
    assert options.quantizer.radius is None


def test_the_configuration_can_be_printed(capsys):
    with pytest.raises(SystemExit) as left:
        parse_options(["--config", "mnist_vqvae", "--run.steps=7", "--print_config"])
    assert left.value.code == 0
    printed = capsys.readouterr().out
    assert "steps: 7" in printed
    assert "num_codes: 512" in printed


# Refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "--data.bach_size 3",
            "no option data.bach_size; did you mean data.batch_size",
        ),
        ("--data.batch 3", "no option data.batch; did you mean data.batch_size"),
        ("--quantiser.dim 3", "no option quantiser.dim; did you mean quantizer"),
        ("--quantizer.radius.alpa 1", "did you mean quantizer.radius.alpha"),
        ("--run.steps.x 1", "no option run.steps.x; run.steps holds a value"),
        ("--data.batch_size 3.5", "data.batch_size=3.5 must be of the type int"),
        ("--data.size x", "data.size=x must be of the type int or null"),
        ("--quantizer.radius.alpha x", "quantizer.radius.alpha=x must be of the type"),
        ("--run.precision half", "run.precision=half must be of the type Literal"),
        ("--run.steps 0", "run.steps=0 must be at least 1"),
        ("--quantizer.kind vq", "quantizer.radius belongs to kind: arc"),
        ("--optimizer.learning_rate_per_image 1", "give exactly one"),
        ("--vqvae null", "give exactly one of the sections vqvae, vqgan"),
        ("--run.ema_decay 1", "run.ema_decay=1.0 must lie in [0, 1)"),
        ("surplus", "surplus"),
    ],
)
def test_what_is_wrong_is_named(words, said):
    assert said in refusal("--config", "cifar10_vqvae", *words.split())


def test_a_wrong_key_in_a_file_is_named_with_the_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("data: {source: digits, batch_size: 8}\nruns: {steps: 3}\n")
    said = refusal("--config", str(path))
    assert f"{path}: there is no option runs; did you mean run?" in said
    path.write_text("- a list\n")
    assert "must hold sections" in refusal("--config", str(path))
    path.write_text("data: {a: [\n")
    assert "is no YAML" in refusal("--config", str(path))


def test_a_configuration_that_is_not_there_is_named_with_the_nearest():
    assert "did you mean cifar10_vqvae?" in refusal("--config", "cifar_vqvae")


def test_what_is_missing_is_named():
    said = refusal("--config", "cifar10_vqvae", "--run.folder")
    assert "run.folder" in said
    assert "data.source" in refusal("--run.steps", "3")


def test_a_refusal_comes_before_any_work(tmp_path):
    complaints = []
    words = ["--config", "cifar10_vqvae", "--run.folder", str(tmp_path / "run")]
    status = main([*words, "--run.stepz", "3"], print, complaints.append)
    assert status == 2
    assert "did you mean run.steps?" in complaints[0]
    assert not (tmp_path / "run").exists()


def test_official_and_compiled_do_not_go_together():
    said = refusal(
        "--config", "photos_vqgan", "--run.compile=true", "--vqgan.update=official"
    )
    assert "run.compile=true needs vqgan.update=fast" in said

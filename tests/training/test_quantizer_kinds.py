"""Every kind of quantizer from YAML: built, refused, trained and taken up again."""

import dataclasses

import pytest
import torch
from small_runs import (
    VQGAN,
    changed,
    final_state,
    log_of,
    same,
    small_images,
    small_run,
    train_on,
)

from arcvq_lite import (
    CVQ,
    FSQ,
    SQVQ,
    VQ,
    FactorizedVQ,
    GroupedVQ,
    GumbelVQ,
    ResidualVQ,
    WassersteinVQ,
)
from arcvq_lite.training.build import build_quantizer
from arcvq_lite.training.configuration import OptionError, parse_options, to_yaml
from arcvq_lite.training.loop import FINISHED, train
from arcvq_lite.training.model_options import (
    QuantizerOptions,
    RadiusOptions,
    TemperatureOptions,
)
from arcvq_lite.training.quantizer_options import KINDS_OF
from arcvq_lite.training.run_folder import load_trained


def of(kind, **options):
    return QuantizerOptions(num_codes=8, dim=4, kind=kind, **options)


FSQ_OPTIONS = QuantizerOptions(
    num_codes=72, dim=4, kind="fsq", levels=(4, 3, 3, 2), stages=None
)
KINDS = {
    "arc": of("arc", radius=RadiusOptions(alpha=0.01)),
    "vq": of("vq"),
    "ema": of("ema", decay=0.5),
    "cvq": of("cvq"),
    "factorized": of("factorized", code_dim=2),
    "fsq": FSQ_OPTIONS,
    "gumbel": of("gumbel", temperature=TemperatureOptions(1.0, 0.1, 0.7)),
    "sq": of("sq", weight=0.1),
    "wasserstein": of("wasserstein"),
    "groups": of("cvq", groups=2),
    "stages": of("ema", stages=3, decay=0.5),
    "groups of stages": of("gumbel", groups=2, stages=2),
}
every_kind = pytest.mark.parametrize("name", KINDS)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return small_images(tmp_path_factory.mktemp("noise") / "images")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


@every_kind
def test_three_steps_are_taken_up_as_if_they_had_not_stopped(name, images, tmp_path):
    run = {"quantizer": KINDS[name], "save_every": 1, "steps": 3}
    whole = small_run(images, tmp_path / "whole", **run)
    parts = small_run(images, tmp_path / "parts", **run)
    assert train(whole) == FINISHED
    for steps in (1, 2, 3):
        assert train(changed(parts, steps=steps)) == FINISHED
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "parts")
    assert same(final_state(tmp_path / "whole"), final_state(tmp_path / "parts"))


@every_kind
def test_a_trained_model_is_loaded_and_decodes_its_own_tokens(name, images, tmp_path):
    options = small_run(images, tmp_path, quantizer=KINDS[name], steps=3)
    train(options)
    model = load_trained(tmp_path).autoencoder
    pictures = torch.rand(2, 3, 8, 8) * 2 - 1
    indices = model.eval().encode(pictures)
    torch.testing.assert_close(
        model.decode(indices), model(pictures).reconstruction, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", ["cvq", "fsq", "groups of stages"])
def test_a_vqgan_trains_around_it(name, images, tmp_path):
    options = small_run(images, tmp_path, quantizer=KINDS[name], vqgan=VQGAN, steps=2)
    assert train(options) == FINISHED


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cvq", "factorized", "groups of stages"])
def test_two_processes_are_taken_up_as_if_they_had_not_stopped(name, images, tmp_path):
    run = {"quantizer": KINDS[name], "save_every": 1, "steps": 3}
    whole = small_run(images, tmp_path / "whole", **run)
    parts = small_run(images, tmp_path / "parts", **run)
    assert train_on(2, whole) == [0, 0]
    for steps in (2, 3):
        assert train_on(2, changed(parts, steps=steps)) == [0, 0]
    assert same(final_state(tmp_path / "whole"), final_state(tmp_path / "parts"))


@every_kind
def test_its_yaml_is_read_as_it_was_written(name, tmp_path):
    options = small_run("digits", tmp_path, quantizer=KINDS[name])
    (tmp_path / "again.yaml").write_text(to_yaml(options))
    assert parse_options(["--config", str(tmp_path / "again.yaml")]) == options


def test_kinds_become_their_quantizers_with_their_options():
    built = {name: build_quantizer(options) for name, options in KINDS.items()}
    assert isinstance(built["cvq"], CVQ)
    assert isinstance(built["factorized"], FactorizedVQ)
    assert built["factorized"].code_dim == 2
    assert isinstance(built["fsq"], FSQ)
    assert built["fsq"].levels == (4, 3, 3, 2)
    assert isinstance(built["gumbel"], GumbelVQ)
    assert isinstance(built["sq"], SQVQ)
    assert isinstance(built["wasserstein"], WassersteinVQ)
    groups = built["groups of stages"]
    assert isinstance(groups, GroupedVQ)
    assert all(isinstance(group, ResidualVQ) for group in groups.quantizers)
    assert groups.num_codes == (8, 8, 8, 8)
    assert groups.dim == 4
    distinct = {id(one) for group in groups.quantizers for one in group.quantizers}
    assert len(distinct) == 4


def test_the_temperature_falls_and_stays():
    temperature = build_quantizer(KINDS["gumbel"]).temperature
    assert temperature(0) == 1.0
    assert temperature(2) == pytest.approx(0.8187, abs=1e-4)
    assert temperature(4) == temperature(10**6) == 0.7
    still = TemperatureOptions(1.0, 0.0, 0.5)
    assert build_quantizer(of("sq", temperature=still)).temperature(99) == 1.0


def test_weights_reach_the_quantizer_and_are_its_own_by_default():
    quantizer = build_quantizer(of("vq", codebook_weight=0.3, commitment_weight=0.7))
    assert isinstance(quantizer, VQ)
    assert (quantizer.codebook_weight, quantizer.commitment_weight) == (0.3, 0.7)
    assert build_quantizer(of("ema")).decay == 0.99
    assert build_quantizer(of("cvq")).matching == "cosine"


# Refused


@pytest.mark.parametrize("option", KINDS_OF)
def test_an_option_of_another_kind_is_refused_with_its_own(option):
    other = {
        "codebook_weight": 0.5,
        "commitment_weight": 0.5,
        "radius": RadiusOptions(),
        "levels": (2, 4),
        "code_dim": 2,
        "matching": "cosine",
        "temperature": TemperatureOptions(),
        "estimator": "soft",
    }.get(option, 0.5)
    kind = "fsq" if option != "levels" else "vq"
    said = rf"quantizer\.{option} belongs to kind: .*, and kind is {kind}; write "
    with pytest.raises(ValueError, match=said):
        QuantizerOptions(8, 2, kind, **{"levels": (2, 4), option: other})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "fsq"}, "quantizer.levels is missing: kind: fsq .* each of 4 chan"),
        ({"kind": "fsq", "levels": (2, 4)}, "make 8 codes in 2 channels.*in 4"),
        ({"kind": "fsq", "levels": (2, 2, 2, 2)}, "make 16 codes.*num_codes=8"),
        ({"groups": 3}, "quantizer.dim=4 must be a multiple of quantizer.groups=3"),
        ({"groups": 0}, "quantizer.groups=0 must be at least 1"),
        ({"stages": 0}, "quantizer.stages=0 must be at least 1"),
    ],
)
def test_options_that_do_not_fit_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        QuantizerOptions(8, 4, **options)


@pytest.mark.parametrize("name", ["initial", "lowest", "rate"])
def test_a_temperature_out_of_range_is_named(name):
    with pytest.raises(ValueError, match=rf"quantizer\.temperature\.{name}=-1"):
        dataclasses.replace(TemperatureOptions(), **{name: -1.0})


def test_what_the_words_say_is_refused_in_the_same_way():
    words = ["--config", "cifar10_vqvae", "--quantizer.kind", "cvq"]
    with pytest.raises(OptionError, match="radius belongs to kind: arc"):
        parse_options(words)

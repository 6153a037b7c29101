"""A study of signals: another source, the model and the measures follow from it."""

from pathlib import Path

import pytest
import torch
from small_studies import (
    ARMS,
    CLAIM,
    read,
    results,
    study_of,
    tree,
    weights_of,
    written,
)

from arcvq_lite import cli, load_signals
from arcvq_lite.evaluation.signals import evaluate_signals
from arcvq_lite.study.arms import build_model, plan_run
from arcvq_lite.study.identity import digest_data, hash_of, identify_run
from arcvq_lite.study.measures import Instruments
from arcvq_lite.study.numbers import fidelity, in_words
from arcvq_lite.study.options import StudyDataOptions
from arcvq_lite.study.reading import read_study
from arcvq_lite.study.run_process import load_split
from arcvq_lite.study.single_run import train_arm

DATA = {
    "source": "signals",
    "batch_size": 8,
    "size": 128,
    "limit": 56,
    "held_out": 14,
}
OF_SIGNALS = {
    "expects": {"usage": "up", "snr": "up"},
    "refuted_by": {"usage": ["same", "down"], "snr": ["down"]},
}


def signal_tree(arms=("cosine", "both"), **changed):
    first, *_, last = arms
    claim = {**CLAIM, **OF_SIGNALS, "arm": last, "against": first}
    changed = {
        "data": DATA,
        "claims": {"it_works": claim},
        "smallest": {"usage": 0.01, "snr": 0.01},
        **changed,
    }
    return tree(arms, **changed)


@pytest.fixture(scope="module")
def parts():
    options = StudyDataOptions(**DATA)
    return tuple(load_split(options, part) for part in ("train", "test"))


def test_the_source_signals_is_the_made_set(parts):
    training, held_out = parts
    assert torch.equal(training, load_signals(size=128, limit=56).signals)
    assert torch.equal(held_out, load_signals(split="test", size=128, limit=14).signals)


def test_a_run_learns_and_logs_what_is_said_of_signals(tmp_path, parts):
    training, held_out = parts
    budget = {"steps": 200, "log_every": 50}
    study = study_of(tmp_path, signal_tree(budget=budget))
    history = train_arm(plan_run(study, "both", 0), training, Instruments(held_out))
    wanted = {"snr", "snr_of_whole_set", "l1", "log_spectral_distance", "usage"}
    assert wanted < set(history.names)
    assert {"code_angle", "margin_commitment_cosine", "ball_binding"} < set(
        history.names
    )
    assert not {"psnr", "ssim", "psnr_of_mean_error"} & set(history.names)
    assert history["snr"][-1] > history["snr"][0] + 1
    assert history["train_reconstruction"][-1] < history["train_reconstruction"][0]


def test_the_measures_are_of_the_whole_held_out_set(tmp_path, parts):
    study = study_of(tmp_path, signal_tree())
    model = build_model(plan_run(study, "cosine", 0), 1, dimensions=1)
    row = Instruments(parts[1]).measure(model)
    for name, value in evaluate_signals(model, [parts[1]]).items():
        assert row[name] == pytest.approx(value)


@pytest.mark.parametrize("arm", ARMS)
def test_arms_of_one_seed_begin_with_the_same_network_along_one_axis(tmp_path, arm):
    study = study_of(tmp_path, tree(tuple(ARMS)))
    one, other = (
        build_model(plan_run(study, name, 0), 1, dimensions=1)
        for name in ("cosine", arm)
    )
    assert torch.equal(weights_of(one.encoder), weights_of(other.encoder))
    assert torch.equal(weights_of(one.decoder), weights_of(other.decoder))
    assert one.dimensions == 1


def test_networks_that_see_images_are_refused(parts):
    with pytest.raises(ValueError, match=r"scores.lpips_weights .* data are signals"):
        Instruments(parts[1], lpips=torch.nn.Identity())


def test_a_folder_called_signals_is_given_as_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_split(StudyDataOptions(source="./signals", batch_size=8), "train")


@pytest.mark.slow
def test_a_study_of_signals_runs_and_reports_from_end_to_end(tmp_path, capsys):
    config = written(tmp_path, signal_tree(seeds=(0, 1, 2)))
    out = tmp_path / "out"
    for verb in ("run", "report"):
        words = ["study", verb, str(config), "--out", str(out)]
        assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "6 are to do" in said
    assert said.count(" dB, usage ") == 6
    assert len(results(out)) == 6
    page = (out / "report" / "report.md").read_text("utf-8")
    assert (
        "| arm | SNR (dB) | L1 | log-spectral distance (dB) | usage (share) |" in page
    )
    for word in ("PSNR", "SSIM", "images"):
        assert word not in page
    stored = read(out / "report" / "report.json")
    comparisons = stored["claims"]["it_works"]["comparisons"]
    assert [c["measure"] for c in comparisons] == ["usage", "snr"]
    assert len(comparisons[1]["differences"]) == 3
    pictures = {path.stem for path in (out / "report").glob("*.png")}
    assert pictures == {"effects_usage", "effects_snr", "arms"}


def test_how_near_a_reconstruction_comes_is_named_after_the_data():
    assert in_words(fidelity(["snr", "usage"])) == "SNR (dB)"
    assert in_words(fidelity(["psnr", "usage"])) == "PSNR (dB)"


# Studies of images are what they were


def test_runs_on_images_keep_their_identity(tmp_path):
    """Results of images that were made before there were signals stay valid."""
    study = study_of(tmp_path, tree(tuple(ARMS)))
    for arm, digest in IDENTITIES.items():
        identity = identify_run(plan_run(study, arm, 1), "0" * 64, {})
        del identity["versions"]
        assert hash_of(identity) == digest


# Taken before studies knew of signals.
IDENTITIES = {
    "cosine": "f026500335279e674117a1ac3c6e67a2c5e9ec239b55f7e0f37cde7f66d7cad8",
    "both": "f0261e647a3240d69da48a413608f5bac7d97f660dca2045886f2dce8c512a76",
    "gumbel": "88f2caf860e92271def2d0791cfb7351c5a3bee31f0e910cbe3d38db93806db6",
}
DIGEST = "300e4d370ed4e38c8514b5ad7577b116a8feafaf05d9e12b259f8ded30cb1ecd"


def test_the_digest_of_images_is_of_them_and_of_nothing_else():
    images = torch.linspace(-1, 1, 48).reshape(4, 1, 3, 4)
    assert digest_data(images, images[:2]) == DIGEST


def test_the_shipped_study_of_signals_compares_what_the_other_one_compares():
    ours, images = (read_study(Path(name)) for name in ("signals", "photos"))
    assert ours.setting.data.source == "signals"
    assert ours.setting.codebook == images.setting.codebook
    for name, arm in ours.arms.items():
        assert arm == images.arms[name]
    for claim in ours.claims.values():
        assert set(claim.measures) <= {"usage", "snr"}

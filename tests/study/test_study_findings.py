"""Findings: pairs by seed, verdicts by the rules, and what stands in their way."""

import pytest
from small_studies import (
    CLAIM,
    GAINS,
    SCORES,
    SEEDS,
    WORDS,
    kept,
    rows,
    study_of,
    tree,
)

from arcvq_lite.study.arms import plan_run
from arcvq_lite.study.findings import find
from arcvq_lite.study.finished_runs import read_runs
from arcvq_lite.study.identity import identify_run
from arcvq_lite.study.report import write_report
from arcvq_lite.study.run_file import OtherConfigurationError, RunFiles, RunResult
from arcvq_lite.study.statistics import bootstrap_interval, holm, sign_flip_p


def findings_of(study, folder):
    return find(study, read_runs(study, folder))


def compared(found, measure, claim="it_works"):
    [one] = [
        c for c in found["claims"][claim]["comparisons"] if c["measure"] == measure
    ]
    return one


def page(study, folder):
    return (write_report(study, folder).folder / "report.md").read_text("utf-8")


def test_differences_are_paired_by_seed_and_judged_as_the_statistics_say(study, folder):
    found = findings_of(study, folder)
    psnr = compared(found, "psnr")
    gains = list(GAINS.values())
    assert psnr["differences"] == pytest.approx(gains)
    assert psnr["mean"] == pytest.approx(sum(gains) / 5)
    assert found["comparisons"] == 2
    assert found["confidence"] == 1 - 0.05 / 2
    interval = bootstrap_interval(psnr["differences"], found["confidence"])
    assert (psnr["low"], psnr["high"]) == (interval.low, interval.high)
    assert psnr["p"] == sign_flip_p(gains) == 2 / 32
    pair = [c["p"] for c in found["claims"]["it_works"]["comparisons"]]
    corrected = [c["p_corrected"] for c in found["claims"]["it_works"]["comparisons"]]
    assert corrected == holm(pair)


def test_a_claim_that_is_met_is_supported_in_the_words_of_the_configuration(
    study, folder
):
    claim = findings_of(study, folder)["claims"]["it_works"]
    assert (claim["verdict"], claim["words"]) == ("supported", WORDS["supported"])


def test_the_seeds_criterion_refutes(study, tmp_path):
    for seed, gain in GAINS.items():
        kept(study, tmp_path, "cosine", seed, rows(20 + gain, 0.3))
        kept(study, tmp_path, "both", seed, rows(20, 0.3, 0.4))
    claim = findings_of(study, tmp_path)["claims"]["it_works"]
    assert (claim["verdict"], claim["words"]) == (
        "not_supported",
        WORDS["not_supported"],
    )


def test_a_ball_that_never_bound_decides_nothing(study, folder):
    kept(study, folder, "both", 2, rows(22.2, 0.32, ball=0.0))
    found = findings_of(study, folder)
    assert found["arms"]["both"]["ball"]["seeds_never_bound"] == 1
    assert not found["arms"]["both"]["ball"]["bound"]
    assert found["arms"]["cosine"]["ball"] is None
    claim = found["claims"]["it_works"]
    assert (claim["verdict"], claim["balls_never_bound"]) == ("undecided", ["both"])
    text = page(study, folder)
    assert "The ball of the arm both touched no code" in text
    assert "never bound in 1 of 5 runs" in text


def test_a_missing_run_is_left_out_of_the_pairs_and_named(study, folder):
    files = RunFiles(folder, "cosine-seed3")
    files.result.unlink()
    files.write_failure("DivergenceError: step 7: the loss is not finite")
    found = findings_of(study, folder)
    assert compared(found, "psnr")["seeds"] == [0, 1, 2, 4]
    assert found["runs"] == {"finished": 9, "missing": 1}
    assert found["claims"]["it_works"]["pairs_missing"] == 1
    text = page(study, folder)
    assert "| cosine | 3 | DivergenceError: step 7: the loss is not finite |" in text
    assert "Pairs that are missing: 1" in text


def test_two_pairs_decide_nothing(study, folder):
    for seed in SEEDS[2:]:
        RunFiles(folder, f"both-seed{seed}").result.unlink()
    found = findings_of(study, folder)
    claim = found["claims"]["it_works"]
    assert claim["verdict"] == "undecided"
    assert claim["too_few_pairs"] == ["usage", "psnr"]
    assert compared(found, "psnr")["possible"] == ["up"]
    assert "too few pairs of runs to decide by" in page(study, folder)


def test_one_pair_has_no_interval(study, folder):
    for seed in SEEDS[1:]:
        RunFiles(folder, f"both-seed{seed}").result.unlink()
    psnr = compared(findings_of(study, folder), "psnr")
    assert (psnr["low"], psnr["possible"]) == (None, [])
    assert "nothing known" in page(study, folder)


def test_a_claim_can_be_taken_at_another_step(tmp_path):
    claim = {
        **CLAIM,
        "arm": "both",
        "against": "both",
        "against_at": 16,
        "expects": {"psnr": "up"},
        "refuted_by": {"psnr": ["down"]},
    }
    content = tree(("cosine", "both"), seeds=SEEDS, claims={"later": claim})
    study = study_of(tmp_path, content)
    for seed in SEEDS:
        kept(study, tmp_path, "cosine", seed, rows(20, 0.3))
        kept(study, tmp_path, "both", seed, rows(20 + seed, 0.3, 0.4))
    later = compared(findings_of(study, tmp_path), "psnr", "later")
    assert later["differences"] == [8, 9, 10, 11, 12]
    assert "both at step 20 less both at step 16" in page(study, tmp_path)


def test_runs_of_other_images_or_versions_are_not_compared(study, folder):
    plan = plan_run(study, "both", 4)
    other = identify_run(plan, "1" * 64, SCORES)
    RunFiles(folder, plan.name).write_result(RunResult(other, rows(1, 1, 0.4)))
    with pytest.raises(OtherConfigurationError, match="sha256_of_images"):
        read_runs(study, folder)
    other = identify_run(plan, "0" * 64, SCORES)
    other["versions"]["torch"] = "1.0"
    RunFiles(folder, plan.name).write_result(RunResult(other, rows(1, 1, 0.4)))
    with pytest.raises(OtherConfigurationError, match=r"versions\.torch"):
        read_runs(study, folder)


def test_a_score_that_the_runs_do_not_have_is_missed(tmp_path, folder):
    content = tree(("cosine", "both"), seeds=SEEDS, scores={"lpips_weights": "random"})
    study = study_of(tmp_path, content)
    with pytest.raises(OtherConfigurationError, match=r"lpips_weights was None"):
        read_runs(study, folder)

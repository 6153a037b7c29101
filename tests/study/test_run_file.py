"""A run's file: whole, the same bytes again, and refused where it does not fit."""

import math

import pytest
from small_studies import study_of, tree

from arcvq_lite.study.arms import plan_run
from arcvq_lite.study.identity import difference, hash_of, identify_run
from arcvq_lite.study.run_file import OtherConfigurationError, RunFiles, RunResult
from arcvq_lite.training.history import History


def identity_of(folder, *, arm="cosine", seed=0, data="0" * 64, scores=None, **changed):
    plan = plan_run(study_of(folder, tree(**changed)), arm, seed)
    return identify_run(plan, data, scores or {})


@pytest.fixture
def identity(tmp_path):
    return identity_of(tmp_path)


@pytest.fixture
def files(tmp_path):
    return RunFiles(tmp_path / "study", "cosine-seed0")


@pytest.fixture
def result(identity):
    columns = {"psnr": [1 / 3, 20.5], "code_angle": [math.nan, 3.0]}
    return RunResult(identity, History([8, 16], columns))


def test_a_result_is_read_as_it_was_written(files, result):
    files.write_result(result)
    found = files.read_result()
    assert found.identity == result.identity
    assert found.history.steps == [8, 16]
    assert found.history["psnr"] == [1 / 3, 20.5]
    assert math.isnan(found.history["code_angle"][0])


def test_a_result_written_again_has_the_same_bytes(files, result):
    files.write_result(result)
    once = files.result.read_bytes()
    files.write_result(files.read_result())
    assert files.result.read_bytes() == once


def test_a_result_takes_away_the_failure_before_it(files, result):
    files.write_failure("OSError: no room")
    assert files.read_failure() == "OSError: no room"
    files.write_result(result)
    assert files.read_failure() is None


def test_there_is_no_result_before_one(files):
    assert files.read_result() is None
    assert files.read_cost() == {}


def test_a_result_changed_by_hand_is_refused(files, result):
    files.write_result(result)
    text = files.result.read_text("utf-8")
    files.result.write_text(text.replace('"seed": 0', '"seed": 1'), "utf-8")
    with pytest.raises(OtherConfigurationError, match="changed by hand; remove it"):
        files.read_result()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"columns": {}}'])
def test_a_file_that_is_no_result_is_refused(files, result, text):
    files.write_result(result)
    files.result.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"is no result of a run .*remove it"):
        files.read_result()


# What determines a run


BUDGET = {"steps": 20, "log_every": 8}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": 1}, "seed was 0, and is 1 now"),
        ({"steps": 30}, "budget.steps was 20, and is 30 now"),
        ({"data": "1" * 64}, "data.sha256_of_images was"),
        ({"scores": {"lpips_weights": "random"}}, "scores.lpips_weights was None"),
        ({"optimizer": {"learning_rate": 0.1}}, "optimizer.learning_rate was 0.01"),
        ({"codebook": {"num_codes": 9, "dim": 4}}, "arm.quantizer.num_codes was 8"),
        ({"arm": "margin"}, "arm.quantizer.margin"),
    ],
)
def test_what_determines_the_rows_is_in_the_hash(tmp_path, identity, changed, said):
    other = identity_of(tmp_path, **changed)
    assert hash_of(other) != hash_of(identity)
    assert said in difference(identity, other)


def test_a_clock_counts_where_it_changes_a_schedule(tmp_path):
    found = {
        (arm, clock): hash_of(
            identity_of(tmp_path, arm=arm, budget={**BUDGET, "clock": clock})
        )
        for arm in ("cosine", "margin")
        for clock in ("paper", "stretched")
    }
    assert found["cosine", "paper"] == found["cosine", "stretched"]
    assert found["margin", "paper"] != found["margin", "stretched"]


def test_versions_are_in_the_hash(identity):
    assert {"arcvq-lite", "torch", "numpy", "python"} <= identity["versions"].keys()
    other = {**identity, "versions": {**identity["versions"], "torch": "1.0"}}
    assert "versions.torch was" in difference(identity, other)


@pytest.mark.parametrize(
    "changed",
    [
        {"question": "Something else?"},
        {"seeds": (0, 1, 2)},
        {"smallest": {}},
        {"arms": ("cosine", "vanilla", "margin")},
    ],
)
def test_words_other_arms_and_other_seeds_are_not(tmp_path, identity, changed):
    assert difference(identity, identity_of(tmp_path, **changed)) is None


def test_where_the_images_lie_is_not(tmp_path, identity):
    moved = {**tree()["data"], "source": "./elsewhere"}
    content = tree()
    content["data"] = moved
    plan = plan_run(study_of(tmp_path, content), "cosine", 0)
    assert difference(identity, identify_run(plan, "0" * 64, {})) is None


def test_a_result_of_another_configuration_is_refused(tmp_path, files, result):
    files.write_result(result)
    files.check(result, result.identity)
    with pytest.raises(
        OtherConfigurationError, match=r"budget.steps was 20.*pass another folder"
    ):
        files.check(result, identity_of(tmp_path, steps=30))

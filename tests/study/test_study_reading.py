"""A study's configuration: what is read, what is shipped, and what is refused."""

from pathlib import Path

import pytest
from small_studies import ARMS, CLAIM, WORDS, study_of, tree, written

from arcvq_lite.study.arms import plan_run, plan_runs
from arcvq_lite.study.clock import PAPER_STEPS
from arcvq_lite.study.options import BudgetOptions, logged_steps
from arcvq_lite.study.reading import read_study, shipped_studies
from arcvq_lite.training.configuration import OptionError, shipped

SHIPPED = [
    "cifar10",
    "loss_weights",
    "margin_dropped",
    "photos",
    "radius_fixed",
    "signals",
]


def refusal(folder, content):
    with pytest.raises(OptionError) as refused:
        study_of(folder, content)
    return str(refused.value)


def test_the_shipped_studies_are_these_and_are_nothing_to_train():
    assert shipped_studies() == SHIPPED
    assert not set(SHIPPED) & set(shipped())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_study_is_read_and_has_a_claim_for_its_question(name):
    study = read_study(Path(name))
    assert study.name == name
    assert study.setting.question.endswith("?")
    assert len(study.claims) >= 3
    assert all(part["words"] for part in map(vars, study.claims.values()))


@pytest.mark.parametrize("name", SHIPPED)
def test_no_growing_ball_of_a_shipped_study_outruns_the_codes(name):
    study = read_study(Path(name))
    setting = study.setting
    fastest = setting.optimizer.rate(1) * setting.codebook.dim**0.5
    for plan in plan_runs(study):
        radius = plan.options.quantizer.radius
        if radius is not None and radius.kind == "exponential":
            assert 0 < radius.alpha < fastest


def test_the_papers_arms_are_in_the_shipped_study_of_photographs():
    arms = read_study(Path("photos")).arms
    assert arms["ball_and_margin"].quantizer.radius.alpha == 3e-4
    assert arms["ball_and_margin"].quantizer.margin.decay == 5e-4
    assert arms["cosine"].quantizer.radius is arms["cosine"].quantizer.margin is None
    weights = arms["ball_and_margin_vqgan_betas"].quantizer
    assert (weights.codebook_weight, weights.commitment_weight) == (0.25, 1.0)
    assert arms["fixed_radius"].quantizer.radius.radius == 1.0


def test_every_arm_has_the_common_codebook(tmp_path):
    study = study_of(tmp_path, tree(tuple(ARMS)))
    sizes = {(a.quantizer.num_codes, a.quantizer.dim) for a in study.arms.values()}
    assert sizes == {(8, 4)}
    assert list(study.arms) == list(ARMS)


def test_runs_are_planned_seed_by_seed(tmp_path):
    plans = plan_runs(study_of(tmp_path, tree(seeds=(3, 5))))
    names = ["cosine-seed3", "margin-seed3", "cosine-seed5", "margin-seed5"]
    assert [plan.name for plan in plans] == names


@pytest.mark.parametrize(
    ("steps", "every", "logged"), [(20, 8, [8, 16, 20]), (16, 8, [8, 16]), (3, 9, [3])]
)
def test_rows_are_logged_at_multiples_and_at_the_end(steps, every, logged):
    assert logged_steps(BudgetOptions(steps, every)) == logged


# Clocks


def clocked(folder, clock, steps=490, **arm):
    content = tree({"a": {"clock": clock, **arm}, **{"b": {}}})
    content["budget"]["steps"] = steps
    return plan_run(study_of(folder, content), "a", 0).options.quantizer


def test_the_papers_clock_leaves_the_schedules_as_they_are_written(tmp_path):
    quantizer = clocked(tmp_path, "paper", quantizer=ARMS["both"]["quantizer"])
    assert (quantizer.radius.alpha, quantizer.margin.decay) == (3e-4, 5e-4)


def test_the_stretched_clock_fades_the_margin_over_the_run(tmp_path):
    quantizer = clocked(tmp_path, "stretched", quantizer=ARMS["both"]["quantizer"])
    assert quantizer.margin.decay == pytest.approx(5e-4 * PAPER_STEPS / 490)


def test_the_stretched_clock_paces_the_ball_beside_adam(tmp_path):
    quantizer = clocked(tmp_path, "stretched", quantizer=ARMS["ball"]["quantizer"])
    assert quantizer.radius.alpha == pytest.approx(0.01 * 4**0.5 / 8)
    slow = {"radius": {"alpha": 1e-6}}
    quantizer = clocked(tmp_path, "stretched", quantizer=slow)
    assert quantizer.radius.alpha == pytest.approx(1e-6 * PAPER_STEPS / 490)


def test_at_the_official_budget_both_clocks_are_one(tmp_path):
    content = tree(("both", "cosine"), steps=PAPER_STEPS)
    content["codebook"]["dim"] = 64
    content["optimizer"]["learning_rate"] = 3e-4
    plans = []
    for clock in ("paper", "stretched"):
        content["budget"]["clock"] = clock
        quantizer = plan_run(study_of(tmp_path, content), "both", 0).options.quantizer
        plans.append((quantizer.radius.alpha, quantizer.margin.decay))
    assert plans[0] == pytest.approx(plans[1], rel=1e-12)


def test_the_stretched_clock_lets_a_temperature_fall_over_the_run(tmp_path):
    quantizer = clocked(tmp_path, "stretched", quantizer=ARMS["gumbel"]["quantizer"])
    assert quantizer.temperature.rate == pytest.approx(1e-4 * PAPER_STEPS / 490)
    assert quantizer.temperature.lowest == 0.5


@pytest.mark.parametrize("clock", ["paper", "stretched"])
def test_a_shrinking_ball_closes_at_the_end_on_either_clock(tmp_path, clock):
    quantizer = clocked(tmp_path, clock, quantizer=ARMS["shrinking"]["quantizer"])
    assert quantizer.radius.total_steps == 490


# Refused


@pytest.mark.parametrize(
    ("part", "key", "value", "said"),
    [
        ("budget", "stepz", 3, "no option budget.stepz; did you mean budget.steps"),
        ("budget", "steps", 0, "budget.steps=0 must be at least 1"),
        ("budget", "steps", "many", "budget.steps=many must be of the type int"),
        ("budget", "clock", "slow", "budget.clock=slow must be of the type"),
        ("data", "batch", 3, "did you mean data.batch_size"),
        ("smallest", "psnr", -1, "smallest.psnr=-1.0 must be above 0"),
    ],
)
def test_a_wrong_option_is_refused_by_name(tmp_path, part, key, value, said):
    content = tree()
    content[part][key] = value
    assert said in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"quantizer": {"radus": {}}}, "did you mean quantizer.radius"),
        ({"quantizer": {"kind": "vq", "margin": {}}}, "quantizer.margin belongs to"),
        ({"quantizer": {"stages": 2}}, "quantizer.stages=2: the measures of a study"),
        ({"control": "swapped_axis"}, "control=swapped_axis needs a quantizer.margin"),
        (
            {"quantizer": {"kind": "ema"}, "control": "frozen_codebook"},
            "control=frozen_codebook needs quantizer.kind arc or vq",
        ),
        (
            {"quantizer": {"radius": {}}, "control": "frozen_codebook"},
            "quantizer.radius null",
        ),
        ({"radius_fixed_after": 0.5}, "needs a quantizer.radius that it can act on"),
        (
            {"quantizer": {"margin": {}}, "margin_dropped_after": 1.5},
            "margin_dropped_after=1.5 must lie between 0 and 1",
        ),
    ],
)
def test_an_arm_that_cannot_be_is_refused_by_name(tmp_path, arm, said):
    message = refusal(tmp_path, tree({"cosine": {}, "odd": arm}))
    assert said in message
    assert "arms.odd" in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arm": "marjin"}, "names the arm marjin; there are cosine, margin"),
        ({"at": 7}, "taken at step 7, which is not logged"),
        ({"arm": "cosine"}, "arm=cosine is compared with itself"),
        ({"expects": {}}, "expects must name at least one measure"),
        ({"expects": {"psnr": "higher"}}, "expects"),
        (
            {"expects": {"psnr": "up"}, "refuted_by": {"psnr": ["same", "up"]}},
            "would support the claim and refute it",
        ),
        ({"words": {"supported": "Yes."}}, "words"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused_by_name(tmp_path, change, said):
    claim = {**CLAIM, "words": WORDS, **change}
    message = refusal(tmp_path, tree(claims={"odd": claim}))
    assert said in message
    assert "claims.odd" in message


def test_other_refusals(tmp_path):
    content = tree()
    del content["arms"]
    assert "the section arms is missing" in refusal(tmp_path, content)
    assert "arms.a/b must be named" in refusal(tmp_path, tree({"a/b": {}, "c": {}}))
    assert "seeds=[1, 1]" in refusal(tmp_path, tree(seeds=(1, 1)))
    with pytest.raises(OptionError, match="did you mean photos"):
        read_study(Path("photo"))
    written(tmp_path, {}).write_text("[1, 2]")
    with pytest.raises(OptionError, match="must hold sections"):
        read_study(tmp_path / "small.yaml")

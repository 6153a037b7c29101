"""StudyOptions: a question, the arms that answer it, and what would count as one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from arcvq_lite.training.model_options import QuantizerOptions, VQVAEOptions
from arcvq_lite.training.option_checks import check_above_zero, check_at_least
from arcvq_lite.training.options import OptimizerOptions

Clock = Literal["paper", "stretched"]
Change = Literal["up", "same", "down"]


@dataclass(frozen=True)
class StudyDataOptions:
    """Which images or signals all runs learn from, and which they are measured on.

    Args:
        source: a set of `load_images`, or a folder of class folders, or "signals" for
            those of `load_signals`; its training split is learnt from, its test split
            is the held-out set.
        batch_size: images or signals of a step.
        size: side of the images in pixels, or samples of a signal; None keeps the
            set's own.
        limit: of the training split to keep, evenly spread; None keeps all.
        held_out: of the held-out set to keep, evenly spread; None keeps all.
    """

    source: str
    batch_size: int
    size: int | None = None
    limit: int | None = None
    held_out: int | None = None

    def __post_init__(self) -> None:
        check_at_least("data.batch_size", self.batch_size, 1)


@dataclass(frozen=True)
class CodebookOptions:
    """What the codebooks of all arms have in common.

    Args:
        num_codes: K.
        dim: D.
    """

    num_codes: int
    dim: int


@dataclass(frozen=True)
class BudgetOptions:
    """How long every run is, and where it computes.

    Args:
        steps: batches of a run.
        log_every: steps between two rows of measures.
        clock: how fast the schedules run; see `arcvq_lite.study.clock`.
        device: cpu or cuda.
    """

    steps: int
    log_every: int
    clock: Clock = "stretched"
    device: Literal["cpu", "cuda"] = "cpu"

    def __post_init__(self) -> None:
        check_at_least("budget.steps", self.steps, 1)
        check_at_least("budget.log_every", self.log_every, 1)


@dataclass(frozen=True)
class ScoreOptions:
    """The scores that need networks of their own; each is left out without weights.

    Args:
        lpips_weights: a file of LPIPS' weights, or "random" to try things out.
        fid_weights: a file of the Inception network's, or "random".
    """

    lpips_weights: str | None = None
    fid_weights: str | None = None


@dataclass(frozen=True, kw_only=True)
class SettingOptions:
    """What all arms of a study share.

    Args:
        question: what the study asks, in a sentence.
        data: which images.
        model: the autoencoder.
        codebook: its size.
        optimizer: of every run.
        budget: of every run.
        scores: weights for LPIPS and rFID.
        seeds: one run of every arm each; at least two for an interval.
        smallest: by measure, the smallest difference that counts, in its unit; a
            smaller one is called the same.
    """

    question: str
    data: StudyDataOptions
    model: VQVAEOptions
    codebook: CodebookOptions
    optimizer: OptimizerOptions
    budget: BudgetOptions
    scores: ScoreOptions = ScoreOptions()
    seeds: tuple[int, ...]
    smallest: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(
                f"seeds={list(self.seeds)} must be one or more, all different"
            )
        for measure, difference in self.smallest.items():
            check_above_zero(f"smallest.{measure}", difference)


@dataclass(frozen=True)
class ArmOptions:
    """One composition: a codebook, and what only a study does with it.

    Args:
        quantizer: the codebook, as `arcvq train` has it.
        control: swapped_axis takes the margin's softmax over the codes instead of
            the latents; frozen_codebook never moves the random codes.
        radius_fixed_after: share of the run after which the radius stays where it
            is; None never fixes it.
        margin_dropped_after: share of the run after which the margin loss is left
            out; None keeps it.
        clock: another than the budget's.
    """

    quantizer: QuantizerOptions
    control: Literal["swapped_axis", "frozen_codebook"] | None = None
    radius_fixed_after: float | None = None
    margin_dropped_after: float | None = None
    clock: Clock | None = None

    def __post_init__(self) -> None:
        for name in ("groups", "stages"):
            if getattr(self.quantizer, name) is not None:
                raise ValueError(
                    f"quantizer.{name}={getattr(self.quantizer, name)}: the measures "
                    f"of a study are of one codebook; write {name}: null"
                )
        has_margin = self.quantizer.margin is not None
        has_ball = self.quantizer.radius is not None
        self._check_part("radius_fixed_after", "quantizer.radius", has_ball)
        self._check_part("margin_dropped_after", "quantizer.margin", has_margin)
        if self.control == "swapped_axis" and not has_margin:
            raise ValueError(
                "control=swapped_axis needs a quantizer.margin, whose axis it swaps"
            )
        if self.control == "frozen_codebook" and (
            has_ball or self.quantizer.kind not in ("arc", "vq")
        ):
            raise ValueError(
                "control=frozen_codebook needs quantizer.kind arc or vq and "
                "quantizer.radius null; whatever else moves the codes"
            )

    def _check_part(self, name: str, part: str, given: bool) -> None:
        share = getattr(self, name)
        if share is None:
            return
        if not given:
            raise ValueError(f"{name}={share} needs a {part} that it can act on")
        if not 0 < share < 1:
            raise ValueError(f"{name}={share} must lie between 0 and 1, a share")


@dataclass(frozen=True)
class WordsOptions:
    """The three sentences of which a claim gets one, written before the runs.

    Args:
        supported: where everything that it expects has been found.
        not_supported: where what refutes it has been found.
        undecided: where neither has, at this budget.
    """

    supported: str
    not_supported: str
    undecided: str


@dataclass(frozen=True)
class ClaimOptions:
    """One claim: how an arm should differ from another, seed by seed.

    Args:
        says: the claim, in a sentence.
        arm: the arm that it is about.
        against: the arm that it is compared with; may be the same one at another
            step.
        expects: by measure, the change of all of which the claim speaks.
        refuted_by: by measure, the changes that together refute it. The seed's
            criterion is {usage: [same, down], psnr: [down]}.
        words: what to say.
        at: the logged step at which `arm` is taken; None is the last.
        against_at: the same of `against`.
    """

    says: str
    arm: str
    against: str
    expects: dict[str, Change]
    refuted_by: dict[str, list[Change]]
    words: WordsOptions
    at: int | None = None
    against_at: int | None = None

    def __post_init__(self) -> None:
        for name in ("expects", "refuted_by"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one measure")
        if all(
            measure in self.expects and self.expects[measure] in changes
            for measure, changes in self.refuted_by.items()
        ):
            raise ValueError(
                f"refuted_by={self.refuted_by} holds whenever "
                f"expects={self.expects} does; the same result would support the "
                "claim and refute it"
            )
        if (self.arm, self.at) == (self.against, self.against_at):
            raise ValueError(f"arm={self.arm} is compared with itself; name another")

    @property
    def measures(self) -> list[str]:
        """Every measure that decides the claim, each once."""
        return list(dict.fromkeys([*self.expects, *self.refuted_by]))


@dataclass(frozen=True)
class StudyOptions:
    """A whole study.

    Args:
        name: of its configuration.
        setting: what all arms share.
        arms: by name, in the order of the report.
        claims: by name.
    """

    name: str
    setting: SettingOptions
    arms: dict[str, ArmOptions]
    claims: dict[str, ClaimOptions]

    def __post_init__(self) -> None:
        logged = logged_steps(self.setting.budget)
        for name, claim in self.claims.items():
            for arm in (claim.arm, claim.against):
                if arm not in self.arms:
                    raise ValueError(
                        f"claims.{name} names the arm {arm}; there are "
                        f"{', '.join(self.arms)}"
                    )
            for step in (claim.at, claim.against_at):
                if step is not None and step not in logged:
                    raise ValueError(
                        f"claims.{name} is taken at step {step}, which is not logged; "
                        f"logged are the multiples of "
                        f"{self.setting.budget.log_every}, and {logged[-1]}"
                    )


def logged_steps(budget: BudgetOptions) -> list[int]:
    """The numbers of updates after which a run is measured, the last one among them."""
    steps = range(budget.log_every, budget.steps, budget.log_every)
    return [*steps, budget.steps]

"""Instant checkers for exercises and assignments: `check.<name>(answer)`."""

from arcvq_lite.check.arccosine import (
    arc_floor,
    arc_start,
    code_budget,
    code_margin,
)
from arcvq_lite.check.assignments import ASSIGNMENTS
from arcvq_lite.check.ball import (
    ball_projection,
    binding_share,
    grow_then_hold,
    growth_rate,
    overflow_step,
)
from arcvq_lite.check.collapse import (
    best_length,
    lost_by_length,
    restart_threshold,
    tokens_needed,
)
from arcvq_lite.check.in_place import in_place
from arcvq_lite.check.kmeans import (
    lloyd_rates,
    lloyd_step,
    shifted_gradient,
    through_exactly,
)
from arcvq_lite.check.margins import (
    angular_margin,
    arcface_border,
    cosface_in_radians,
    cosface_logits,
)
from arcvq_lite.check.prior import (
    bits_per_token,
    causal_mask,
    guided_choice,
    nucleus,
)
from arcvq_lite.check.scale import (
    epoch_and_place,
    rank_slice,
    training_hours,
    whole_save,
)
from arcvq_lite.check.seeds import (
    holm_corrected,
    paired_interval,
    seeds_needed,
)
from arcvq_lite.check.softmax import (
    border_of_lengths,
    longer_embedding,
    stable_cross_entropy,
    temperature_gradient,
)
from arcvq_lite.check.sphere import (
    scale_for_loss,
    simplex_arrows,
    turned_by_a_step,
    uniform_directions,
)
from arcvq_lite.check.spherical import (
    border_offset,
    mean_directions,
    never_falls,
    spherical_quantize,
)
from arcvq_lite.check.start_here import (
    bits_per_picture,
    nearest_by_angle,
    perplexity,
    usage_and_perplexity,
)
from arcvq_lite.check.study import claim_verdict, honest_scores
from arcvq_lite.check.vqgan import (
    critic_sight,
    critic_weight,
    feature_distance,
    least_hinge,
    safest_guesses,
)
from arcvq_lite.check.vqvae import (
    data_variance,
    kl_to_uniform,
    receptive_field,
    vqvae_loss,
)

__all__ = [
    "angular_margin",
    "arc_floor",
    "arc_start",
    "arcface_border",
    "ball_projection",
    "best_length",
    "binding_share",
    "bits_per_picture",
    "bits_per_token",
    "border_of_lengths",
    "border_offset",
    "causal_mask",
    "claim_verdict",
    "code_budget",
    "code_margin",
    "cosface_in_radians",
    "cosface_logits",
    "critic_sight",
    "critic_weight",
    "data_variance",
    "epoch_and_place",
    "feature_distance",
    "grow_then_hold",
    "growth_rate",
    "guided_choice",
    "holm_corrected",
    "honest_scores",
    "kl_to_uniform",
    "least_hinge",
    "lloyd_rates",
    "lloyd_step",
    "longer_embedding",
    "lost_by_length",
    "mean_directions",
    "nearest_by_angle",
    "never_falls",
    "nucleus",
    "overflow_step",
    "paired_interval",
    "perplexity",
    "rank_slice",
    "receptive_field",
    "restart_threshold",
    "safest_guesses",
    "scale_for_loss",
    "seeds_needed",
    "shifted_gradient",
    "simplex_arrows",
    "spherical_quantize",
    "stable_cross_entropy",
    "temperature_gradient",
    "through_exactly",
    "tokens_needed",
    "training_hours",
    "turned_by_a_step",
    "uniform_directions",
    "usage_and_perplexity",
    "vqvae_loss",
    "whole_save",
]

_TASKS = {
    task.function: in_place(task)
    for assignment in ASSIGNMENTS.values()
    for task in assignment.tasks
}
globals().update(_TASKS)
__all__ += list(_TASKS)

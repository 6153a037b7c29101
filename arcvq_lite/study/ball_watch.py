"""BallWatch: whether the ball does anything at all, counted at every step."""

from __future__ import annotations

import torch

from arcvq_lite.geometry import project_to_ball
from arcvq_lite.quantizers import Quantizer
from arcvq_lite.schedules import Schedule


class BallWatch:
    """Counts the steps at which the ball changes a code, and how many codes.

    It looks before each training step, and asks the projection itself: a code
    counts if the projection would move it. So a ball that grows faster than the
    codes has exactly 0, and not the step at which codes lie on it by their making.

    Args:
        quantizer: of the run; one without a ball is never counted.
    """

    def __init__(self, quantizer: Quantizer) -> None:
        self._quantizer = quantizer
        self._radius: Schedule | None = getattr(quantizer, "radius", None)
        self._steps = 0
        self._binding = 0
        self._bound = 0.0

    @torch.no_grad()
    def look(self, step: int) -> None:
        """Count a step that is about to be trained."""
        if self._radius is None:
            return
        codebook = self._quantizer.codebook
        projected = project_to_ball(codebook, self._radius(step))
        moved = (projected != codebook).any(dim=1).double().mean().item()
        self._steps += 1
        self._binding += moved > 0
        self._bound += moved

    def row(self) -> dict[str, float]:
        """Over the run so far; nothing where there is no ball.

        Returns:
            `ball_binding`, the share of steps at which at least one code was
            rescaled, and `ball_codes`, the mean share of codes rescaled a step.
        """
        if self._radius is None or self._steps == 0:
            return {}
        return {
            "ball_binding": self._binding / self._steps,
            "ball_codes": self._bound / self._steps,
        }

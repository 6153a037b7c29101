"""Controls: arms that should not work, so that those that do mean something."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.layout import float32_island, to_tokens
from arcvq_lite.losses import ArcMarginLoss, margin_of_rows
from arcvq_lite.quantizers import Quantizer


@dataclass(frozen=True)
class SwappedAxisMargin:
    """The margin loss along the other axis: latents are classes, codes the samples.

        L_i = −log [ Σ_{j∈P_i} exp(s cos(θ_ji + m))
                     / (Σ_{P_i} exp(s cos(θ_ji + m)) + Σ_{not P_i} exp(s cos θ_ji)) ]

    P_i are the top-k codes of latent i, and the mean is over the N latents. With
    top_k = 1 it is ArcFace's cross-entropy of each latent and its own code. Codes
    that nobody chooses have no say in it, so it should not revive one.

    Args:
        options: scale, margin and top-k.
    """

    options: ArcMarginLoss

    def __call__(self, latents: Tensor, codebook: Tensor) -> Tensor:
        """The scalar loss of latents (N, D) or (B, D, *spatial) at codes (K, D)."""
        tokens = to_tokens(latents)  # (N, D)
        with float32_island(tokens) as exact:
            codes = F.normalize(exact(codebook.detach()), dim=1)
            cosine = F.normalize(exact(tokens), dim=1) @ codes.T  # (N, K)
            values = margin_of_rows(cosine, **asdict(self.options))  # (N,)
        return values.mean()


def freeze_codebook(quantizer: Quantizer) -> None:
    """Keep the random codes for good: only the latents learn to use them."""
    quantizer.codebook.requires_grad_(False)

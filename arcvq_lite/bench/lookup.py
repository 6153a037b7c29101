"""Looking up the nearest code on the sphere, with loss and gradients."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.bench.benchmark import Benchmark, Call, Contestant, Growth, Target
from arcvq_lite.quantizers import ArcVQ

TOKENS, DIM = 32_768, 16
COMMITMENT = 0.25
# Numbers of the floor's block of rows, which its caches hold as the library's does.
_FLOOR_ENTRIES = 1 << 20


def batch(tokens: int, codes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Latents (N, D), codes (K, D) on the sphere, and the decoder's gradient (N, D).

    A latent is a code turned a little and made longer or shorter, so that no two codes
    are equally near and rounding decides nothing.
    """
    generator = torch.Generator().manual_seed(0)
    codebook = F.normalize(torch.randn(codes, DIM, generator=generator), dim=1)
    chosen = torch.randint(codes, (tokens,), generator=generator)
    turned = codebook[chosen] + 0.02 * torch.randn(tokens, DIM, generator=generator)
    latents = turned * (0.5 + torch.rand(tokens, 1, generator=generator))
    return latents, codebook, torch.randn(tokens, DIM, generator=generator)


def plain(tokens: int = TOKENS, codes: int = 1_024) -> Call:
    """One matrix of cosines in the graph, its argmax, rows of the codebook."""
    latents, codebook, pull = _leaves(tokens, codes)

    def call() -> dict[str, Tensor]:
        cosine = F.normalize(latents, dim=1) @ F.normalize(codebook, dim=1).T  # (N, K)
        return _learn(latents, codebook, codebook[cosine.argmax(dim=1)], pull)

    return call


def official(tokens: int = TOKENS, codes: int = 1_024) -> Call:
    """As the official code goes about it: distances, then a one-hot (N, K) product."""
    latents, codebook, pull = _leaves(tokens, codes)

    def call() -> dict[str, Tensor]:
        z, e = F.normalize(latents, dim=1), F.normalize(codebook, dim=1)
        distance = z.square().sum(dim=1, keepdim=True) + e.square().sum(dim=1)
        distance = distance - 2 * z @ e.T  # (N, K)
        indices = distance.argmin(dim=1, keepdim=True)
        one_hot = torch.zeros(tokens, codes).scatter_(1, indices, 1.0)
        return _learn(latents, codebook, one_hot @ codebook, pull)

    return call


def package(tokens: int = TOKENS, codes: int = 1_024) -> Call:
    """vector-quantize-pytorch's cosine codebook, its codes a parameter.

    Its `VectorQuantize` refuses to learn a cosine codebook by gradient, so its
    `Codebook` is taken, and the loss of the others beside it. Latents may be of any
    length there, too, for a row's largest product is at its largest cosine.
    """
    from vector_quantize_pytorch.vector_quantize_pytorch import Codebook

    latents, codebook, pull = _leaves(tokens, codes)
    theirs = Codebook(
        DIM, codes, learnable_codebook=True, ema_update=False, use_cosine_sim=True
    )
    with torch.no_grad():
        theirs.embed.copy_(codebook[None])

    def call() -> dict[str, Tensor]:
        chosen, _, _ = theirs(latents[None])
        return _learn(latents, theirs.embed, chosen[0], pull)

    return call


def ours(tokens: int = TOKENS, codes: int = 1_024) -> Call:
    """The library's quantizer without ball and margin."""
    latents, codebook, pull = _leaves(tokens, codes)
    quantizer = ArcVQ(
        codes, DIM, commitment_weight=COMMITMENT, radius=None, margin=None
    )
    with torch.no_grad():
        quantizer.codebook.copy_(codebook)

    def call() -> dict[str, Tensor]:
        out = quantizer(latents)
        total = out.loss + (out.quantized * pull).sum()
        return _results(out.loss, out.quantized, total, latents, quantizer.codebook)

    return call


def floor(tokens: int = TOKENS, codes: int = 1_024) -> Call:
    """One matrix product and each row's maximum, in blocks that caches hold."""
    latents, codebook, _ = batch(tokens, codes)
    rows = _FLOOR_ENTRIES // codes

    def call() -> None:
        block = torch.empty(rows, codes)
        for part in latents.split(rows):
            torch.mm(part, codebook.T, out=block).amax(dim=1)

    return call


def _leaves(tokens: int, codes: int) -> tuple[Tensor, Tensor, Tensor]:
    latents, codebook, pull = batch(tokens, codes)
    return latents.requires_grad_(), codebook.requires_grad_(), pull


def _learn(
    latents: Tensor, codebook: Tensor, chosen: Tensor, pull: Tensor
) -> dict[str, Tensor]:
    """The two losses and the straight-through gradient, written down."""
    loss = F.mse_loss(chosen, latents.detach())
    loss = loss + COMMITMENT * F.mse_loss(latents, chosen.detach())
    quantized = latents + (chosen - latents).detach()
    total = loss + (quantized * pull).sum()
    return _results(loss, quantized, total, latents, codebook)


def _results(
    loss: Tensor, quantized: Tensor, total: Tensor, latents: Tensor, codebook: Tensor
) -> dict[str, Tensor]:
    to_latents, to_codes = torch.autograd.grad(total, (latents, codebook))
    return {
        "loss": loss.detach(),
        "quantized": quantized.detach(),
        "gradient of the latents": to_latents,
        "gradient of the codes": to_codes.reshape(-1, DIM),
    }


def _benchmark(
    tokens: int, codes: int, *growths: Growth, quick: bool = False
) -> Benchmark:
    return Benchmark(
        name=f"lookup_{codes}",
        says=(
            f"Spherical matching of {tokens:,} latents with {codes:,} codes in 16 "
            "dimensions, the codes, the loss and the gradients."
        ),
        contestants=(
            Contestant("plain formula", partial(plain, tokens, codes)),
            Contestant("official code's way", partial(official, tokens, codes)),
            Contestant(
                "vector-quantize-pytorch",
                partial(package, tokens, codes),
                package="vector-quantize-pytorch",
            ),
            Contestant("arcvq_lite", partial(ours, tokens, codes)),
            Contestant("floor", partial(floor, tokens, codes), compared=False),
        ),
        targets=(
            Target("arcvq_lite", "official code's way", "seconds", 1 / 4),
            Target("arcvq_lite", "vector-quantize-pytorch", "seconds", 1 / 1.2),
        ),
        tolerance=1e-4,
        quick=quick,
        growths=growths,
    )


_LIMIT = 1.05

BENCHMARKS = (
    _benchmark(
        TOKENS,
        1_024,
        Growth(
            "arcvq_lite",
            "K",
            (1_024, 4_096, 16_384, 65_536),
            partial(ours, TOKENS),
            _LIMIT,
            other_sizes="N = 32,768",
        ),
        Growth(
            "arcvq_lite",
            "N",
            (8_192, 16_384, 32_768, 65_536),
            partial(ours, codes=1_024),
            _LIMIT,
            other_sizes="K = 1,024",
        ),
        quick=True,
    ),
    # A quarter of the tokens, or the other ways would need up to 8 GiB.
    _benchmark(TOKENS // 4, 16_384),
)

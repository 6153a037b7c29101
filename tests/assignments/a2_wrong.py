"""Known mistakes in the answers to A2, each with the first part that it must lose."""

from a2_codebook_wrong import OF_CODEBOOKS
from answers import Wrong, mistake


def _nearest(part: int, name: str, body: str) -> Wrong:
    return mistake("nearest_codes", "latents, codebook", part, name, body)


def _quantize(part: int, name: str, body: str) -> Wrong:
    signature = "latents, codebook, indices, valid, commitment_weight"
    return mistake("quantize_padded", signature, part, name, body)


CENTRED = """
middle = codebook.mean(dim=0)
rows = latents.movedim(1, -1) - middle
codes = codebook - middle
"""

PADDED = """
z, e = latents[valid], codebook[indices[valid]]
quantized = torch.zeros_like(latents)
quantized[valid] = z + (e - z).detach()
"""

LOSS = """
codebook_loss = F.mse_loss(e, z.detach())
commitment = F.mse_loss(z, e.detach())
return quantized, codebook_loss + commitment_weight * commitment
"""

WRONG = [
    _nearest(
        0,
        "farthest for nearest",
        CENTRED + "return torch.cdist(rows.flatten(0, 2), codes).argmax(dim=1)"
        ".reshape(rows.shape[:3])",
    ),
    _nearest(
        0,
        "channels cut to pieces",
        """
        batch, dim, height, width = latents.shape
        rows = latents.reshape(-1, dim)
        return torch.cdist(rows, codebook).argmin(dim=1).reshape(batch, height, width)
        """,
    ),
    _nearest(
        0,
        "indices as floats",
        CENTRED + "return torch.cdist(rows.flatten(0, 2), codes).argmin(dim=1)"
        ".reshape(rows.shape[:3]).float()",
    ),
    _nearest(
        1,
        "without the codes' own length",
        "return torch.einsum('bdhw,kd->bhwk', latents, codebook).argmax(dim=-1)",
    ),
    _nearest(
        1,
        "by direction",
        "codes = F.normalize(codebook, dim=1)\n"
        "return torch.einsum('bdhw,kd->bhwk', latents, codes).argmax(dim=-1)",
    ),
    _nearest(
        2,
        "small difference of huge numbers",
        """
        product = torch.einsum("bdhw,kd->bhwk", latents, codebook)
        lengths = codebook.square().sum(dim=1)
        return (lengths - 2 * product).argmin(dim=-1)
        """,
    ),
    _quantize(
        0, "latents handed on", PADDED.replace("z + (e - z).detach()", "z") + LOSS
    ),
    _quantize(
        0,
        "indices not looked up",
        PADDED.replace(
            "codebook[indices[valid]]", "codebook[:1].expand(int(valid.sum()), -1)"
        )
        + LOSS,
    ),
    _quantize(
        1,
        "nothing passes straight through",
        PADDED.replace("z + (e - z).detach()", "e.detach()") + LOSS,
    ),
    _quantize(
        1,
        "the decoder moves the codes",
        PADDED.replace("z + (e - z).detach()", "e + (z - z.detach())") + LOSS,
    ),
    _quantize(
        1,
        "one-hot product, nothing detached",
        PADDED.replace(
            "codebook[indices[valid]]",
            "(F.one_hot(indices, len(codebook)).float() @ codebook)[valid]",
        ).replace("z + (e - z).detach()", "e")
        + LOSS,
    ),
    _quantize(
        2,
        "beta on the wrong loss",
        PADDED
        + LOSS.replace(
            "codebook_loss + commitment_weight * commitment",
            "commitment_weight * codebook_loss + commitment",
        ),
    ),
    _quantize(
        2,
        "no stop-gradient in the commitment",
        PADDED + LOSS.replace("F.mse_loss(z, e.detach())", "F.mse_loss(z, e)"),
    ),
    _quantize(
        2,
        "no stop-gradient in the codebook loss",
        PADDED + LOSS.replace("F.mse_loss(e, z.detach())", "F.mse_loss(e, z)"),
    ),
    _quantize(
        2,
        "squared distances for element means",
        PADDED
        + """
codebook_loss = (e - z.detach()).square().sum(dim=1).mean()
commitment = (z - e.detach()).square().sum(dim=1).mean()
return quantized, codebook_loss + commitment_weight * commitment
""",
    ),
    _quantize(
        3,
        "padding multiplied by 0",
        """
        keep = valid.float()[:, None]
        e = codebook[indices]
        quantized = keep * (latents + (e - latents).detach())
        scale = keep.sum() * latents.shape[1]
        codebook_loss = (keep * (e - latents.detach()).square()).sum() / scale
        commitment = (keep * (latents - e.detach()).square()).sum() / scale
        return quantized, codebook_loss + commitment_weight * commitment
        """,
    ),
    _quantize(
        3,
        "mean over the padding too",
        PADDED
        + """
share = valid.float().mean()
codebook_loss = share * F.mse_loss(e, z.detach())
commitment = share * F.mse_loss(z, e.detach())
return quantized, codebook_loss + commitment_weight * commitment
""",
    ),
    *OF_CODEBOOKS,
]

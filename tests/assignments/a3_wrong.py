"""Known mistakes in A3, each with the first part of its task that it must lose."""

from a3_block_wrong import WRONG as IN_BLOCKS
from a3_sources import BALL, LOOKUP, MARGIN, RADIUS
from answers import Wrong
from changed import changed


def _ball(part: int, name: str, *changes: tuple[str, str]) -> Wrong:
    return changed(BALL, "project_codes", part, name, *changes)


def _radius(part: int, name: str, *changes: tuple[str, str]) -> Wrong:
    return changed(RADIUS, "ball_radius", part, name, *changes)


def _look_up(part: int, name: str, *changes: tuple[str, str]) -> Wrong:
    return changed(LOOKUP, "decode_by_angle", part, name, *changes)


def _margin(part: int, name: str, *changes: tuple[str, str]) -> Wrong:
    return changed(MARGIN, "arc_margin", part, name, *changes)


IN_PIECES_OF_ITS_OWN = """        start = [0, *schedule["boundaries"]][piece]
        return ball_radius(schedule["pieces"][piece], step - start)"""
EXPONENTIALS_FIRST = """    up = logits.exp()
    rows = -(positives.exp().sum(dim=1) / up.sum(dim=1)).log()"""

WRONG = [
    _ball(0, "scaled to length 1", ("radius / torch", "1 / torch")),
    _ball(0, "norms of the columns", ("dim=1", "dim=0")),
    _ball(
        1,
        "every row on the sphere, short ones lifted",
        ("codebook * factor", "radius * F.normalize(codebook, dim=1)"),
    ),
    _ball(
        1,
        "zero divided by zero",
        ("codebook * factor", "codebook / norms * norms.clamp(max=radius)"),
    ),
    _ball(
        2,
        "the branch not taken has an infinite slope",
        ("torch.where(outside, norms, 1.0)", "norms"),
    ),
    _ball(
        2,
        "the factor is a constant",
        ("* factor", "* factor.detach()"),
    ),
    _radius(
        0,
        "shrinks instead of growing",
        ('exp(min(schedule["alpha"]', 'exp(min(-schedule["alpha"]'),
    ),
    _radius(0, "closes in a straight line", ("left**0.5", "left")),
    _radius(1, "overflows at step 1e9", ("88.7228", "700.0")),
    _radius(
        1,
        "the root of a negative number",
        (
            'max(0.0, 1 - step / schedule["total_steps"])',
            '1 - step / schedule["total_steps"]',
        ),
        (
            'return schedule["initial"] * left**0.5',
            'return abs(schedule["initial"] * left**0.5)',
        ),
    ),
    _radius(
        2,
        "every piece begins its own clock",
        (
            '        return ball_radius(schedule["pieces"][piece], step)',
            IN_PIECES_OF_ITS_OWN,
        ),
    ),
    _radius(2, "the boundary is the old piece's", ("step >=", "step >")),
    _look_up(
        0,
        "decodes a normalised code",
        ("codes = codebook[", "codes = directions["),
    ),
    _look_up(
        0,
        "Euclidean matching",
        (
            "(F.normalize(tokens, dim=1) @ directions.T).argmax",
            "torch.cdist(tokens, codebook).argmin",
        ),
    ),
    _look_up(0, "codes not normalised", ("@ directions.T", "@ codebook.T")),
    _look_up(
        1,
        "reshapes where axes must move",
        ("latents.permute(0, 2, 3, 1).reshape", "latents.reshape"),
        (".reshape(b, h, w, d).permute(0, 3, 1, 2)", ".reshape(b, d, h, w)"),
    ),
    _look_up(
        1,
        "rows and columns exchanged",
        ("indices.reshape(b, h, w)", "indices.reshape(b, w, h).mT.reshape(b, h, w)"),
    ),
    _look_up(
        2,
        "no straight-through",
        ("tokens + (codes - tokens).detach()", "codes"),
    ),
    _look_up(
        2,
        "the codebook gets the gradient too",
        ("tokens + (codes - tokens).detach()", "tokens - tokens.detach() + codes"),
    ),
    _look_up(
        3,
        "0 / 0 wins every argmax",
        (
            "F.normalize(codebook, dim=1)",
            "codebook / codebook.norm(dim=1, keepdim=True)",
        ),
    ),
    _margin(
        0,
        "softmax over the codes",
        ("latents, dim=1).T", "latents, dim=1).T\n    cosine = cosine.T"),
    ),
    _margin(
        0,
        "top-k over the codes",
        ("cosine.topk(top_k, dim=1)", "cosine.topk(top_k, dim=0)"),
        ("scatter(1", "scatter(0"),
        (
            "positives.logsumexp(dim=1)",
            "logits.where(torch.zeros_like(cosine).scatter(0, called.indices, 1) > 0, "
            "-torch.inf).logsumexp(dim=1)",
        ),
    ),
    _margin(
        0,
        "margin on the negatives too",
        ("(scale * cosine)", "(scale * moved(cosine, margin))"),
    ),
    _margin(
        0,
        "the least similar latents",
        ("dim=1)\n    positives", "dim=1, largest=False)\n    positives"),
    ),
    _margin(0, "summed over the codes", ("rows.mean()", "rows.sum()")),
    _margin(1, "gradient into the codes", (".detach()", "")),
    _margin(
        1,
        "the positives are constants",
        ("moved(called.values, margin)", "moved(called.values.detach(), margin)"),
    ),
    _margin(
        2,
        "exponentials before the logarithm",
        (
            "    rows = logits.logsumexp(dim=1) - positives.logsumexp(dim=1)",
            EXPONENTIALS_FIRST,
        ),
    ),
    _margin(
        2,
        "no guard past pi",
        (
            "torch.where(c < -math.cos(margin), c - margin * math.sin(margin), turned)",
            "turned",
        ),
    ),
    _margin(
        2,
        "the slope of a root at 0",
        ("((1 - c) * (1 + c)).clamp(min=1e-30).sqrt()", "(1 - c * c).sqrt()"),
    ),
    _margin(
        3,
        "counts who is called, not how often",
        (
            "called.indices.flatten().bincount(minlength=len(latents))",
            "torch.zeros(len(latents)).index_fill(0, called.indices.flatten(), 1.0)",
        ),
    ),
    _margin(
        3,
        "counts which code a latent chooses",
        (
            "called.indices.flatten().bincount(minlength=len(latents))",
            "cosine.argmax(dim=0)",
        ),
    ),
    *IN_BLOCKS,
]

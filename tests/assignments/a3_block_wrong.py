"""Known mistakes in the tasks of A3 that take the margin loss in blocks."""

from a3_sources import CODES, LATENTS
from answers import Wrong
from changed import changed


def _codes(part: int, name: str, *changes: tuple[str, str]) -> Wrong:
    return changed(CODES, "add_codes", part, name, *changes)


def _latents(part: int, name: str, *changes: tuple[str, str]) -> Wrong:
    return changed(LATENTS, "add_latents", part, name, *changes)


KEEPS_THE_CODEBOOK = """
    codes = codes if state is None else torch.cat([state["codes"], codes])
    leaf = latents.clone().requires_grad_()"""
SUMS_OF_EXPONENTIALS = """
    rest = rest.exp() + (scale * ranked[:, top_k:]).exp().sum(dim=1)
    won = (scale * moved(best, margin)).exp().sum(dim=1)
    return -(won / (won + rest)).log().mean(), (best, rest.log())
    rest = torch.logaddexp(rest"""
MEAN_OF_PIECES = """    loss = (torch.logaddexp(won, rest) - won).mean()
    before, count = (0.0, 0) if state is None else state
    return (before * count + loss) / (count + 1), (
        (before * count + loss) / (count + 1),
        count + 1,
    )"""
LAST = "return (torch.logaddexp(won, rest) - won).mean(), (best, rest)"
MOVES_ON = "    if state is not None:\n        best, rest = state\n"


WRONG = [
    _codes(0, "mean of the block", ("rows.sum() / total", "rows.mean()")),
    _codes(0, "not divided by K", ("rows.sum() / total", "rows.sum()")),
    _codes(
        1,
        "gradient of the block's mean",
        ("torch.autograd.grad(loss, leaf)", "torch.autograd.grad(rows.mean(), leaf)"),
    ),
    _codes(1, "the force, not the gradient", ("(loss, leaf)", "(-loss, leaf)")),
    _codes(
        2,
        "only the last block is kept",
        ("if state is not None", "if False"),
    ),
    _codes(
        2,
        "averages blocks of unequal size",
        (
            'loss += state["loss"]',
            'loss = (loss * total / len(codes) + state["loss"]) / 2',
        ),
    ),
    _codes(
        3,
        "keeps all the codes it has seen",
        ("    leaf = latents.clone().requires_grad_()", KEEPS_THE_CODEBOOK),
        ("if state is not None", "if False"),
        ('"gradient": gradient}', '"gradient": gradient, "codes": codes}'),
    ),
    _latents(
        0,
        "no margin",
        ("scale * moved(best, margin)", "scale * best"),
    ),
    _latents(
        0,
        "positives missing from the denominator",
        ("torch.logaddexp(won, rest) - won", "rest - won"),
    ),
    _latents(
        1,
        "mean of the pieces' losses",
        (MOVES_ON, ""),
        (f"    {LAST}", MEAN_OF_PIECES),
    ),
    _latents(
        1,
        "the driven-out latents vanish",
        (
            "(scale * ranked[:, top_k:]).logsumexp(dim=1)",
            "cosine.where(cosine < best[:, -1:], -torch.inf).mul(scale).logsumexp(1)",
        ),
    ),
    _latents(
        1,
        "old positives can never be driven out",
        (
            "    best = ranked[:, :top_k]\n",
            "    if state is not None:\n"
            "        ranked = torch.cat([best, cosine], dim=1)\n"
            "    best = ranked[:, :top_k]\n",
        ),
    ),
    _latents(
        2,
        "forgets the running maximum",
        ("    rest = torch.logaddexp(rest", SUMS_OF_EXPONENTIALS),
    ),
    _latents(
        3,
        "hands on every cosine",
        ("best, rest = state", "cosine = torch.cat([state, cosine], dim=1)"),
        ("(best, rest)", "cosine"),
    ),
]

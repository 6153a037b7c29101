"""Known mistakes in A4, each with the first part of its task that it must lose."""

from a4_file_wrong import WRONG as WITH_FILES
from a4_sources import BALANCED, MICRO, SAMPLER
from answers import Wrong
from changed import changed


def _loss(part: int, name: str, *changes: tuple[str, str]) -> Wrong:
    return changed(BALANCED, "balanced_loss", part, name, *changes)


def _batches(part: int, name: str, *changes: tuple[str, str]) -> Wrong:
    return changed(SAMPLER, "remaining_batches", part, name, *changes)


def _micro(part: int, name: str, *changes: tuple[str, str]) -> Wrong:
    return changed(MICRO, "add_micro_batch", part, name, *changes)


DEALS_IN_TURN = "mine = order[rank::world_size]"
WAITS = "if step < start:"

WRONG = [
    _loss(
        0,
        "the ratio upside down",
        ("pulls[0] / (pulls[1] + 1e-4)", "pulls[1] / (pulls[0] + 1e-4)"),
    ),
    _loss(0, "gradients at the features", ("grad(term, weight", "grad(term, features")),
    _loss(0, "squared norms", ("pull.norm()", "pull.square().sum()")),
    _loss(0, "the graph is used up", (", retain_graph=True", "")),
    _loss(0, "the critic's sign", ("gan = -(", "gan = (")),
    _loss(
        0,
        "the factor is inside",
        ("return reconstruction + factor * ", "return reconstruction + "),
        (".clamp(0, 1e4)", ".clamp(0, 1e4).mul(factor)"),
    ),
    _loss(1, "nothing added below the line", ("(pulls[1] + 1e-4)", "pulls[1]")),
    _loss(1, "no clamp", (".clamp(0, 1e4)", "")),
    _loss(1, "clamped at a thousand", (".clamp(0, 1e4)", ".clamp(0, 1e3)")),
    _loss(
        2,
        "the weight is not detached",
        ("retain_graph=True", "create_graph=True"),
        (".detach()", ""),
    ),
    _loss(
        2,
        "the critic's term is detached",
        (" * gan, weight", " * gan.detach(), weight"),
    ),
    _loss(2, "the features are detached", ("features @", "features.detach() @")),
    _loss(3, "never waits", (WAITS, "if False:")),
    _loss(3, "starts a step early", (WAITS, "if step + 1 < start:")),
    _batches(
        0,
        "drops an incomplete last batch",
        (
            "return batches[start:]",
            "return [b for b in batches if len(b) == batch][start:]",
        ),
    ),
    _batches(
        0,
        "drawn with replacement",
        (
            "torch.randperm(size, generator=draw)",
            "torch.randint(size, (size,), generator=draw)",
        ),
    ),
    _batches(1, "every rank reads everything", (DEALS_IN_TURN, "mine = order")),
    _batches(
        1,
        "every rank shuffles for itself",
        ("+ epoch)", "+ epoch + 7919 * rank)"),
    ),
    _batches(1, "draws from the global generator", (", generator=draw", "")),
    _batches(
        1,
        "drops the remainder of the ranks in silence",
        ("share = -(-size // world_size)", "share = size // world_size"),
        (
            "order += order[: share * world_size - size]",
            "order = order[: share * world_size]",
        ),
    ),
    _batches(
        1,
        "ranks with a step more",
        ("    order += order[: share * world_size - size]\n", ""),
        ("batches = [", "batches = [*[]] + ["),
    ),
    _batches(
        1,
        "blocks that overlap",
        (DEALS_IN_TURN, "mine = order[rank * (share - 3) :][:share]"),
    ),
    _batches(2, "replays the first epoch", ("1_000_003 + epoch", "1_000_003")),
    _batches(2, "the seed is left out", ("seed * 1_000_003 + epoch", "epoch")),
    _batches(2, "seed plus epoch", ("seed * 1_000_003 + epoch", "seed + epoch")),
    _batches(
        2,
        "never shuffles",
        ("torch.randperm(size, generator=draw)", "torch.arange(size)"),
    ),
    _batches(3, "begins the epoch anew", ("batches[start:]", "batches")),
    _batches(
        3,
        "start counted in images",
        ("mine = order[rank::world_size]", "mine = order[rank::world_size][start:]"),
        ("batches[start:]", "batches"),
    ),
    _batches(
        3, "one batch too early", ("batches[start:]", "batches[max(0, start - 1) :]")
    ),
    _micro(
        0, "sum over the tokens", ("labels[valid])", 'labels[valid], reduction="sum")')
    ),
    _micro(
        0,
        "padding counts in the mean",
        (
            "(tokens * gradient + new * added) / total, total",
            "(tokens * gradient + new * added) / (tokens + labels.numel()), total",
        ),
    ),
    _micro(
        0,
        "padding as a class",
        (
            "inputs[valid] @ w.T, labels[valid]",
            "(inputs @ w.T).flatten(0, 1), labels.clamp(min=0).flatten()",
        ),
    ),
    _micro(
        1,
        "the last weighs as much as all before",
        (
            "(tokens * gradient + new * added) / total, total",
            "(gradient + added) / (2 if tokens else 1), total",
        ),
    ),
    _micro(
        1,
        "means added up",
        ("(tokens * gradient + new * added) / total", "gradient + added"),
    ),
    _micro(
        1,
        "only the last is left",
        ("(tokens * gradient + new * added) / total", "added"),
    ),
    _micro(
        1,
        "counts only the last",
        ("new * added) / total, total", "new * added) / total, new"),
    ),
    _micro(2, "a mean over no token", ("if new == 0:", "if False:")),
    _micro(
        2,
        "begins anew after padding",
        ("return gradient, tokens\n", "return torch.zeros_like(gradient), 0\n"),
    ),
    *WITH_FILES,
]

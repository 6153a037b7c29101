"""Known mistakes in the answers to A2 about how a codebook is kept alive."""

from answers import Wrong, mistake


def _ema(part: int, name: str, body: str) -> Wrong:
    signature = "counts, sums, latents, indices, decay, epsilon"
    return mistake("ema_step", signature, part, name, body)


def _use(part: int, name: str, body: str) -> Wrong:
    return mistake("interior_use", "batches, num_codes, border", part, name, body)


def _restart(part: int, name: str, body: str) -> Wrong:
    signature = "counts, sums, dead, latents, draws"
    return mistake("restart_dead", signature, part, name, body)


def _spread(part: int, name: str, body: str) -> Wrong:
    return mistake("spread_codes", "latents, first, uniforms", part, name, body)


FOLLOW = """
with torch.no_grad():
    owned = F.one_hot(indices, len(counts)).to(latents.dtype)
    taken, gathered = owned.sum(dim=0), owned.T @ latents
    counts = decay * counts + (1 - decay) * taken
    sums = decay * sums + (1 - decay) * gathered
    total = counts.sum()
    smoothed = (counts + epsilon) / (total + len(counts) * epsilon) * total
    return counts, sums, sums / smoothed[:, None]
"""

INSIDE = """
counts = torch.zeros(num_codes, dtype=torch.int64)
for tokens in batches:
    height, width = tokens.shape[1:]
    inner = tokens[:, border : height - border, border : width - border]
    counts += inner.flatten().bincount(minlength=num_codes)
"""

MEASURE = """
p = counts.double() / counts.sum()
perplexity = torch.special.entr(p).sum().exp()
return float((counts > 0).double().mean()), float(perplexity)
"""

PLACES = """
places = torch.nonzero(dead)[:, 0][: len(draws)]
counts, sums = counts.clone(), sums.clone()
"""

DRAWN = """
chosen = [int(first)]
weight = (latents - latents[first]).square().sum(dim=1)
for u in uniforms:
    stairs = weight.cumsum(dim=0)
    chosen.append(int(torch.searchsorted(stairs, u * stairs[-1], right=True)))
    fresh = (latents - latents[chosen[-1]]).square().sum(dim=1)
    weight = torch.minimum(weight, fresh)
return torch.tensor(chosen)
"""

OF_CODEBOOKS = [
    _ema(
        0,
        "decay on the wrong side",
        FOLLOW.replace(
            "counts = decay * counts + (1 - decay) * taken",
            "counts = (1 - decay) * counts + decay * taken",
        ),
    ),
    _ema(
        0,
        "idle counts do not decay",
        FOLLOW.replace(
            "counts = decay * counts + (1 - decay) * taken",
            "counts = torch.where(taken > 0, decay * counts + (1 - decay) * taken, "
            "counts)",
        ),
    ),
    _ema(
        1,
        "means for sums",
        FOLLOW.replace(
            "(1 - decay) * gathered",
            "(1 - decay) * gathered / taken.clamp(min=1)[:, None]",
        ),
    ),
    _ema(
        1,
        "last latent for the sum",
        FOLLOW.replace(
            "taken, gathered = owned.sum(dim=0), owned.T @ latents",
            "taken, gathered = owned.sum(dim=0), torch.zeros_like(sums)\n"
            "    gathered[indices] = latents",
        ),
    ),
    _ema(
        2, "counts not smoothed", FOLLOW.replace("smoothed[:, None]", "counts[:, None]")
    ),
    _ema(
        2,
        "smoothed without scaling back",
        FOLLOW.replace("/ (total + len(counts) * epsilon) * total", ""),
    ),
    _ema(
        3,
        "a graph that is kept",
        FOLLOW.replace("torch.no_grad()", "torch.enable_grad()"),
    ),
    _use(
        0,
        "border counted",
        INSIDE.replace("border : height - border, border : width - border", ":, :")
        + MEASURE,
    ),
    _use(
        0,
        "mean of the batches' usages",
        INSIDE
        + """
usages = []
for tokens in batches:
    height, width = tokens.shape[1:]
    inner = tokens[:, border : height - border, border : width - border]
    if inner.numel():
        usages.append(len(inner.unique()) / num_codes)
p = counts.double() / counts.sum()
return sum(usages) / len(usages), torch.special.entr(p).sum().exp()
""",
    ),
    _use(
        0,
        "number of codes from the largest index",
        INSIDE
        + MEASURE.replace("counts > 0", "counts[: counts.nonzero().max() + 1] > 0"),
    ),
    _use(
        1,
        "mean of the batches' perplexities",
        INSIDE
        + """
each = []
for tokens in batches:
    height, width = tokens.shape[1:]
    inner = tokens[:, border : height - border, border : width - border].flatten()
    if inner.numel():
        p = inner.bincount(minlength=num_codes).double() / len(inner)
        each.append(float(torch.special.entr(p).sum().exp()))
return float((counts > 0).double().mean()), sum(each) / len(each)
""",
    ),
    _use(
        1,
        "0 times the logarithm of 0",
        INSIDE + MEASURE.replace("torch.special.entr(p)", "(-p * p.log())"),
    ),
    _use(
        1,
        "entropy for perplexity",
        INSIDE + MEASURE.replace("entr(p).sum().exp()", "entr(p).sum()"),
    ),
    _use(
        1,
        "bits and nats mixed",
        INSIDE
        + MEASURE.replace(
            "entr(p).sum().exp()", "entr(p).sum().div(math.log(2)).exp()"
        ),
    ),
    _use(
        2,
        "a slice up to minus nothing",
        INSIDE.replace("height - border", "-border").replace(
            "width - border", "-border"
        )
        + MEASURE,
    ),
    _restart(
        0,
        "draw by the number of the code",
        PLACES
        + "sums[places] = latents[draws[places]]\ncounts[places] = 1.0\n"
        + "return counts, sums",
    ),
    _restart(
        0,
        "count forgotten",
        PLACES
        + "sums[places] = latents[draws[: len(places)]]\n"
        + "return counts, sums",
    ),
    _restart(
        0,
        "all on one latent",
        PLACES
        + "sums[places] = latents[draws[0]]\ncounts[places] = 1.0\n"
        + "return counts, sums",
    ),
    _restart(
        1,
        "living codes revived",
        """
        places = torch.nonzero(dead)[:, 0][: len(draws)]
        others = torch.nonzero(~dead & (counts < counts.max()))[:, 0]
        sums, counts = sums.clone(), counts.clone()
        sums[places], counts[places] = latents[draws[: len(places)]], 1.0
        sums[others], counts[others] = latents[: len(others)], 1.0
        return counts, sums
        """,
    ),
    _restart(
        1,
        "every count set to 1",
        PLACES
        + "sums[places] = latents[draws[: len(places)]]\n"
        + "return torch.ones_like(counts), sums",
    ),
    _restart(
        2,
        "draws used twice",
        """
        counts, sums = counts.clone(), sums.clone()
        for rank, code in enumerate(torch.nonzero(dead)[:, 0]):
            sums[code] = latents[draws[rank % len(draws)]]
            counts[code] = 1.0
        return counts, sums
        """,
    ),
    _restart(
        2,
        "weight of the old count",
        PLACES
        + "sums[places] = latents[draws[: len(places)]] * counts[places, None]\n"
        + "return counts, sums",
    ),
    _spread(
        0,
        "distances not squared",
        DRAWN.replace(".square().sum(dim=1)", ".norm(dim=1)"),
    ),
    _spread(
        0,
        "farthest first",
        """
        chosen = [int(first)]
        weight = (latents - latents[first]).square().sum(dim=1)
        for u in uniforms:
            chosen.append(int(weight.argmax()))
            fresh = (latents - latents[chosen[-1]]).square().sum(dim=1)
            weight = torch.minimum(weight, fresh)
        return torch.tensor(chosen)
        """,
    ),
    _spread(
        1,
        "distance to the last",
        DRAWN.replace("torch.minimum(weight, fresh)", "fresh"),
    ),
    _spread(
        1,
        "distance to the farthest",
        DRAWN.replace("torch.minimum", "torch.maximum"),
    ),
    _spread(2, "weight 0 drawn by u = 0", DRAWN.replace(", right=True", "")),
]

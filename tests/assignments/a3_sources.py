"""Right answers to A3, for the mistakes to be made in."""

HEAD = "import math\nimport torch\nfrom torch.nn import functional as F\n\n"

BALL = f"""{HEAD}
def project_codes(codebook, radius):
    norms = codebook.norm(dim=1, keepdim=True)
    outside = norms > radius
    factor = torch.where(outside, radius / torch.where(outside, norms, 1.0), 1.0)
    return codebook * factor
"""

RADIUS = f"""{HEAD}
def ball_radius(schedule, step):
    if schedule["kind"] == "pieces":
        piece = 0
        for boundary in schedule["boundaries"]:
            if step >= boundary:
                piece += 1
        return ball_radius(schedule["pieces"][piece], step)
    if schedule["kind"] == "constant":
        return schedule["radius"]
    if schedule["kind"] == "shrinking":
        left = max(0.0, 1 - step / schedule["total_steps"])
        return schedule["initial"] * left**0.5
    return math.exp(min(schedule["alpha"] * step, 88.7228))
"""

LOOKUP = f"""{HEAD}
def decode_by_angle(latents, codebook):
    b, d, h, w = latents.shape
    tokens = latents.permute(0, 2, 3, 1).reshape(-1, d)
    directions = F.normalize(codebook, dim=1)
    indices = (F.normalize(tokens, dim=1) @ directions.T).argmax(dim=1)
    codes = codebook[indices]
    quantized = tokens + (codes - tokens).detach()
    quantized = quantized.reshape(b, h, w, d).permute(0, 3, 1, 2)
    return quantized, indices.reshape(b, h, w)
"""

# The margin, as every loss below needs it.
MOVED = """
def moved(c, margin):
    sine = ((1 - c) * (1 + c)).clamp(min=1e-30).sqrt()
    turned = c * math.cos(margin) - sine * math.sin(margin)
    return torch.where(c < -math.cos(margin), c - margin * math.sin(margin), turned)
"""

MARGIN = f"""{HEAD}{MOVED}
def arc_margin(latents, codebook, scale, margin, top_k):
    codes = F.normalize(codebook.detach(), dim=1)
    cosine = codes @ F.normalize(latents, dim=1).T
    called = cosine.topk(top_k, dim=1)
    positives = scale * moved(called.values, margin)
    logits = (scale * cosine).scatter(1, called.indices, positives)
    rows = logits.logsumexp(dim=1) - positives.logsumexp(dim=1)
    calls = called.indices.flatten().bincount(minlength=len(latents))
    return rows.mean(), calls
"""

CODES = f"""{HEAD}{MOVED}
def add_codes(latents, codes, total, scale, margin, top_k, state):
    leaf = latents.clone().requires_grad_()
    cosine = F.normalize(codes, dim=1) @ F.normalize(leaf, dim=1).T
    called = cosine.topk(top_k, dim=1)
    positives = scale * moved(called.values, margin)
    logits = (scale * cosine).scatter(1, called.indices, positives)
    rows = logits.logsumexp(dim=1) - positives.logsumexp(dim=1)
    loss = rows.sum() / total
    (gradient,) = torch.autograd.grad(loss, leaf)
    loss = loss.item()
    if state is not None:
        loss += state["loss"]
        gradient = gradient + state["gradient"]
    return {{"loss": loss, "gradient": gradient}}
"""

LATENTS = f"""{HEAD}{MOVED}
def add_latents(latents, codebook, scale, margin, top_k, state):
    cosine = F.normalize(codebook, dim=1) @ F.normalize(latents, dim=1).T
    best, rest = cosine[:, :0], torch.full((len(codebook),), -torch.inf)
    if state is not None:
        best, rest = state
    ranked = torch.cat([best, cosine], dim=1).sort(dim=1, descending=True).values
    best = ranked[:, :top_k]
    rest = torch.logaddexp(rest, (scale * ranked[:, top_k:]).logsumexp(dim=1))
    won = (scale * moved(best, margin)).logsumexp(dim=1)
    return (torch.logaddexp(won, rest) - won).mean(), (best, rest)
"""

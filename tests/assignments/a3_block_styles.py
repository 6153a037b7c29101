"""Right answers in other styles to the tasks of A3 that go in blocks."""

from answers import Right

RIGHT = [
    Right(
        "backward into a leaf, added in place",
        "add_codes",
        """
import math
import torch
from torch.nn import functional as F

def add_codes(latents, codes, total, scale, margin, top_k, state):
    z = torch.nn.Parameter(latents.clone())
    if state is None:
        state = {"loss": 0.0, "gradient": torch.zeros_like(latents)}
    z.grad = state["gradient"].clone()
    cosine = F.linear(F.normalize(codes), F.normalize(z))
    called = torch.zeros_like(cosine).scatter(
        1, cosine.topk(top_k).indices, 1.0
    ).bool()
    moved = torch.cos(cosine.clamp(-1 + 1e-6, 1 - 1e-6).acos() + margin)
    moved = torch.where(
        cosine < -math.cos(margin), cosine - margin * math.sin(margin), moved
    )
    logits = scale * torch.where(called, moved, cosine)
    share = logits.log_softmax(dim=1).masked_fill(~called, -torch.inf)
    loss = -share.logsumexp(dim=1).sum() / total
    loss.backward()
    return {"loss": state["loss"] + loss.item(), "gradient": z.grad}
""",
    ),
    Right(
        "the gradient by hand",
        "add_codes",
        """
import math
import torch

def add_codes(latents, codes, total, scale, margin, top_k, state):
    lengths = latents.norm(dim=1, keepdim=True)
    e, z = codes / codes.norm(dim=1, keepdim=True), latents / lengths
    c = e @ z.T
    best = c.topk(top_k, dim=1)
    x = best.values
    sine = (1 - x * x).clamp(min=1e-12).sqrt()
    past = x < -math.cos(margin)
    moved = x * math.cos(margin) - sine * math.sin(margin)
    moved = torch.where(past, x - margin * math.sin(margin), moved)
    slope = math.cos(margin) + math.sin(margin) * x / sine
    slope = torch.where(past, torch.ones_like(x), slope)
    logits = (scale * c).scatter(1, best.indices, scale * moved)
    every = logits.logsumexp(dim=1, keepdim=True)
    mine = (scale * moved).logsumexp(dim=1, keepdim=True)
    at_logits = (logits - every).exp()
    pulled = at_logits.gather(1, best.indices) - (scale * moved - mine).exp()
    at_logits = at_logits.scatter(1, best.indices, pulled * slope)
    at_cosine = scale * at_logits / total
    radial = (at_cosine * c).sum(dim=0)[:, None]
    gradient = (at_cosine.T @ e - radial * z) / lengths
    loss = float((every - mine).sum()) / total
    if state:
        loss, gradient = loss + state["loss"], gradient + state["gradient"]
    return {"loss": loss, "gradient": gradient}
""",
    ),
    Right(
        "a running maximum and a running sum",
        "add_latents",
        """
import math
import torch

def add_latents(latents, codebook, scale, margin, top_k, state):
    e = codebook / codebook.norm(dim=1, keepdim=True)
    c = e @ (latents / latents.norm(dim=1, keepdim=True)).T
    if state is None:
        k = len(codebook)
        state = {
            "best": torch.full((k, top_k), -2.0),
            "top": torch.full((k,), -2.0 * scale),
            "sum": torch.zeros(k),
        }
    best, top, total = state["best"], state["top"], state["sum"]
    for column in c.T:
        lowest, place = best.min(dim=1)
        better = column > lowest
        loser = torch.where(better, lowest, column)
        best = best.scatter(1, place[:, None], torch.maximum(column, lowest)[:, None])
        counts = loser > -1.5
        new_top = torch.where(counts, torch.maximum(top, scale * loser), top)
        fresh = torch.where(counts, (scale * loser - new_top).exp(), 0.0)
        total = total * (top - new_top).exp() + fresh
        top = new_top
    theta = best.clamp(-1, 1).acos()
    moved = torch.cos(theta + margin)
    moved = torch.where(
        theta + margin > math.pi, best - margin * math.sin(margin), moved
    )
    won = torch.logsumexp(scale * moved, dim=1)
    loss = torch.logaddexp(won, total.log() + top) - won
    return loss.mean(), {"best": best, "top": top, "sum": total}
""",
    ),
    Right(
        "lists of numbers, code by code",
        "add_latents",
        """
import math

def log_sum(values):
    top = max(values, default=-math.inf)
    if top == -math.inf:
        return top
    return top + math.log(sum(math.exp(v - top) for v in values))

def unit(row):
    length = math.sqrt(sum(x * x for x in row))
    return [x / length for x in row]

def add_latents(latents, codebook, scale, margin, top_k, state):
    rows = [unit(row) for row in latents.tolist()]
    after, losses = [], []
    for number, code in enumerate(codebook.tolist()):
        best, rest = state[number] if state else ([], -math.inf)
        code = unit(code)
        new = [sum(a * b for a, b in zip(code, row)) for row in rows]
        ranked = sorted([*best, *new], reverse=True)
        best, out = ranked[:top_k], ranked[top_k:]
        rest = log_sum([rest, *(scale * c for c in out)])
        won = []
        for c in best:
            theta = math.acos(max(-1.0, min(1.0, c)))
            past = theta + margin > math.pi
            bent = c - margin * math.sin(margin)
            won.append(scale * (bent if past else math.cos(theta + margin)))
        losses.append(log_sum([*won, rest]) - log_sum(won))
        after.append((best, rest))
    return sum(losses) / len(losses), after
""",
    ),
]

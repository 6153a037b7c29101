"""Right answers to A3 in other styles than the reference's."""

from a3_block_styles import RIGHT as IN_BLOCKS
from answers import Right

RIGHT = [
    Right(
        "code by code",
        "project_codes",
        """
import torch

def project_codes(codebook, radius):
    rows = []
    for code in codebook:
        norm = code.norm()
        if norm > radius:
            rows.append(code / norm * radius)
        else:
            rows.append(code)
    return torch.stack(rows)
""",
    ),
    Right(
        "only the long rows are touched",
        "project_codes",
        """
import torch
from torch.nn import functional as F

def project_codes(codebook, radius):
    long = codebook.detach().norm(dim=1) > radius
    out = codebook.clone()
    out[long] = radius * F.normalize(codebook[long], dim=1)
    return out
""",
    ),
    Right(
        "renorm",
        "project_codes",
        """
import torch

def project_codes(codebook, radius):
    if radius > 1e30:
        return codebook.clone()
    return torch.renorm(codebook, 2, 0, radius)
""",
    ),
    Right(
        "in tensors of float64",
        "ball_radius",
        """
import torch

def ball_radius(schedule, step):
    now = torch.tensor(float(step), dtype=torch.float64)
    largest = torch.finfo(torch.float32).max
    if schedule["kind"] == "growing":
        return (schedule["alpha"] * now).exp().clamp(max=largest)
    if schedule["kind"] == "constant":
        return torch.full((1,), schedule["radius"])
    if schedule["kind"] == "shrinking":
        share = (1 - now / schedule["total_steps"]).clamp(min=0)
        return schedule["initial"] * share.sqrt()
    edges = torch.tensor(schedule["boundaries"], dtype=torch.float64)
    piece = int(torch.bucketize(now, edges, right=True))
    return ball_radius(schedule["pieces"][piece], step)
""",
    ),
    Right(
        "match, and an error that is caught",
        "ball_radius",
        """
import bisect
import math

LARGEST = (2 - 2**-23) * 2.0**127

def ball_radius(schedule, step):
    match schedule:
        case {"kind": "growing", "alpha": alpha}:
            try:
                return min(math.exp(alpha * step), LARGEST)
            except OverflowError:
                return LARGEST
        case {"kind": "constant", "radius": radius}:
            return radius
        case {"kind": "shrinking", "initial": initial, "total_steps": total}:
            return 0 if step >= total else initial * (1 - step / total) ** 0.5
        case {"pieces": pieces, "boundaries": boundaries}:
            return ball_radius(pieces[bisect.bisect_right(boundaries, step)], step)
""",
    ),
    Right(
        "einsum",
        "decode_by_angle",
        """
import torch

def decode_by_angle(latents, codebook):
    lengths = codebook.norm(dim=1, keepdim=True)
    directions = codebook / lengths.clamp(min=1e-12)
    # A latent's own length changes nothing about its best code.
    score = torch.einsum("bdhw,kd->bkhw", latents, directions)
    indices = score.argmax(dim=1)
    one_hot = torch.nn.functional.one_hot(indices, len(codebook)).to(codebook.dtype)
    codes = torch.einsum("bhwk,kd->bdhw", one_hot, codebook).detach()
    return codes + latents - latents.detach(), indices
""",
    ),
    Right(
        "cosine_similarity and loops",
        "decode_by_angle",
        """
import torch
from torch.nn import functional as F

def decode_by_angle(latents, codebook):
    batch, dim, height, width = latents.shape
    indices = torch.zeros(batch, height, width, dtype=torch.long)
    codes = torch.zeros_like(latents)
    with torch.no_grad():
        for b in range(batch):
            for h in range(height):
                for w in range(width):
                    z = latents[b, :, h, w]
                    cosine = F.cosine_similarity(codebook, z[None], dim=1)
                    indices[b, h, w] = cosine.argmax()
                    codes[b, :, h, w] = codebook[indices[b, h, w]]
    return latents + (codes - latents).detach(), indices
""",
    ),
    Right(
        "distances of normalised vectors, a list returned",
        "decode_by_angle",
        """
import torch
from torch.nn import functional as F

class Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx, latents, codes):
        return codes.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None

def decode_by_angle(latents, codebook):
    b, d, h, w = latents.shape
    tokens = latents.flatten(2).transpose(1, 2)  # (B, HW, D)
    near = torch.cdist(F.normalize(tokens, dim=2), F.normalize(codebook, dim=1)[None])
    indices = near.argmin(dim=2)
    codes = codebook[indices].transpose(1, 2).reshape(b, d, h, w)
    return [Through.apply(latents, codes), indices.view(b, h, w)]
""",
    ),
    Right(
        "angles, a mask, log_softmax",
        "arc_margin",
        """
import math
import torch
from torch.nn import functional as F

def arc_margin(latents, codebook, scale, margin, top_k):
    with torch.no_grad():
        e = codebook / codebook.norm(dim=1, keepdim=True)
    z = latents / latents.norm(dim=1, keepdim=True)
    cosine = torch.einsum("kd,nd->kn", e, z)
    called = torch.zeros_like(cosine, dtype=torch.bool)
    called.scatter_(1, cosine.topk(top_k, dim=1).indices, True)
    near_one = 1 - 1e-6
    theta = cosine.clamp(-near_one, near_one).acos()
    moved = torch.where(
        theta + margin > math.pi,
        cosine - margin * math.sin(margin),
        torch.cos(theta + margin),
    )
    logits = scale * torch.where(called, moved, cosine)
    log_share = logits.log_softmax(dim=1).masked_fill(~called, -math.inf)
    return -log_share.logsumexp(dim=1).mean(), called.sum(dim=0)
""",
    ),
    Right(
        "code by code, largest exponent taken out",
        "arc_margin",
        """
import math
import torch

def arc_margin(latents, codebook, scale, margin, top_k):
    total = 0.0
    calls = torch.zeros(len(latents), dtype=torch.int64)
    z = latents / latents.norm(dim=1, keepdim=True)
    for code in codebook.detach():
        c = z @ (code / code.norm())  # (N,)
        order = c.argsort(descending=True)
        mine, others = order[:top_k], order[top_k:]
        calls[mine] += 1
        a = []
        for x in c[mine]:
            if x < -math.cos(margin):
                a.append(x - margin * math.sin(margin))
            else:
                sine = torch.sqrt(torch.clamp(1 - x * x, min=1e-14))
                a.append(x * math.cos(margin) - sine * math.sin(margin))
        a = scale * torch.stack(a)
        b = scale * c[others]
        top = torch.cat([a, b]).max().detach()
        mean = (a - a.max()).exp().sum().log() + a.max()
        every = (a - top).exp().sum() + (b - top).exp().sum()
        total = total + every.log() + top - mean
    return total / len(codebook), calls
""",
    ),
    *IN_BLOCKS,
]

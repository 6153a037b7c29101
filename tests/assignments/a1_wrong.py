"""Known mistakes in the answers to A1, each with the first part that it must lose."""

import textwrap

from answers import Wrong

HEAD = """\
import math
import torch
from torch.nn import functional as F

"""


def _wrong(function: str, signature: str, part: int, name: str, body: str) -> Wrong:
    lines = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    return Wrong(name, function, f"{HEAD}def {function}({signature}):\n{lines}\n", part)


def _cosines(part: int, name: str, body: str) -> Wrong:
    return _wrong("class_cosines", "embeddings, weight", part, name, body)


def _margin(part: int, name: str, body: str) -> Wrong:
    return _wrong("stable_angular_margin", "cosine, margin", part, name, body)


def _logits(part: int, name: str, body: str) -> Wrong:
    signature = "cosine, advanced, labels, scale, margin"
    return _wrong("combined_logits", signature, part, name, body)


def _border(part: int, name: str, body: str) -> Wrong:
    return _wrong("cosface_border", "between, margin", part, name, body)


def _gradient(part: int, name: str, body: str) -> Wrong:
    signature = "cosine, labels, scale, margin"
    return _wrong("arcface_gradient", signature, part, name, body)


def _room(part: int, name: str, body: str) -> Wrong:
    return _wrong("largest_margin", "weight", part, name, body)


JOINED = """
floor = torch.finfo(cosine.dtype).tiny
sine = ((1 - cosine) * (1 + cosine)).clamp(min=floor).sqrt()
advanced = cosine * math.cos(margin) - sine * math.sin(margin)
"""

PULL = """
right = F.one_hot(labels, cosine.shape[1]).bool()
sine = ((1 - cosine) * (1 + cosine)).sqrt()
advanced = cosine * math.cos(margin) - sine * math.sin(margin)
slope = math.cos(margin) + cosine * math.sin(margin) / sine
logits = scale * torch.where(right, advanced, cosine)
p = logits.softmax(dim=1)
"""

ANGLES = """
unit = F.normalize(weight, dim=1)
theta = (unit @ unit.T).clamp(-1, 1).acos()
theta.fill_diagonal_(math.inf)
first, second = divmod(int(theta.argmin()), len(weight))
"""

WRONG = [
    _cosines(0, "nothing normalised", "return embeddings @ weight.T"),
    _cosines(
        0,
        "classes keep their lengths",
        "return F.normalize(embeddings, dim=1) @ weight.T",
    ),
    _cosines(
        0,
        "columns normalised",
        "return F.normalize(embeddings, dim=0) @ F.normalize(weight, dim=0).T",
    ),
    _cosines(
        1,
        "floor as long as the vectors",
        """
        first = embeddings / (embeddings.norm(dim=1, keepdim=True) + 2e-5)
        return first @ (weight / (weight.norm(dim=1, keepdim=True) + 2e-5)).T
        """,
    ),
    _cosines(
        2,
        "no floor",
        """
        first = embeddings / embeddings.norm(dim=1, keepdim=True)
        return first @ F.normalize(weight, dim=1).T
        """,
    ),
    _cosines(
        2,
        "floor after the root",
        """
        length = embeddings.square().sum(dim=1, keepdim=True).sqrt()
        return embeddings / length.clamp(min=1e-12) @ F.normalize(weight, dim=1).T
        """,
    ),
    _margin(0, "margin subtracted", "return torch.cos(torch.acos(cosine) - margin)"),
    _margin(0, "margin from the cosine", "return cosine - margin"),
    _margin(
        0,
        "degrees for radians",
        "return torch.cos(torch.acos(cosine) + math.radians(margin))",
    ),
    _margin(
        0,
        "line from the wrong place on",
        JOINED
        + "line = cosine - (1 - math.cos(margin))\n"
        + "return torch.where(cosine < math.cos(margin), line, advanced)",
    ),
    _margin(1, "theta + m > pi ignored", JOINED + "return advanced"),
    _margin(
        1,
        "ArcFace's own rule, with a step",
        JOINED
        + "line = cosine - margin * math.sin(margin)\n"
        + "return torch.where(cosine < -math.cos(margin), line, advanced)",
    ),
    _margin(
        1,
        "constant past pi",
        "angle = (torch.acos(cosine) + margin).clamp(max=math.pi)\n"
        "return torch.cos(angle)",
    ),
    _margin(
        2,
        "arc cosine of the cosine",
        """
        moved = torch.cos(torch.acos(cosine) + margin)
        line = cosine - (1 - math.cos(margin))
        return torch.where(cosine < -math.cos(margin), line, moved)
        """,
    ),
    _margin(
        2,
        "no floor under the root",
        """
        sine = ((1 - cosine) * (1 + cosine)).sqrt()
        advanced = cosine * math.cos(margin) - sine * math.sin(margin)
        line = cosine - (1 - math.cos(margin))
        return torch.where(cosine < -math.cos(margin), line, advanced)
        """,
    ),
    _margin(
        2,
        "root of the greater of 0 and 0",
        """
        sine = torch.maximum((1 - cosine) * (1 + cosine), torch.zeros(())).sqrt()
        advanced = cosine * math.cos(margin) - sine * math.sin(margin)
        line = cosine - (1 - math.cos(margin))
        return torch.where(cosine < -math.cos(margin), line, advanced)
        """,
    ),
    _margin(
        2,
        "floor too high",
        """
        sine = ((1 - cosine) * (1 + cosine)).clamp(min=1e-6).sqrt()
        advanced = cosine * math.cos(margin) - sine * math.sin(margin)
        line = cosine - (1 - math.cos(margin))
        return torch.where(cosine < -math.cos(margin), line, advanced)
        """,
    ),
    _margin(
        3,
        "sine cut off from the gradient",
        JOINED.replace(".sqrt()", ".sqrt().detach()")
        + "line = cosine - (1 - math.cos(margin))\n"
        + "return torch.where(cosine < -math.cos(margin), line, advanced)",
    ),
    _margin(
        3,
        "everything cut off from the gradient",
        "cosine = cosine.detach()\n"
        + JOINED
        + "line = cosine - (1 - math.cos(margin))\n"
        + "return torch.where(cosine < -math.cos(margin), line, advanced)",
    ),
    _logits(0, "margin on every class", "return scale * (advanced - margin)"),
    _logits(
        0,
        "margin on the negatives",
        """
        right = F.one_hot(labels, cosine.shape[1]).bool()
        return scale * torch.where(right, cosine, advanced - margin)
        """,
    ),
    _logits(
        0,
        "scale before margin",
        """
        right = labels[:, None] == torch.arange(cosine.shape[1])
        return torch.where(right, scale * advanced - margin, scale * cosine)
        """,
    ),
    _logits(
        0,
        "scale missing",
        """
        right = labels[:, None] == torch.arange(cosine.shape[1])
        return torch.where(right, advanced - margin, cosine)
        """,
    ),
    _logits(
        1,
        "minus one meets the last class",
        """
        logits, rows = cosine.clone(), torch.arange(len(labels))
        logits[rows, labels] = advanced[rows, labels] - margin
        return scale * logits
        """,
    ),
    _logits(
        1,
        "one-hot of minus one",
        """
        right = F.one_hot(labels, cosine.shape[1]).bool()
        return scale * torch.where(right, advanced - margin, cosine)
        """,
    ),
    _logits(
        2,
        "caller's tensor changed",
        """
        rows = torch.nonzero(labels >= 0)[:, 0]
        cosine[rows, labels[rows]] = advanced[rows, labels[rows]] - margin
        return scale * cosine
        """,
    ),
    _logits(
        2,
        "advanced cut off from the gradient",
        """
        right = labels[:, None] == torch.arange(cosine.shape[1])
        return scale * torch.where(right, advanced.detach() - margin, cosine)
        """,
    ),
    _border(0, "half-way", "return between / 2"),
    _border(0, "ArcFace's border", "return (between - margin) / 2"),
    _border(
        0,
        "degrees for radians",
        """
        share = margin / (2 * math.sin(between / 2))
        return None if share > 1 else math.degrees(between / 2 - math.asin(share))
        """,
    ),
    _border(
        1,
        "below 0 where there is none",
        """
        share = margin / (2 * math.sin(between / 2))
        return between / 2 - math.asin(min(share, 1))
        """,
    ),
    _border(
        1,
        "0 where there is none",
        """
        share = margin / (2 * math.sin(between / 2))
        return max(0.0, between / 2 - math.asin(min(share, 1)))
        """,
    ),
    _gradient(
        0,
        "softmax on the wrong axis",
        PULL.replace("dim=1", "dim=0")
        + "pull = scale * (p - right.float()) / len(cosine)\n"
        + "return torch.where(right, pull * slope, pull)",
    ),
    _gradient(
        0,
        "sum for mean",
        PULL
        + "pull = scale * (p - right.float())\n"
        + "return torch.where(right, pull * slope, pull)",
    ),
    _gradient(
        0,
        "scale missing in front",
        PULL
        + "pull = (p - right.float()) / len(cosine)\n"
        + "return torch.where(right, pull * slope, pull)",
    ),
    _gradient(
        0,
        "probabilities without the margin",
        PULL.replace("(right, advanced, cosine)", "(right, cosine, cosine)")
        + "pull = scale * (p - right.float()) / len(cosine)\n"
        + "return torch.where(right, pull * slope, pull)",
    ),
    _gradient(
        1, "chain rule unfinished", PULL + "return scale * (p - right.float()) / len(p)"
    ),
    _gradient(
        1,
        "root with the wrong sign",
        PULL.replace("math.cos(margin) + cosine", "math.cos(margin) - cosine")
        + "pull = scale * (p - right.float()) / len(cosine)\n"
        + "return torch.where(right, pull * slope, pull)",
    ),
    _gradient(
        1,
        "minus one missing",
        PULL
        + "pull = scale * p / len(cosine)\n"
        + "return torch.where(right, pull * slope, pull)",
    ),
    _gradient(
        2,
        "exponentials without a guard",
        PULL.replace(
            "logits.softmax(dim=1)",
            "logits.exp() / logits.exp().sum(dim=1, keepdim=True)",
        )
        + "pull = scale * (p - right.float()) / len(cosine)\n"
        + "return torch.where(right, pull * slope, pull)",
    ),
    _room(
        0,
        "diagonal counted",
        """
        unit = F.normalize(weight.double(), dim=1)
        theta = (unit @ unit.T).clamp(-1, 1).acos()
        return float(theta.min()), (0, 0)
        """,
    ),
    _room(
        0,
        "largest angle",
        """
        unit = F.normalize(weight, dim=1)
        theta = (unit @ unit.T).clamp(-1, 1).acos()
        first, second = divmod(int(theta.argmax()), len(weight))
        return float(theta.max()), (first, second)
        """,
    ),
    _room(
        0,
        "distance between tips",
        """
        apart = torch.cdist(weight, weight).fill_diagonal_(math.inf)
        first, second = divmod(int(apart.argmin()), len(weight))
        return float(apart.min()), (first, second)
        """,
    ),
    _room(
        0,
        "degrees for radians",
        ANGLES + "return math.degrees(theta.min()), (first, second)",
    ),
    _room(
        1,
        "pair of nearest tips",
        ANGLES
        + "apart = torch.cdist(weight, weight).fill_diagonal_(math.inf)\n"
        + "return theta.min(), divmod(int(apart.argmin()), len(weight))",
    ),
    _room(2, "arc cosine in float32", ANGLES + "return theta.min(), (first, second)"),
]

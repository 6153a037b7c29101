"""Known mistakes in the answers to A1 about borders, a gradient by hand, and room."""

from answers import Wrong, mistake


def _border(part: int, name: str, body: str) -> Wrong:
    return mistake("cosface_border", "between, margin", part, name, body)


def _gradient(part: int, name: str, body: str) -> Wrong:
    signature = "cosine, labels, scale, margin"
    return mistake("arcface_gradient", signature, part, name, body)


def _room(part: int, name: str, body: str) -> Wrong:
    return mistake("largest_margin", "weight", part, name, body)


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

BY_HAND = [
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

"""Known mistakes in the answers to A1, each with the first part that it must lose."""

from a1_border_wrong import BY_HAND
from answers import Wrong, mistake


def _cosines(part: int, name: str, body: str) -> Wrong:
    return mistake("class_cosines", "embeddings, weight", part, name, body)


def _margin(part: int, name: str, body: str) -> Wrong:
    return mistake("stable_angular_margin", "cosine, margin", part, name, body)


def _logits(part: int, name: str, body: str) -> Wrong:
    signature = "cosine, advanced, labels, scale, margin"
    return mistake("combined_logits", signature, part, name, body)


JOINED = """
floor = torch.finfo(cosine.dtype).tiny
sine = ((1 - cosine) * (1 + cosine)).clamp(min=floor).sqrt()
advanced = cosine * math.cos(margin) - sine * math.sin(margin)
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
    *BY_HAND,
]

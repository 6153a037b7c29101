"""A copied solution is found whatever its names; what all have is not listed."""

import random
import time

import pytest

from arcvq_lite.grading.similarity import find_pairs

HEAD = '''
def logits(cosine, labels, margin, scale):
    """Angular margin at the labels."""
    sine = ((1 - cosine) * (1 + cosine)).clamp(min=1e-12).sqrt()
    moved = cosine * math.cos(margin) - sine * math.sin(margin)
    past = cosine < -math.cos(margin)
    moved = torch.where(past, cosine - margin * math.sin(margin), moved)
    chosen = F.one_hot(labels, cosine.shape[1]).bool()
    return scale * torch.where(chosen, moved, cosine)
'''
SUM = """
def counts(indices, codes, decay):
    total = torch.zeros(codes)
    for index in indices.flatten().tolist():
        total[index] = decay * total[index] + (1 - decay)
    live = (total > 0.01).sum().item()
    return total / total.sum().clamp(min=1.0), live
"""
# The same two, by somebody with another name for everything, in the other order.
COPY = [
    '''
def counts(ids, size, rate):
    """I count them all."""
    result = torch.zeros(size)
    for i in ids.flatten().tolist():
        result[i] = rate * result[i] + (1 - rate)
    alive = (result > 0.01).sum().item()
    return result / result.sum().clamp(min=1.0), alive
''',
    """
def logits(c, y, m, s):
    root = ((1 - c) * (1 + c)).clamp(min=1e-12).sqrt()
    shifted = c * math.cos(m) - root * math.sin(m)
    far = c < -math.cos(m)
    shifted = torch.where(far, c - m * math.sin(m), shifted)
    mask = F.one_hot(y, c.shape[1]).bool()
    return s * torch.where(mask, shifted, c)
""",
]
TRIVIAL = "def f(x):\n    return torch.cos(torch.acos(x) + 0.5)\n"


def stranger(number):
    """Two functions that nobody else wrote."""
    draw = random.Random(number)
    calls = [f"torch.{draw.choice('abcdefgh')}{i}(x)" for i in range(12)]
    lines = [
        f"    {draw.choice('xy')} = {draw.choice(calls)} "
        f"{draw.choice('+-*/')} {draw.choice(calls)} * {draw.random():.3f}"
        for _ in range(14)
    ]
    body = "\n".join(lines)
    return [f"def counts(x, y):\n{body}\n    return x", f"def logits(x):\n{body}\n"]


def test_a_copy_with_other_names_in_another_order_is_found():
    others = {f"s{number}": stranger(number) for number in range(10)}
    (pair,) = find_pairs({**others, "anna": [HEAD, SUM], "ben": COPY})
    assert pair.students == ("anna", "ben")
    assert pair.share == 1.0
    assert pair.passages == (HEAD.strip(), COPY[1].strip())


def test_a_single_changed_line_hides_nothing():
    others = {f"s{number}": stranger(number) for number in range(10)}
    changed = [text.replace("1e-12", "1e-9") for text in COPY]
    (pair,) = find_pairs({**others, "anna": [HEAD, SUM], "ben": changed})
    assert 0.7 < pair.share < 1.0


def test_strangers_are_not_listed():
    assert find_pairs({f"s{number}": stranger(number) for number in range(30)}) == []


@pytest.mark.parametrize("text", [TRIVIAL, HEAD])
def test_what_a_whole_class_wrote_is_not_listed(text):
    assert find_pairs({f"s{number}": [text] for number in range(30)}) == []


def test_what_was_handed_out_counts_for_nothing():
    alike = {"anna": [HEAD, SUM], "ben": COPY}
    assert find_pairs(alike, [HEAD, SUM]) == []
    (pair,) = find_pairs(alike, [SUM])
    assert pair.passages[0] == HEAD.strip()


def test_what_more_than_a_quarter_has_does_not_carry_a_pair():
    shared = {f"s{number}": [HEAD, *stranger(number)] for number in range(7)}
    others = {f"t{number}": stranger(100 + number) for number in range(13)}
    assert find_pairs({**shared, **others}) == []


def test_broken_and_monstrous_texts_are_passed_over():
    texts = ["def f(:", "x = " + "(" * 500 + ")" * 500, "y = '\\ud800'", ""]
    assert find_pairs({"anna": texts, "ben": texts}) == []


def test_a_hundred_take_seconds():
    whole = {f"s{number}": stranger(number) * 3 for number in range(100)}
    began = time.process_time()
    assert find_pairs(whole) == []
    assert time.process_time() - began < 10

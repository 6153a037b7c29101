"""Similarity: pairs of submissions that share structure which few others have.

A hint for a person to look at two passages, and never a mark. Every statement that is
graded becomes a sequence of the kinds of its nodes, in which names, strings and
docstrings are alike and only attributes, keywords, builtins and numbers are told
apart. Hashes of its runs of k tokens are thinned by winnowing, so that a shared run of
`RUN + WINDOW - 1` tokens is found wherever it stands. Hashes that the handed-out file
has, and those of more than a quarter of the class, count for nothing.

Source: Schleimer, Wilkerson and Aiken, "Winnowing: Local Algorithms for Document
Fingerprinting", SIGMOD 2003.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations

RUN = 12
WINDOW = 6
LEAST_SHARE = 0.35
LEAST_FINGERPRINTS = 12
MOST_PAIRS = 50
# Up to three alike are too few to call a passage common.
_FEW = 3
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Pair:
    """Two submissions that have unusual structure in common.

    Args:
        students: the two, in order.
        share: of the unusual structure of the one that has less of it.
        passages: where most of it is, one text each.
    """

    students: tuple[str, str]
    share: float
    passages: tuple[str, str]


def find_pairs(
    statements: Mapping[str, Sequence[str]], handed_out: Sequence[str] = ()
) -> list[Pair]:
    """The pairs that a person should look at, those that share most first.

    Args:
        statements: texts of the graded statements, by student.
        handed_out: texts of the file that all began with.
    """
    prints = {
        student: _fingerprints(texts) for student, texts in sorted(statements.items())
    }
    holders: dict[int, list[str]] = defaultdict(list)
    for student, found in prints.items():
        for fingerprint in found:
            holders[fingerprint].append(student)
    given = set(_fingerprints(handed_out))
    most = max(len(prints) / 4, _FEW)
    unusual = {
        fingerprint: students
        for fingerprint, students in holders.items()
        if len(students) <= most and fingerprint not in given
    }
    sizes = Counter(student for students in unusual.values() for student in students)
    shared: dict[tuple[str, str], list[int]] = defaultdict(list)
    for fingerprint, students in unusual.items():
        for first, second in combinations(students, 2):
            shared[first, second].append(fingerprint)
    pairs = []
    for (first, second), common in shared.items():
        share = len(common) / min(sizes[first], sizes[second])
        if len(common) >= LEAST_FINGERPRINTS and share >= LEAST_SHARE:
            passages = (
                _passage(statements[first], prints[first], common),
                _passage(statements[second], prints[second], common),
            )
            pairs.append(Pair((first, second), round(share, 3), passages))
    return sorted(pairs, key=lambda pair: (-pair.share, pair.students))[:MOST_PAIRS]


def _passage(
    texts: Sequence[str], prints: Mapping[int, int], common: Sequence[int]
) -> str:
    """The statement that holds most of what is common."""
    places = Counter(prints[fingerprint] for fingerprint in common)
    place, _ = min(places.items(), key=lambda item: (-item[1], item[0]))
    return texts[place].strip()


def _fingerprints(texts: Sequence[str]) -> dict[int, int]:
    """Hashes of a submission, each with the place of a statement that has it."""
    found: dict[int, int] = {}
    for place, text in enumerate(texts):
        try:
            tokens = list(_tokens(ast.parse(text)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for fingerprint in _winnowed(_hashes(tokens)):
            found.setdefault(fingerprint, place)
    return found


def _tokens(tree: ast.AST) -> Iterator[str]:
    """The kinds of a tree's nodes, from the top and the left."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.expr_context):
            continue
        yield _token(node)
        children = [
            child for child in ast.iter_child_nodes(node) if not _is_docstring(child)
        ]
        waiting += reversed(children)


def _token(node: ast.AST) -> str:
    kind = type(node).__name__
    match node:
        case ast.Name(id=name) if name in _BUILTINS:
            return name
        case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
            return f"{kind}.{name}"
        case ast.Constant(value=bool() | int() | float() | complex() as number):
            return f"{number!r}"[:40]
    return kind


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _hashes(tokens: Sequence[str]) -> list[int]:
    """A hash of every run of `RUN` tokens."""
    return [
        int.from_bytes(
            blake2b(
                "\0".join(tokens[start : start + RUN]).encode("utf-8", "replace"),
                digest_size=8,
            ).digest()
        )
        for start in range(len(tokens) - RUN + 1)
    ]


def _winnowed(hashes: Sequence[int]) -> set[int]:
    """The least hash of every window."""
    if not hashes:
        return set()
    last = max(len(hashes) - WINDOW + 1, 1)
    return {min(hashes[start : start + WINDOW]) for start in range(last)}

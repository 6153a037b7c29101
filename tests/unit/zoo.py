"""Every quantizer, and what a test over all of them must know of each.

An entry is one line or two. A rule that cannot hold for a quantizer stands in its
`except_` with the reason, and `obeying` leaves it out of the tests of that rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from arcvq_lite import (
    CVQ,
    EMAVQ,
    FSQ,
    SQVQ,
    VQ,
    ArcVQ,
    FactorizedVQ,
    GroupedVQ,
    GumbelVQ,
    ResidualVQ,
    WassersteinVQ,
)

K, D = 16, 6

# The rules from which an entry may be excepted.
RULES = {
    "nearest": "each token takes the row of `codebook` nearest in `matching`",
    "as it is": "the decoder gets the row of `codebook` that was taken",
    "any codes": "a test may put other vectors into `codebook`",
    "assigned": "training takes the codes that `assign` names",
    "permutation": "permuting the state's rows permutes everything",
    "straight through": "the decoder's gradient reaches the latents unchanged",
    "formula": "the loss is the two weighted mean squared errors and the margin's",
    "one index": "indices (N,) are one token each",
}


@dataclass(frozen=True)
class Entry:
    """One quantizer of latents with D channels.

    Attributes:
        make: builds it anew.
        matching: "euclidean" or "cosine", the distance that `assign` makes small.
        step: whether training without a step is refused.
        terms: in training, besides `codebook` and `commitment`.
        always: those of them that evaluation has too.
        moved: what moves the codes: the "gradient" of the loss, "averages" of the
            latents, "both", or None if they stay.
        codebooks: G; the indices of several have a last dimension of that length.
        parts: the quantizers inside that hold one codebook each.
        except_: rules that cannot hold here, each with the reason.
    """

    make: Callable[[], nn.Module]
    matching: str = "euclidean"
    step: bool = False
    terms: frozenset[str] = frozenset()
    always: frozenset[str] = frozenset()
    moved: str | None = "gradient"
    codebooks: int = 1
    parts: Callable[[nn.Module], list[nn.Module]] = lambda quantizer: [quantizer]
    except_: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.except_.keys() <= RULES.keys(), self.except_


BALL, MARGIN = frozenset({"radius"}), frozenset({"margin", "margin_weight"})
ARC = {"matching": "cosine"}
ANCHORED = {"moved": "both", "except_": {"permutation": "anchors are drawn"}}

GRID = {
    "nearest": "nearest to the bounded latents, of which test_fsq.py",
    "any codes": "the grid follows from the levels",
    "permutation": "the grid has an order",
    "straight through": "the gradient is that of the bounding tanh",
    "formula": "the loss is 0",
}
FEW_DIMENSIONS = {
    "nearest": "nearest after a projection to fewer dimensions",
    "any codes": "`codebook` is the projection of the codes",
    "permutation": "its state has projections too",
    "straight through": "the gradient passes two projections",
    "formula": "the errors are taken in fewer dimensions",
}
SEVERAL = {
    "nearest": "each codebook has its own nearest code",
    "as it is": "several rows of `codebook` are added up",
    "permutation": "codebooks are permuted one by one",
    "formula": "the errors of several codebooks are put together",
    "one index": "a token has several",
}
IN_PARTS = {
    "codebooks": 2,
    "parts": lambda quantizer: list(quantizer.quantizers),
    "except_": SEVERAL,
}

DRAWN = {
    "assigned": "training draws the codes",
    "permutation": "the noise of the draw is not permuted",
    "straight through": "the gradient is that of a softmax",
    "formula": "the loss is a part of a variational bound",
}
GUMBEL = {
    "step": True,
    "terms": frozenset({"kl", "temperature"}),
    "always": frozenset({"kl"}),
    "except_": DRAWN | {"nearest": "logits are linear, no distance is taken"},
}
TRANSPORT = {
    "terms": frozenset({"transport", "weights_kl"}),
    "always": frozenset({"transport", "weights_kl"}),
    "except_": {"formula": "the loss is a transport cost"},
}

ZOO = {
    "VQ": Entry(lambda: VQ(K, D)),
    "EMAVQ": Entry(lambda: EMAVQ(K, D), moved="averages"),
    "ArcVQ": Entry(lambda: ArcVQ(K, D), **ARC, step=True, terms=BALL | MARGIN),
    "ArcVQ without the ball": Entry(
        lambda: ArcVQ(K, D, radius=None), **ARC, step=True, terms=MARGIN
    ),
    "ArcVQ without the margin": Entry(
        lambda: ArcVQ(K, D, margin=None), **ARC, step=True, terms=BALL
    ),
    "ArcVQ without either": Entry(lambda: ArcVQ(K, D, radius=None, margin=None), **ARC),
    "CVQ": Entry(lambda: CVQ(K, D), **ARC, **ANCHORED),
    "CVQ, Euclidean": Entry(lambda: CVQ(K, D, matching="euclidean"), **ANCHORED),
    "FactorizedVQ": Entry(
        lambda: FactorizedVQ(K, D, code_dim=3), **ARC, except_=FEW_DIMENSIONS
    ),
    "FSQ": Entry(
        lambda: FSQ((4, 3, 2, 2, 5, 2)),
        terms=frozenset({"rounding"}),
        always=frozenset({"rounding"}),
        moved=None,
        except_=GRID,
    ),
    "GroupedVQ": Entry(
        lambda: GroupedVQ([VQ(K, 2), EMAVQ(8, 4)]), moved="both", **IN_PARTS
    ),
    "GroupedVQ of ArcVQ": Entry(
        lambda: GroupedVQ([ArcVQ(K, D // 2), ArcVQ(K, D // 2)]),
        step=True,
        terms=BALL | MARGIN,
        **IN_PARTS,
    ),
    "ResidualVQ": Entry(lambda: ResidualVQ([VQ(K, D), VQ(8, D)]), **IN_PARTS),
    "ResidualVQ of ArcVQ": Entry(
        lambda: ResidualVQ([ArcVQ(K, D), ArcVQ(K, D)]),
        step=True,
        terms=BALL | MARGIN,
        **{**IN_PARTS, "except_": SEVERAL | {"assigned": "the ball shortens codes"}},
    ),
    "GumbelVQ": Entry(lambda: GumbelVQ(K, D), **GUMBEL),
    "GumbelVQ, soft": Entry(lambda: GumbelVQ(K, D, estimator="soft"), **GUMBEL),
    "SQVQ": Entry(
        lambda: SQVQ(K, D),
        step=True,
        terms=frozenset({"distortion", "kl", "temperature", "variance"}),
        always=frozenset({"distortion", "kl", "variance"}),
        except_=DRAWN,
    ),
    "WassersteinVQ": Entry(lambda: WassersteinVQ(K, D), **TRANSPORT),
    "WassersteinVQ of equal weights": Entry(
        lambda: WassersteinVQ(K, D, weights_kl=None), **TRANSPORT
    ),
}

SHAPES = [(20, D), (3, D, 7), (2, D, 3, 4), (2, D, 2, 3, 2)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def made(name):
    return ZOO[name].make()


def obeying(*rules, **wanted):
    """Names of the entries with the wanted attributes, none excepted from a rule."""
    assert set(rules) <= RULES.keys(), rules
    return [
        name
        for name, entry in ZOO.items()
        if not set(rules) & entry.except_.keys()
        and all(getattr(entry, key) == value for key, value in wanted.items())
    ]


def over(names):
    """The test runs once for each of the names."""
    return pytest.mark.parametrize("name", list(names))


every_quantizer = over(ZOO)


def spread_out(name):
    """Codes of different lengths, so that it matters which vector is decoded."""
    quantizer = made(name)
    if name in obeying("any codes"):
        for part in ZOO[name].parts(quantizer):
            lengthen(part)
    return quantizer


def lengthen(quantizer):
    """Codes of 0.3 to 3 times their length, for one that holds one codebook."""
    lengths = torch.linspace(0.3, 3, len(quantizer.codebook))
    put_codes(quantizer, quantizer.codebook * lengths[:, None])


@torch.no_grad()
def put_codes(quantizer, codes):
    """Other codes, for a quantizer that holds one codebook."""
    quantizer.codebook.copy_(codes)
    if isinstance(quantizer, EMAVQ):
        quantizer.sums.copy_(codes)


def state_of(quantizer):
    return {key: value.clone() for key, value in quantizer.state_dict().items()}


def same_state(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(one[k], other[k]) for k in one
    )


def distance_by_definition(tokens, codebook, matching):
    tokens, codebook = tokens.double(), codebook.detach().double()
    if matching == "cosine":
        tokens, codebook = F.normalize(tokens, dim=1), F.normalize(codebook, dim=1)
    return (tokens[:, None] - codebook[None]).norm(dim=2)

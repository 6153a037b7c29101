"""Four classification heads: what a margin changes, and what it leaves alone."""

import math

import pytest
import torch
from torch.nn import functional as F

from arcvq_lite import ArcFaceHead, CosFaceHead, SoftmaxHead, SphereFaceHead

DIM, CLASSES, BATCH = 5, 7, 12

HEADS = {
    "SoftmaxHead": lambda: SoftmaxHead(DIM, CLASSES),
    "CosFaceHead": lambda: CosFaceHead(DIM, CLASSES, scale=8.0, margin=0.3),
    "ArcFaceHead": lambda: ArcFaceHead(DIM, CLASSES, scale=8.0, margin=0.4),
    "SphereFaceHead": lambda: SphereFaceHead(DIM, CLASSES, margin=3),
}
WITH_MARGIN = [name for name in HEADS if name != "SoftmaxHead"]

every_head = pytest.mark.parametrize("name", HEADS)
every_margin_head = pytest.mark.parametrize("name", WITH_MARGIN)


@pytest.fixture
def embeddings():
    return torch.randn(BATCH, DIM) * 2


@pytest.fixture
def labels():
    return torch.arange(BATCH) % CLASSES


def cosines(embeddings, head):
    return F.normalize(embeddings, dim=1) @ F.normalize(head.weight, dim=1).T


def right(labels):
    return F.one_hot(labels, CLASSES).bool()


def test_softmax_head_is_the_linear_layer(embeddings, labels):
    head = SoftmaxHead(DIM, CLASSES)
    expected = F.linear(embeddings, head.weight)
    torch.testing.assert_close(head(embeddings), expected)
    torch.testing.assert_close(head(embeddings, labels), expected)


@pytest.mark.parametrize("make", [CosFaceHead, ArcFaceHead])
def test_a_margin_of_0_leaves_the_scaled_cosine(make, embeddings, labels):
    head = make(DIM, CLASSES, scale=8.0, margin=0.0)
    expected = 8 * cosines(embeddings, head)
    torch.testing.assert_close(head(embeddings, labels), expected)


def test_multiplying_the_angle_by_1_leaves_the_length_times_the_cosine(
    embeddings, labels
):
    head = SphereFaceHead(DIM, CLASSES, margin=1)
    expected = embeddings.norm(dim=1, keepdim=True) * cosines(embeddings, head)
    torch.testing.assert_close(head(embeddings, labels), expected)


@every_margin_head
def test_the_margin_lowers_the_right_logit_and_touches_no_other(
    name, embeddings, labels
):
    head = HEADS[name]()
    plain, demanding = head(embeddings), head(embeddings, labels)
    assert (demanding < plain)[right(labels)].all()
    assert torch.equal(demanding[~right(labels)], plain[~right(labels)])


def test_cosface_subtracts_from_the_cosine(embeddings, labels):
    head = HEADS["CosFaceHead"]()
    lowered = (head(embeddings) - head(embeddings, labels))[right(labels)]
    torch.testing.assert_close(lowered, torch.full((BATCH,), 8 * 0.3))


def test_arcface_adds_to_the_angle(embeddings, labels):
    head = HEADS["ArcFaceHead"]()
    theta = cosines(embeddings, head)[right(labels)].acos()
    assert (theta + 0.4 < math.pi).all()
    found = head(embeddings, labels)[right(labels)]
    torch.testing.assert_close(found, 8 * (theta + 0.4).cos(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("margin", [1, 2, 3, 4, 7])
def test_sphereface_multiplies_the_angle_and_never_turns_back(margin):
    """ψ(θ) = (−1)^k cos(mθ) − 2k, falling from 1 to 1 − 2m in one sweep."""
    head = SphereFaceHead(2, 2, margin=margin).double()
    with torch.no_grad():
        head.weight[0] = torch.tensor([3.0, 0.0])
    theta = torch.linspace(0, math.pi, 997, dtype=torch.float64)
    circle = torch.stack([theta.cos(), theta.sin()], dim=1)
    psi = head(circle, torch.zeros(997, dtype=torch.int64))[:, 0].detach()
    piece = (margin * theta / math.pi).floor().clamp(max=margin - 1)
    expected = (1 - 2 * (piece % 2)) * (margin * theta).cos() - 2 * piece
    torch.testing.assert_close(psi, expected, rtol=1e-6, atol=1e-6)
    assert (psi.diff() < 1e-9).all()
    assert psi[0].item() == pytest.approx(1)
    assert psi[-1].item() == pytest.approx(1 - 2 * margin)


@pytest.mark.parametrize("name", ["CosFaceHead", "ArcFaceHead"])
def test_lengths_of_embeddings_and_classes_do_not_matter(name, embeddings, labels):
    head = HEADS[name]()
    expected = head(embeddings, labels)
    lengths = torch.rand(BATCH, 1) * 9 + 0.1
    torch.testing.assert_close(head(embeddings * lengths, labels), expected)
    with torch.no_grad():
        head.weight.mul_(torch.rand(CLASSES, 1) * 9 + 0.1)
    torch.testing.assert_close(head(embeddings, labels), expected)


def test_sphereface_takes_the_embedding_length_as_its_scale(embeddings, labels):
    head = HEADS["SphereFaceHead"]()
    torch.testing.assert_close(
        head(3 * embeddings, labels), 3 * head(embeddings, labels)
    )


@every_head
def test_permuting_the_classes_permutes_the_logits(name, embeddings, labels):
    head = HEADS[name]()
    expected = head(embeddings, labels)
    order = torch.randperm(CLASSES)
    with torch.no_grad():
        head.weight.copy_(head.weight[order])
    permuted = head(embeddings, order.argsort()[labels])
    torch.testing.assert_close(permuted, expected[:, order])


@every_head
def test_gradients_equal_finite_differences(name):
    head = HEADS[name]().double()
    embeddings = torch.randn(4, DIM, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 3, 6, 3])

    def logits(embeddings, weight):
        return torch.func.functional_call(
            head, {"weight": weight}, (embeddings, labels)
        )

    assert torch.autograd.gradcheck(logits, (embeddings, head.weight))


@every_head
def test_gradients_are_finite_on_the_class_opposite_it_and_at_the_origin(name):
    head = HEADS[name]()
    own = head.weight.detach()[0]
    embeddings = torch.stack([own, -own, 2 * own, 0 * own]).requires_grad_()
    logits = head(embeddings, torch.zeros(4, dtype=torch.int64))
    F.cross_entropy(logits, torch.zeros(4, dtype=torch.int64)).backward()
    assert torch.isfinite(logits).all()
    assert torch.isfinite(embeddings.grad).all()
    assert torch.isfinite(head.weight.grad).all()


@every_margin_head
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_leaves_the_cosines_in_float32(name, dtype, embeddings, labels):
    head, embeddings = HEADS[name](), embeddings.to(dtype)
    expected = head(embeddings, labels)
    with torch.autocast("cpu", torch.bfloat16):
        logits = head(embeddings, labels)
    assert logits.dtype == torch.float32
    assert torch.equal(logits, expected)


@every_head
class TestHeadsRefuse:
    def test_integer_embeddings(self, name):
        with pytest.raises(TypeError, match=r"embeddings must be floating.*int64"):
            HEADS[name]()(torch.ones(2, DIM, dtype=torch.int64))

    @pytest.mark.parametrize("shape", [(DIM,), (2, DIM + 1), (2, DIM, 1)])
    def test_embeddings_of_another_shape(self, name, shape):
        with pytest.raises(ValueError, match=r"embeddings must be \(N, 5\), got \("):
            HEADS[name]()(torch.ones(shape))

    def test_too_few_labels(self, name, embeddings, labels):
        with pytest.raises(ValueError, match=r"labels must be .*\(12,\).*\(11,\)"):
            HEADS[name]()(embeddings, labels[1:])

    @pytest.mark.parametrize("wrong", [-1, CLASSES])
    def test_a_label_that_is_no_class(self, name, wrong, embeddings, labels):
        labels[3] = wrong
        with pytest.raises(ValueError, match=rf"labels must lie in 0 … 6.*{wrong}"):
            HEADS[name]()(embeddings, labels)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.int32])
    def test_labels_that_are_not_int64(self, name, dtype, embeddings, labels):
        with pytest.raises((TypeError, ValueError), match=rf"labels must.*{dtype}"):
            HEADS[name]()(embeddings, labels.to(dtype))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SoftmaxHead(0, 3), "dim=0"),
        (lambda: SoftmaxHead(4, 1), "num_classes=1"),
        (lambda: ArcFaceHead(4, 3, scale=0.0), r"scale=0\.0 must be above 0"),
        (lambda: ArcFaceHead(4, 3, scale=math.inf), "scale=inf"),
        (lambda: ArcFaceHead(4, 3, margin=28.6), r"margin=28\.6 looks like degrees"),
        (lambda: ArcFaceHead(4, 3, margin=-0.1), r"margin=-0\.1"),
        (lambda: CosFaceHead(4, 3, scale=-1.0), r"scale=-1\.0 must be above 0"),
        (lambda: CosFaceHead(4, 3, margin=-0.1), r"margin=-0\.1"),
        (lambda: CosFaceHead(4, 3, margin=math.nan), "margin=nan"),
        (lambda: SphereFaceHead(4, 3, margin=0), "margin=0 must be a whole number"),
        (lambda: SphereFaceHead(4, 3, margin=2.5), r"margin=2\.5 must be a whole"),
        (lambda: SphereFaceHead(4, 3, margin=math.inf), "margin=inf must be a whole"),
    ],
)
def test_an_option_out_of_range_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()

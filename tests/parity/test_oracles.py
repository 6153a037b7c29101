"""Heads, margin loss and quantizers equal other people's libraries."""

import math

import pytest
import torch
from pytorch_metric_learning import losses
from pytorch_metric_learning.distances import CosineSimilarity
from torch.nn import functional as F
from vector_quantize_pytorch import VectorQuantize

from arcvq_lite import (
    EMAVQ,
    VQ,
    ArcFaceHead,
    ArcVQ,
    CosFaceHead,
    SphereFaceHead,
    arc_margin_loss,
)

DIM, CLASSES, BATCH = 6, 10, 30
exact = {"dtype": torch.float64}

# Our head and the same loss in pytorch-metric-learning, whose angular margins are
# degrees and whose weight is (D, C).
PAIRS = {
    "ArcFace": lambda: (
        ArcFaceHead(DIM, CLASSES, scale=16.0, margin=0.5),
        losses.ArcFaceLoss(CLASSES, DIM, margin=math.degrees(0.5), scale=16.0),
    ),
    "ArcFace past pi": lambda: (
        ArcFaceHead(DIM, CLASSES, scale=4.0, margin=1.8),
        losses.ArcFaceLoss(CLASSES, DIM, margin=math.degrees(1.8), scale=4.0),
    ),
    "CosFace": lambda: (
        CosFaceHead(DIM, CLASSES, scale=16.0, margin=0.35),
        losses.CosFaceLoss(CLASSES, DIM, margin=0.35, scale=16.0),
    ),
    "SphereFace": lambda: (
        SphereFaceHead(DIM, CLASSES, margin=4),
        losses.SphereFaceLoss(CLASSES, DIM, margin=4, scale=1.0),
    ),
    "SphereFace with an odd factor": lambda: (
        SphereFaceHead(DIM, CLASSES, margin=3),
        losses.SphereFaceLoss(CLASSES, DIM, margin=3, scale=1.0),
    ),
}


# pytorch-metric-learning hands tensors to SciPy in a way that NumPy gives up.
@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
@pytest.mark.parametrize("name", PAIRS)
def test_heads_equal_pytorch_metric_learning(name):
    head, oracle = PAIRS[name]()
    weight = torch.randn(CLASSES, DIM, requires_grad=True, **exact)
    embeddings = torch.randn(BATCH, DIM, requires_grad=True, **exact)
    labels = torch.randint(CLASSES, (BATCH,))
    oracle.W = torch.nn.Parameter(weight.detach().T.clone())

    logits = torch.func.functional_call(head, {"weight": weight}, (embeddings, labels))
    ours = F.cross_entropy(logits, labels)
    our_gradients = torch.autograd.grad(ours, (embeddings, weight))
    theirs = oracle(embeddings, labels)
    their_gradients = torch.autograd.grad(theirs, (embeddings, oracle.W))

    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(our_gradients[0], their_gradients[0])
    torch.testing.assert_close(our_gradients[1], their_gradients[1].T)


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("scale", [5.0, 10.0])
def test_top_1_margin_loss_is_arcface_with_the_roles_swapped(margin, scale):
    """Classes are the latents, embeddings the codes, each labelled with its nearest."""
    latents = torch.randn(BATCH, DIM, requires_grad=True, **exact)
    codes = torch.randn(CLASSES, DIM, **exact)
    oracle = losses.ArcFaceLoss(BATCH, DIM, margin=math.degrees(margin), scale=scale)
    oracle.W = torch.nn.Parameter(latents.detach().T.clone())
    nearest = (F.normalize(codes) @ F.normalize(latents.detach()).T).argmax(dim=1)

    ours = arc_margin_loss(latents, codes, scale=scale, margin=margin, top_k=1)
    theirs = oracle(codes, nearest)
    ours.backward()
    theirs.backward()
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(latents.grad, oracle.W.grad.T)


@pytest.mark.parametrize("top_k", [1, 3])
def test_margin_loss_without_margin_is_neighbourhood_component_analysis(top_k):
    """Every code has its own cluster of `top_k` latents, its class in NCA."""
    codes = torch.eye(DIM, **exact)
    noise = 0.1 * torch.randn(DIM * top_k, DIM, **exact)
    latents = (codes.repeat_interleave(top_k, dim=0) + noise).requires_grad_()
    code_labels = torch.arange(DIM)
    latent_labels = code_labels.repeat_interleave(top_k)
    oracle = losses.NCALoss(softmax_scale=7.0, distance=CosineSimilarity())

    ours = arc_margin_loss(latents, codes, scale=7.0, margin=0.0, top_k=top_k)
    theirs = oracle(codes, code_labels, ref_emb=latents, ref_labels=latent_labels)
    (our_gradient,) = torch.autograd.grad(ours, latents)
    (their_gradient,) = torch.autograd.grad(theirs, latents)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(our_gradient, their_gradient)


def with_codes_of(oracle, codes):
    for buffer in (oracle._codebook.embed, oracle._codebook.embed_avg):
        buffer.copy_(codes[None])
    return oracle


def test_moving_averages_equal_vector_quantize_pytorch():
    """Its Laplace smoothing is off (eps = 0), as are its start and its restarts."""
    ours = EMAVQ(CLASSES, DIM, decay=0.8, commitment_weight=0.25, restart_below=0.0)
    oracle = VectorQuantize(
        DIM,
        CLASSES,
        decay=0.8,
        eps=0.0,
        commitment_weight=0.25,
        kmeans_init=False,
        threshold_ema_dead_code=0,
        rotation_trick=False,
    )
    with_codes_of(oracle, ours.codebook)
    for _ in range(6):
        tokens = torch.randn(BATCH, DIM)
        quantized, indices, loss = oracle(tokens[None])
        out = ours(tokens)
        assert torch.equal(out.indices, indices[0])
        torch.testing.assert_close(out.quantized, quantized[0])
        torch.testing.assert_close(out.loss, loss.squeeze())
    torch.testing.assert_close(ours.counts, oracle._codebook.cluster_size[0])
    torch.testing.assert_close(ours.sums, oracle._codebook.embed_avg[0])
    torch.testing.assert_close(ours.codebook, oracle._codebook.embed[0])


def test_euclidean_assignment_equals_vector_quantize_pytorch():
    ours, tokens = VQ(CLASSES, DIM).eval(), torch.randn(500, DIM) * 0.1
    oracle = VectorQuantize(DIM, CLASSES, kmeans_init=False).eval()
    with_codes_of(oracle, ours.codebook.detach())
    assert torch.equal(ours.assign(tokens), oracle(tokens[None])[1][0])


def test_cosine_assignment_equals_vector_quantize_pytorch():
    """Its codes are normalised for it; ours are matched at any length."""
    ours, tokens = ArcVQ(CLASSES, DIM).eval(), torch.randn(500, DIM)
    oracle = VectorQuantize(DIM, CLASSES, use_cosine_sim=True).eval()
    with_codes_of(oracle, ours.codebook.detach())
    with torch.no_grad():
        ours.codebook.mul_(torch.linspace(0.1, 10, CLASSES)[:, None])
    assert torch.equal(ours.assign(tokens), oracle(tokens[None])[1][0])

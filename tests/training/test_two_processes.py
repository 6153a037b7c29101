"""Two processes hold one codebook and count one set."""

import os
from datetime import timedelta

import pytest
import torch
from filelock import FileLock
from scipy import stats
from torch import distributed as dist
from torch import multiprocessing
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from arcvq_lite import (
    CVQ,
    EMAVQ,
    FSQ,
    SQVQ,
    VQ,
    VQVAE,
    ArcVQ,
    CodebookUsage,
    FactorizedVQ,
    GroupedVQ,
    GumbelVQ,
    ResidualVQ,
    WassersteinVQ,
)
from arcvq_lite.quantizers.anchors import drawn_anchors, negative_squared_distances

K, D, STEPS = 8, 4, 4

# How long a rank waits for the other before both fail.
PATIENCE = timedelta(seconds=60)

pytestmark = pytest.mark.slow

MODELS = {
    "VQ": lambda: VQ(K, D),
    "EMAVQ": lambda: EMAVQ(K, D, restart_below=0.5),
    "ArcVQ": lambda: ArcVQ(K, D),
    "CVQ": lambda: CVQ(K, D),
    "FactorizedVQ": lambda: FactorizedVQ(K, D, code_dim=2),
    "GroupedVQ": lambda: GroupedVQ([EMAVQ(K, 2), CVQ(K, 2)]),
    "ResidualVQ": lambda: ResidualVQ([EMAVQ(K, D), VQ(K, D)]),
    "FSQ": lambda: FSQ((3,) * D),
    "GumbelVQ": lambda: GumbelVQ(K, D),
    "SQVQ": lambda: SQVQ(K, D),
    "WassersteinVQ": lambda: WassersteinVQ(K, D),
}


def tokens_of(rank, step):
    """Other tokens, and another number of them, on each rank at each step."""
    generator = torch.Generator().manual_seed(10 * step + rank)
    return torch.randn(30 + 10 * rank, D, generator=generator)


def indices_of(rank):
    """Rank 1 sees codes 0 to 2 often, rank 0 sees code 5 once."""
    return torch.tensor([[0, 1, 2] * 7, [5]][1 - rank])


def new_emavq(**options):
    torch.manual_seed(0)
    return EMAVQ(K, D, decay=0.6, **options)


def followed(restart_below, rank):
    quantizer = new_emavq(restart_below=restart_below)
    torch.manual_seed(100 + rank)
    for step in range(STEPS):
        quantizer(tokens_of(rank, step))
    return quantizer.state_dict()


def restarted_far_away(rank):
    """Every code but one is idle and restarts, on tokens that only one rank has."""
    quantizer = new_emavq(restart_below=0.9)
    quantizer.codebook[1:] = 1000.0
    quantizer.sums.copy_(quantizer.codebook)
    torch.manual_seed(100 + rank)
    quantizer(tokens_of(rank, 0))
    return quantizer.state_dict()


def anchored(rank):
    """Anchors of 10,000 codes in one place, from the tokens of both ranks."""
    torch.manual_seed(100 + rank)
    tokens = tokens_of(rank, 0)
    similarities = negative_squared_distances(tokens, torch.zeros(1, D))
    return {"anchors": drawn_anchors(tokens, similarities.expand(-1, 10_000))}


def moved_to_anchors(rank):
    """A codebook of which almost every code is idle."""
    torch.manual_seed(0)
    quantizer = CVQ(K, D)
    torch.manual_seed(100 + rank)
    for step in range(STEPS):
        quantizer(tokens_of(rank, step))
    return quantizer.state_dict()


def usage_figures(rank, batches):
    usage = CodebookUsage(K)
    for batch in batches:
        usage.update(batch)
    return {name: value.item() for name, value in usage.compute().items()}


def trained_in_parallel(name, rank):
    """A model under DistributedDataParallel, begun from other weights on each rank."""
    torch.manual_seed(rank)
    model = DistributedDataParallel(
        VQVAE(1, MODELS[name](), hidden=4, residual_layers=1, residual_hidden=2)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(STEPS):
        generator = torch.Generator().manual_seed(10 * step + rank)
        images = torch.randn(4, 1, 8, 8, generator=generator)
        reconstruction, quantized = model(images, step=step)
        optimizer.zero_grad()
        (F.mse_loss(reconstruction, images) + quantized.loss).backward()
        optimizer.step()
    return model.module.state_dict()


def work(rank, folder):
    """What each process does; it leaves its results in a file of its own."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=(folder / "meeting").as_uri(),
        timeout=PATIENCE,
        rank=rank,
        world_size=2,
    )
    empty = torch.tensor([], dtype=torch.int64)
    results = {
        "followed": followed(0.0, rank),
        "followed, with restarts": followed(1.0, rank),
        "restarted far away": restarted_far_away(rank),
        "anchored": anchored(rank),
        "moved to anchors": moved_to_anchors(rank),
        "usage": usage_figures(rank, [indices_of(rank)]),
        "usage, one rank idle": usage_figures(rank, [[empty, indices_of(0)][rank]]),
        **{name: trained_in_parallel(name, rank) for name in MODELS},
    }
    dist.destroy_process_group()
    torch.save(results, folder / f"rank{rank}.pt")


@pytest.fixture(scope="session")
def ranks(tmp_path_factory):
    """The results of both ranks, made once however many workers pytest-xdist has."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    files = [folder / f"rank{rank}.pt" for rank in (0, 1)]
    with FileLock(folder / "ranks.lock"):
        if not all(file.exists() for file in files):
            multiprocessing.spawn(work, (folder,), nprocs=2)
    return [torch.load(file, weights_only=True) for file in files]


@pytest.mark.parametrize(
    "case",
    [
        "followed",
        "followed, with restarts",
        "restarted far away",
        "anchored",
        "moved to anchors",
        *MODELS,
    ],
)
def test_both_ranks_end_with_the_same_state_bit_for_bit(case, ranks):
    one, other = (rank[case] for rank in ranks)
    assert one.keys() == other.keys()
    for key in one:
        assert torch.equal(one[key], other[key]), key


def test_the_averages_are_those_of_one_process_that_sees_both_halves(ranks):
    alone = new_emavq(restart_below=0.0)
    for step in range(STEPS):
        alone(torch.cat([tokens_of(0, step), tokens_of(1, step)]))
    found = ranks[0]["followed"]
    assert torch.equal(found["counts"], alone.counts)
    torch.testing.assert_close(found["sums"], alone.sums)
    torch.testing.assert_close(found["codebook"], alone.codebook)


def test_idle_codes_restart_on_tokens_of_both_ranks(ranks):
    codes = ranks[0]["restarted far away"]["codebook"][1:]
    on_rank = [
        (codes[:, None] == tokens_of(rank, 0)).all(dim=2).any(dim=1) for rank in (0, 1)
    ]
    assert (on_rank[0] | on_rank[1]).all()
    assert on_rank[0].any()
    assert on_rank[1].any()


def test_anchors_are_drawn_from_the_tokens_of_both_ranks_by_their_distance(ranks):
    anchors = ranks[0]["anchored"]["anchors"]
    tokens = torch.cat([tokens_of(0, 0), tokens_of(1, 0)])
    drawn = (anchors[:, None] == tokens).all(dim=2).sum(dim=0)
    share = torch.softmax(-tokens.double().square().sum(dim=1), dim=0)
    likely = share > 5 / 10_000
    drawn = torch.cat([drawn[likely], drawn[~likely].sum()[None]])
    share = torch.cat([share[likely], share[~likely].sum()[None]])
    assert drawn.sum() == 10_000
    assert stats.chisquare(drawn, 10_000 * share).pvalue > 0.01


def test_usage_is_that_of_both_halves(ranks):
    """The first step's, of a codebook that no rank has moved yet."""
    usage = ranks[0]["moved to anchors"]["usage"]
    assert usage.sum().item() == pytest.approx(1 - 0.99**STEPS)


def test_both_ranks_report_the_usage_of_the_whole_set(ranks):
    both = torch.cat([indices_of(0), indices_of(1)])
    expected = pytest.approx(usage_figures(0, [both]), rel=1e-12)
    assert ranks[0]["usage"] == expected
    assert ranks[1]["usage"] == expected
    assert expected != usage_figures(0, [indices_of(1)])


def test_a_rank_that_saw_nothing_reports_the_whole_set_too(ranks):
    expected = pytest.approx(usage_figures(0, [indices_of(0)]), rel=1e-12)
    assert ranks[0]["usage, one rank idle"] == expected
    assert ranks[1]["usage, one rank idle"] == expected


@pytest.mark.parametrize("name", MODELS)
def test_training_in_parallel_moved_the_codebook(name, ranks):
    torch.manual_seed(0)
    untrained = VQVAE(1, MODELS[name](), hidden=4, residual_layers=1, residual_hidden=2)
    before, after = untrained.quantizer.state_dict(), ranks[0][name]
    assert not before or any(
        not torch.equal(after[f"quantizer.{key}"], value)
        for key, value in before.items()
    )

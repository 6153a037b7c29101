"""Both ways to train on a batch, in two processes."""

from datetime import timedelta

import pytest
import torch
from one_update import (
    MIDDLE,
    OBJECTIVE,
    STEP,
    UPDATES,
    assert_same_gradients,
    both,
    images_of,
    new_autoencoder,
    new_critic,
    run,
)
from torch import distributed as dist
from torch import multiprocessing
from torch.nn.parallel import DistributedDataParallel

from arcvq_lite import ArcVQ


def plain_parts():
    """Parts of which a half's gradient is a part of the whole batch's.

    The margin's softmax sees the latents of one process alone, and so do batch
    norms, but for statistics that are fixed.
    """
    torch.manual_seed(2)
    return new_autoencoder(ArcVQ(8, 4, margin=None)), new_critic().eval()


def gradients_in(seen):
    return {part: seen.gradients[part, part] for part in ("autoencoder", "critic")}


def one_update(rank, name, *, accumulate=1):
    autoencoder, critic = map(DistributedDataParallel, plain_parts())
    for part in range(accumulate - 1):
        with autoencoder.no_sync(), critic.no_sync():
            run(name, autoencoder, critic, images_of(10 * part + 10 + rank))
    return gradients_in(run(name, autoencoder, critic, images_of(rank))[1])


def trained(rank, name):
    """The weights after steps on both sides of the critic's first one."""
    torch.manual_seed(rank)
    autoencoder = DistributedDataParallel(new_autoencoder())
    critic = DistributedDataParallel(new_critic())
    optimizers = [
        torch.optim.Adam(module.parameters(), lr=1e-3, betas=(0.5, 0.9))
        for module in (autoencoder, critic)
    ]

    def stepping(optimizer):
        def step():
            optimizer.step()
            optimizer.zero_grad()

        return step

    for step in range(STEP - 2, STEP + 2):
        UPDATES[name](
            autoencoder,
            critic,
            OBJECTIVE,
            images_of(10 * step + rank),
            step,
            last_layer=autoencoder.module.last_layer,
            step_autoencoder=stepping(optimizers[0]),
            step_critic=stepping(optimizers[1]),
        )
    return {
        **dict(autoencoder.module.named_parameters(prefix="autoencoder")),
        **dict(critic.module.named_parameters(prefix="critic")),
    }


def work(rank, folder):
    """What each process does; it leaves its results in a file of its own."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=(folder / "meeting").as_uri(),
        timeout=timedelta(seconds=120),
        rank=rank,
        world_size=2,
    )
    results = {
        name: {
            "once": one_update(rank, name),
            "accumulated": one_update(rank, name, accumulate=2),
            "trained": trained(rank, name),
        }
        for name in UPDATES
    }
    dist.destroy_process_group()
    torch.save(results, folder / f"rank{rank}.pt")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.spawn(work, (folder,), nprocs=2)
    return [torch.load(folder / f"rank{n}.pt", weights_only=True) for n in (0, 1)]


@pytest.mark.slow
def test_fast_gradients_of_two_ranks_are_those_of_the_whole_batch(ranks):
    whole = torch.cat([images_of(0), images_of(1)])
    expected = gradients_in(run("fast", *plain_parts(), whole)[1])
    for rank in ranks:
        for part in expected:
            assert_same_gradients(expected[part], rank["fast"]["once"][part])


@pytest.mark.slow
def test_official_gradients_of_two_ranks_are_the_mean_of_each_ones_own(ranks):
    """Each rank has a weight of its own, so no whole batch has these gradients."""
    halves = [
        gradients_in(run("official", *plain_parts(), images_of(rank))[1])
        for rank in (0, 1)
    ]
    for rank in ranks:
        for part, found in rank["official"]["once"].items():
            mean = {k: (halves[0][part][k] + halves[1][part][k]) / 2 for k in found}
            assert_same_gradients(mean, found)


@pytest.mark.slow
@both
def test_accumulated_gradients_are_reduced_once_for_all(name, ranks):
    one, other = (rank[name]["accumulated"] for rank in ranks)
    once = ranks[0][name]["once"]
    for part, key in (("autoencoder", "quantizer.codebook"), ("critic", MIDDLE)):
        assert not torch.equal(one[part][key], once[part][key])
    for part, found in one.items():
        assert all(torch.equal(found[key], other[part][key]) for key in found)


@pytest.mark.slow
@both
def test_both_ranks_end_with_the_same_weights_bit_for_bit(name, ranks):
    one, other = (rank[name]["trained"] for rank in ranks)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert not torch.equal(one[f"critic.{MIDDLE}"], new_critic().state_dict()[MIDDLE])
    last = "decoder.conv_out.weight"
    assert not torch.equal(one[f"autoencoder.{last}"], new_autoencoder().last_layer)

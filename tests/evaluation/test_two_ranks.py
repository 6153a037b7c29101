"""Two processes that share a set find what one finds in the whole of it."""

import json
import os
from datetime import timedelta

import pytest
import torch
from filelock import FileLock
from small_models import hyperspherical_vae, pictures, save_image, vqgan, vqvae
from torch import distributed as dist
from torch import multiprocessing

from arcvq_lite.data.batches import one_pass
from arcvq_lite.data.source import open_source
from arcvq_lite.evaluation import evaluate_images, random_extractor

PATIENCE = timedelta(seconds=60)

pytestmark = pytest.mark.slow

MODELS = {
    "VQVAE": vqvae,
    "VQGAN": vqgan,
    "HypersphericalVAE": hyperspherical_vae,
}


def write_pictures(folder):
    """Seven images: two ranks cannot share them, nor the batches, evenly."""
    folder.mkdir()
    for number, image in enumerate(pictures(7)):
        save_image(image, folder / f"{number}.png")


def evaluated(name, folder, rank=0, world_size=1, protocol="clean"):
    source = open_source(folder)
    share = {"rank": rank, "world_size": world_size}
    batches = one_pass(source, size=32, batch_size=3, **share)
    found = evaluate_images(
        MODELS[name](),
        (batch.images for batch in batches),
        fid=random_extractor(),
        protocol=protocol,
    )
    return json.loads(found.to_json())


def idle_rank(rank):
    """Rank 1 has all the images, rank 0 none."""
    batches = [[], [pictures(4)]][rank]
    found = evaluate_images(vqvae(), batches, fid=random_extractor())
    return json.loads(found.to_json())


def work(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=(folder / "meeting of evaluators").as_uri(),
        timeout=PATIENCE,
        rank=rank,
        world_size=2,
    )
    found = {
        f"{name}, {protocol}": evaluated(
            name, folder / "pictures", rank, world_size=2, protocol=protocol
        )
        for name in MODELS
        for protocol in ("clean", "paper")
    }
    found["idle"] = idle_rank(rank)
    dist.destroy_process_group()
    (folder / f"evaluated{rank}.json").write_text(json.dumps(found))


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """What both ranks found, once however many workers pytest-xdist has."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    files = [folder / f"evaluated{rank}.json" for rank in (0, 1)]
    with FileLock(folder.with_suffix(".lock")):
        if not all(file.exists() for file in files):
            folder.mkdir()
            write_pictures(folder / "pictures")
            multiprocessing.spawn(work, (folder,), nprocs=2)
    return folder, [json.loads(file.read_text()) for file in files]


@pytest.mark.parametrize("protocol", ["clean", "paper"])
@pytest.mark.parametrize("name", MODELS)
def test_two_ranks_give_the_numbers_of_one(name, protocol, shared):
    folder, ranks = shared
    alone = evaluated(name, folder / "pictures", protocol=protocol)
    for rank in ranks:
        found = rank[f"{name}, {protocol}"]
        assert found["scores"] == pytest.approx(alone["scores"], rel=1e-6, abs=1e-6)
        assert found["processes"] == 2
        for told in ("images", "image_shape", "tokens", "measures", "model"):
            assert found[told] == alone[told]
    assert alone["images"] == 7


def test_both_ranks_get_the_same(shared):
    _, (one, other) = shared
    assert one == other


def test_a_rank_without_images_reports_the_whole_set_too(shared):
    _, ranks = shared
    alone = evaluate_images(vqvae(), [pictures(4)], fid=random_extractor())
    for rank in ranks:
        found = rank["idle"]
        assert found["scores"] == pytest.approx(alone.scores, rel=1e-6)
        assert found["image_shape"] == [3, 32, 32]
        assert found["images"] == 4

import gc
import itertools
import multiprocessing
import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import Held, encoded, held, picture, save_classes

from arcvq_lite.data import batch_reading
from arcvq_lite.data.batches import Batches, TooManySubstitutesError, one_pass
from arcvq_lite.data.crops import CentreCrop, RandomCrop
from arcvq_lite.data.decoding import decode
from arcvq_lite.data.order import ShuffledOrder
from arcvq_lite.data.shard_writing import write_shards
from arcvq_lite.data.source import open_source

SOURCE = held(13)


def batches(source=SOURCE, **options):
    options = {"size": 8, "batch_size": 4, "seed": 1} | options
    return Batches(source, **options)


def first(count, made):
    return list(itertools.islice(iter(made), count))


def same(a, b):
    return (
        torch.equal(a.images, b.images)
        and torch.equal(a.labels, b.labels)
        and torch.equal(a.indices, b.indices)
        and a.substituted == b.substituted
    )


def all_same(some, others):
    return len(some) == len(others) and all(map(same, some, others))


def test_a_batch_is_images_in_range_with_their_labels_and_numbers():
    for batch in first(5, batches()):
        assert batch.images.shape == (4, 3, 8, 8)
        assert batch.images.dtype == torch.float32
        assert -1 <= batch.images.min() < -0.3 < 0.3 < batch.images.max() <= 1
        assert batch.labels.dtype == batch.indices.dtype == torch.int64
        assert (batch.labels == batch.indices % 3).all()
        assert batch.substituted == 0


def test_the_images_are_the_crops_that_the_order_draws():
    order = ShuffledOrder(13, 4, 1)
    for step, batch in enumerate(first(7, batches())):
        assert batch.indices.tolist() == order.indices(step).tolist()
        for image, index in zip(batch.images, batch.indices.tolist(), strict=True):
            pixels = decode(SOURCE.contents[index])
            levels = RandomCrop()(pixels, 8, order.words(step, index))
            torch.testing.assert_close(image, levels / 127.5 - 1)


def test_crops_change_from_epoch_to_epoch():
    by_epoch = {}
    for step, batch in enumerate(first(30, batches(augment=RandomCrop()))):
        for image, index in zip(batch.images, batch.indices.tolist(), strict=True):
            by_epoch.setdefault(index, []).append((step // 3, image))
    seen = by_epoch[5]
    assert len(seen) > 5
    assert any(not torch.equal(seen[0][1], image) for _, image in seen[1:])


@settings(max_examples=15)
@given(st.sampled_from([1, 2, 3, 6]), st.integers(0, 9), st.integers(0, 2**64 - 1))
def test_ranks_and_restarts_change_nothing(world_size, start, seed):
    whole = first(12, batches(batch_size=6, seed=seed))
    ranks = [
        first(
            12 - start,
            batches(
                batch_size=6, seed=seed, first=start, rank=rank, world_size=world_size
            ),
        )
        for rank in range(world_size)
    ]
    for step in range(12 - start):
        parts = [ranks[rank][step] for rank in range(world_size)]
        assert torch.equal(
            torch.cat([part.images for part in parts]), whole[start + step].images
        )
        assert torch.equal(
            torch.cat([part.indices for part in parts]), whole[start + step].indices
        )


def test_a_folder_and_its_shards_give_the_same_batches(tmp_path):
    folder = open_source(save_classes(tmp_path / "images"))
    write_shards(folder, tmp_path / "shards", 5)
    shards = open_source(tmp_path / "shards")
    assert all_same(first(8, batches(folder)), first(8, batches(shards)))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing_and_stop_with_the_iterator(tmp_path, workers):
    folder = open_source(save_classes(tmp_path / "images"))
    write_shards(folder, tmp_path / "shards", 5)
    made = batches(open_source(tmp_path / "shards"), first=3)
    state = torch.random.get_rng_state()
    iterator = iter(replace(made, workers=workers))
    read = list(itertools.islice(iterator, 9))
    assert len(multiprocessing.active_children()) == workers
    iterator.close()
    assert not multiprocessing.active_children()
    assert all_same(read, first(9, made))
    assert torch.equal(torch.random.get_rng_state(), state)


def said_by_the_worker(source):
    # While an error is held, so are the frames that hold the workers.
    try:
        return first(1, batches(source, workers=1))
    except ValueError as error:
        return str(error)


@pytest.mark.slow
def test_a_fault_in_a_worker_stops_the_run_and_names_the_file(tmp_path):
    source = open_source(save_classes(tmp_path))
    for number in range(len(source)):
        (tmp_path / source.names[number]).write_bytes(b"no picture")
    assert re.search(r"not one of the 12 images .*\.JPEG", said_by_the_worker(source))
    gc.collect()  # the error and its frames hold each other
    assert not multiprocessing.active_children()


def test_reading_here_leaves_the_random_state_alone():
    state = torch.random.get_rng_state()
    first(3, batches())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_an_image_that_cannot_be_decoded_gives_way_to_the_next_that_can():
    sound, broken = held(13), held(13, broken={5, 6, 12})
    stand_ins = {5: 7, 6: 7, 12: 0}
    substituted = 0
    for wanted, got in zip(
        first(9, batches(sound)), first(9, batches(broken)), strict=True
    ):
        expected = [stand_ins.get(n, n) for n in wanted.indices.tolist()]
        assert got.indices.tolist() == expected
        assert got.labels.tolist() == [n % 3 for n in expected]
        kept = wanted.indices == got.indices
        assert torch.equal(got.images[kept], wanted.images[kept])
        assert got.substituted == (~kept).sum()
        substituted += got.substituted
    assert substituted > 3


def test_a_stand_in_is_cropped_as_the_image_would_have_been():
    two = Held([encoded(picture(0, (40, 20)), "PNG")] * 2)
    spoilt = Held([b"", two.contents[1]])
    for wanted, got in zip(
        first(6, batches(two, batch_size=2)),
        first(6, batches(spoilt, batch_size=2)),
        strict=True,
    ):
        assert torch.equal(wanted.images, got.images)


def test_too_many_substitutes_stop_the_run_and_are_named():
    seen = []
    made = batches(held(10, broken={2, 7}), batch_size=5, max_substituted=0.1)
    numbers = (seen.append(len(batch.indices)) for batch in made)
    with pytest.raises(
        TooManySubstitutesError, match=r"more than max_substituted=0\.1"
    ) as caught:
        list(numbers)
    assert "picture-2.png: truncated" in str(caught.value)
    assert "picture-7.png" in str(caught.value)
    # 20 % are broken and 10 % of at least 1,000 are put up with: 100 of 500.
    assert 490 <= sum(seen) <= 510


def test_a_share_that_is_not_exceeded_never_stops_the_run():
    made = batches(held(10, broken={2}), batch_size=5, max_substituted=0.11)
    assert sum(batch.substituted for batch in first(500, made)) == 250


def test_no_substitute_at_all_may_be_asked_for():
    made = batches(held(13, broken={4}), max_substituted=0)
    with pytest.raises(TooManySubstitutesError, match=r"1 of the .*\n  picture-4\.png"):
        first(30, made)


def test_long_lists_of_names_are_cut():
    made = batches(held(60, broken=set(range(50))), batch_size=60, max_substituted=0)
    with pytest.raises(TooManySubstitutesError, match=r"… and 30 more$"):
        first(1, made)


def test_a_set_without_one_picture_is_refused():
    with pytest.raises(ValueError, match=r"not one of the 4 images can be decoded"):
        first(1, batches(held(4, broken=set(range(4)))))


@pytest.mark.parametrize("fault", [FileNotFoundError(), PermissionError()])
def test_a_file_that_is_missing_or_closed_gives_way(fault):
    source = held(4)
    source.contents[2] = fault
    assert first(1, batches(source))[0].substituted == 1


def test_a_fault_of_the_storage_stops_the_run():
    source = held(4)
    source.contents[2] = OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output error"):
        first(1, batches(source))


@given(st.integers(1, 15), st.integers(1, 20), st.integers(1, 4))
@settings(max_examples=15)
def test_one_pass_shows_every_image_once_over_all_ranks(images, batch_size, world_size):
    source = Held(SOURCE.contents[:1] * images)
    seen = [
        one_pass(
            source, size=4, batch_size=batch_size, rank=rank, world_size=world_size
        )
        for rank in range(world_size)
    ]
    indices = [index for rank in seen for b in rank for index in b.indices.tolist()]
    assert sorted(indices) == list(range(images))


def test_one_pass_is_in_order_with_central_crops():
    made = list(one_pass(SOURCE, size=8, batch_size=5))
    assert [len(batch.indices) for batch in made] == [5, 5, 3]
    images = torch.cat([batch.images for batch in made])
    for image, content in zip(images, SOURCE.contents, strict=True):
        levels = CentreCrop()(decode(content), 8, (0, 0, 0))
        torch.testing.assert_close(image, levels / 127.5 - 1)


def test_training_decodes_large_jpegs_reduced_and_one_pass_never_does(monkeypatch):
    asked = []

    def spy(content, shorter):
        asked.append(shorter)
        return decode(content, shorter=shorter)

    monkeypatch.setattr(batch_reading, "decode", spy)
    first(1, batches())
    assert asked == [8] * 4
    list(one_pass(SOURCE, size=8, batch_size=13))
    assert asked[4:] == [None] * 13


def test_one_pass_stops_at_a_broken_image():
    made = one_pass(held(6, broken={3}), size=8, batch_size=2)
    assert next(made).indices.tolist() == [0, 1]
    with pytest.raises(TooManySubstitutesError, match=r"picture-3\.png"):
        next(made)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 0}, r"size=0 must be at least 1"),
        ({"first": -1}, r"first=-1 must be at least 0"),
        ({"workers": -1}, r"workers=-1 must be at least 0"),
        ({"max_substituted": 2}, r"max_substituted=2 must lie in \[0, 1\]"),
        ({"batch_size": 14}, r"batch_size=14 must lie in 1 … 13"),
        ({"world_size": 3}, r"batch_size=4 .* multiple of world_size=3"),
        ({"rank": 1}, r"rank=1 must lie in"),
        ({"seed": 2**64}, r"seed=18446744073709551616 must lie in"),
    ],
)
def test_options_are_checked_before_anything_is_read(options, said):
    with pytest.raises(ValueError, match=said):
        batches(**options)
    with pytest.raises(ValueError, match=r"rank=5"):
        one_pass(SOURCE, size=8, batch_size=2, rank=5)


def test_epochs_are_counted():
    assert [batches().epoch(step) for step in (0, 2, 3, 8)] == [0, 0, 1, 2]

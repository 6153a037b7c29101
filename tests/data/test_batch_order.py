import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcvq_lite.data.batch_reading import Share
from arcvq_lite.data.order import FileOrder, ShuffledOrder, crop_words, permutation

seeds = st.integers(0, 2**64 - 1)
epochs = st.integers(0, 10**6)


@given(st.integers(1, 300), seeds, epochs)
def test_a_permutation_has_each_index_once(images, seed, epoch):
    assert sorted(permutation(images, seed, epoch)) == list(range(images))


def test_the_order_is_the_same_in_every_release():
    assert permutation(10, 0, 0).tolist() == [0, 2, 9, 1, 8, 5, 4, 3, 6, 7]
    assert permutation(10, 2**64 - 1, 7).tolist() == [3, 0, 7, 4, 6, 9, 8, 1, 5, 2]
    assert crop_words(3, 2, 1) == (
        12988669440987100080,
        18194250291256366782,
        15897485341500006687,
    )


@given(seeds, st.integers(0, 10**6))
def test_epochs_and_seeds_shuffle_anew(seed, epoch):
    here = permutation(1000, seed, epoch)
    assert (here != permutation(1000, seed, epoch + 1)).mean() > 0.9
    assert (here != permutation(1000, (seed + 1) % 2**64, epoch)).mean() > 0.9


def test_every_place_is_as_likely_for_every_index():
    counts = np.zeros((5, 5))
    for epoch in range(4000):
        counts[np.arange(5), permutation(5, 0, epoch)] += 1
    assert np.abs(counts / 4000 - 0.2).max() < 0.03


def test_crop_words_differ_by_seed_epoch_and_index_and_cover_their_range():
    words = np.array(
        [
            crop_words(seed, epoch, index)
            for seed in (0, 1)
            for epoch in range(20)
            for index in range(50)
        ]
    )
    assert len(np.unique(words)) == words.size
    assert np.abs(words.mean(0) / 2.0**64 - 0.5).max() < 0.05


@given(st.data(), st.integers(1, 60), seeds)
def test_an_epoch_has_no_image_twice_and_drops_only_the_last_few(data, images, seed):
    batch_size = data.draw(st.integers(1, images))
    order = ShuffledOrder(images, batch_size, seed)
    per_epoch = images // batch_size
    seen = np.concatenate([order.indices(step) for step in range(per_epoch)])
    assert len(set(seen.tolist())) == len(seen) == per_epoch * batch_size
    assert images - len(seen) < batch_size
    assert [order.epoch(step) for step in (0, per_epoch - 1, per_epoch)] == [0, 0, 1]


@given(st.data(), st.integers(1, 60), seeds)
def test_a_batch_does_not_depend_on_those_asked_before(data, images, seed):
    batch_size = data.draw(st.integers(1, images))
    order = ShuffledOrder(images, batch_size, seed)
    for step in data.draw(st.lists(st.integers(0, 500), min_size=1, max_size=6)):
        fresh = ShuffledOrder(images, batch_size, seed)
        np.testing.assert_array_equal(order.indices(step), fresh.indices(step))


@given(st.integers(1, 40), st.integers(1, 12))
def test_the_shares_of_all_ranks_make_up_the_batch_in_order(images, world_size):
    batch = np.arange(images)
    shares = [Share(rank, world_size).of(batch) for rank in range(world_size)]
    np.testing.assert_array_equal(np.concatenate(shares), batch)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= (images % world_size > 0)


@given(st.integers(1, 40), st.integers(1, 50))
def test_one_pass_has_every_image_in_order(images, batch_size):
    order = FileOrder(images, batch_size)
    batches = [order.indices(step) for step in range(order.steps)]
    assert np.concatenate(batches).tolist() == list(range(images))
    assert all(len(batch) == batch_size for batch in batches[:-1])


def test_what_is_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"batch_size=9 must lie in 1 … 8"):
        ShuffledOrder(8, 9, 0)
    with pytest.raises(ValueError, match=r"seed=-1 must lie in 0"):
        ShuffledOrder(8, 4, -1)
    with pytest.raises(ValueError, match=r"batch_size=0"):
        FileOrder(8, 0)
    with pytest.raises(ValueError, match=r"rank=2 must lie in .* 1"):
        Share(2, 2)

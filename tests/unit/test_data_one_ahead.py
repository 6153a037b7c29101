"""Items come in order, one of them ahead, and errors come where they belong."""

import itertools
import threading
from contextlib import closing

import pytest

from arcvq_lite.data.one_ahead import one_ahead


@pytest.mark.parametrize("count", [0, 1, 2, 17])
def test_the_items_and_their_order_are_kept(count):
    assert list(one_ahead(range(count))) == list(range(count))


def test_the_next_item_is_made_while_the_present_one_is_used():
    made = [threading.Event() for _ in range(4)]

    def items():
        for number, event in enumerate(made):
            event.set()
            yield number

    with closing(one_ahead(items())) as ahead:
        assert next(ahead) == 0
        assert made[1].wait(timeout=60)
        assert not made[2].wait(timeout=0.2)
        assert next(ahead) == 1
        assert made[2].wait(timeout=60)


def test_items_are_made_in_one_thread_which_ends_with_them():
    before = threading.active_count()
    with closing(one_ahead(threading.get_ident() for _ in itertools.count())) as ahead:
        threads = set(itertools.islice(ahead, 5))
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert threading.active_count() == before


def test_an_error_comes_when_its_item_is_asked_for():
    def items():
        yield 1
        raise OSError("the disk is gone")

    ahead = one_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
    assert list(ahead) == []

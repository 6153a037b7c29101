"""Chapter 12's checkers pass right answers and name the usual wrong ideas."""

import pytest
import torch

from arcvq_lite import check
from arcvq_lite.check.whole_file import NAME, NEW, OLD, strikes
from arcvq_lite.data.order import ShuffledOrder


def share(order, place, size, rank, world):
    return order[place * size :][:size].chunk(world)[rank]


def by_steps(step, images, size):
    """Walk there batch by batch."""
    epoch, place, left = 0, 0, images
    for _ in range(step):
        place, left = place + 1, left - size
        if left < size:
            epoch, place, left = epoch + 1, 0, images
    return epoch, place


def whole(disk, name, content):
    disk.write(".new", content)
    disk.sync(".new")
    disk.rename(".new", name)
    disk.sync_folder()


def careful(disk, name, content):
    """More syncs than are needed, and the old file kept under another name."""
    disk.write("aside", content)
    disk.sync("aside")
    disk.sync_folder()
    disk.rename("aside", name)
    disk.sync_folder()


def in_place(disk, name, content):
    disk.write(name, content)
    disk.sync(name)
    disk.sync_folder()


def removed_first(disk, name, content):
    disk.write(".new", content)
    disk.sync(".new")
    disk.remove(name)
    disk.rename(".new", name)
    disk.sync_folder()


def unsynced(disk, name, content):
    disk.write(".new", content)
    disk.rename(".new", name)
    disk.sync_folder()


def synced_late(disk, name, content):
    disk.write(".new", content)
    disk.rename(".new", name)
    disk.sync(name)
    disk.sync_folder()


def folder_forgotten(disk, name, content):
    disk.write(".new", content)
    disk.sync(".new")
    disk.rename(".new", name)


def left_aside(disk, name, content):
    disk.write(".new", content)
    disk.sync(".new")
    disk.sync_folder()


def hours(runs, looks, seconds=3600.0):
    def answer(autoencoder, vgg, images, peak, share):
        flops = (runs * autoencoder + looks * vgg) * 1e9 * images
        return flops / (peak * 1e12 * share) / seconds

    return answer


RIGHT = [
    (check.rank_slice, share),
    (
        check.rank_slice,
        lambda o, p, b, r, w: [int(o[p * b + r * (b // w) + i]) for i in range(b // w)],
    ),
    (check.epoch_and_place, lambda t, n, b: divmod(t, n // b)),
    (check.epoch_and_place, by_steps),
    (check.epoch_and_place, lambda t, n, b: torch.tensor(divmod(t, n // b))),
    (check.whole_save, whole),
    (check.whole_save, careful),
    (check.training_hours, hours(4, 3)),
    (check.training_hours, lambda a, v, n, p, u: n * (4 * a + 3 * v) / p / u / 3.6e6),
]
WRONG = [
    (check.rank_slice, lambda o, p, b, r, w: o[p * b :][:b][r::w], "every world_size"),
    (check.rank_slice, lambda o, p, b, r, w: o[(p * w + r) * b :][:b], "over all"),
    (check.rank_slice, lambda o, p, b, r, w: o[p * b :][:b], "whole batch"),
    (check.rank_slice, lambda o, p, b, r, w: share(o, 0, b, r, w), "place is left"),
    (check.rank_slice, lambda o, p, b, r, w: share(o, p, b, 0, w), "rank is left"),
    (
        check.rank_slice,
        lambda o, p, b, r, w: share(torch.arange(len(o)), p, b, r, w),
        "look them up",
    ),
    (
        check.rank_slice,
        lambda o, p, b, r, w: o[r * (len(o) // w) :][p * (b // w) :][: b // w],
        "cut into one block",
    ),
    (check.rank_slice, lambda o, p, b, r, w: o[:3], "it should have"),
    (check.rank_slice, lambda o, p, b, r, w: 3, "Return the images"),
    (
        check.epoch_and_place,
        lambda t, n, b: (t * b // n, t * b % n // b),
        "counted through",
    ),
    (check.epoch_and_place, lambda t, n, b: divmod(t, -(-n // b)), "incomplete last"),
    (check.epoch_and_place, lambda t, n, b: divmod(t, n // b)[::-1], "exchanged"),
    (
        check.epoch_and_place,
        lambda t, n, b: (t // (n // b) + 1, t % (n // b)),
        "from 0",
    ),
    (
        check.epoch_and_place,
        lambda t, n, b: (t // (n // b), t % (n // b) * b),
        "first image",
    ),
    (check.epoch_and_place, lambda t, n, b: (7, 7), "you return (7, 7)"),
    (check.epoch_and_place, lambda t, n, b: 3, "two whole numbers"),
    (check.whole_save, in_place, "not over it"),
    (check.whole_save, removed_first, "remove nothing first"),
    (check.whole_save, unsynced, "before the rename"),
    (check.whole_save, synced_late, "before the rename"),
    (check.whole_save, folder_forgotten, "not safe before sync_folder()"),
    (check.whole_save, left_aside, "not the content given"),
    (check.whole_save, lambda d, n, c: d.sync("x"), "FileNotFoundError"),
    (check.training_hours, hours(3, 3), "without recomputation"),
    (check.training_hours, hours(4, 6), "need no gradient"),
    (check.training_hours, hours(4, 2), "walk back through the VGG"),
    (check.training_hours, hours(4, 0), "VGG is missing"),
    (check.training_hours, hours(4, 3, 1.0), "seconds"),
    (
        check.training_hours,
        lambda a, v, n, p, u: hours(4, 3)(a, v, n, p, u) * u * u,
        "is multiplied",
    ),
    (
        check.training_hours,
        lambda a, v, n, p, u: hours(4, 3)(a, v, n, p, 1.0),
        "nobody reaches",
    ),
    (check.training_hours, lambda a, v, n, p, u: 1.0, "you return 1"),
]
CHECKERS = list(dict.fromkeys(checker for checker, _ in RIGHT))


@pytest.mark.parametrize(("checker", "answer"), RIGHT)
def test_right_answers_pass(checker, answer):
    verdict = checker(answer)
    assert verdict.passed, verdict
    assert "✓" in repr(verdict)


@pytest.mark.parametrize(("checker", "answer", "said"), WRONG)
def test_wrong_answers_are_named(checker, answer, said):
    verdict = checker(answer)
    assert not verdict.passed
    assert said in verdict.message


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.__name__)
def test_no_answer_is_not_attempted(checker):
    for empty in (None, ..., lambda *question: None):
        verdict = checker(empty)
        assert not verdict.passed
        assert "Not attempted yet" in verdict.message


def test_the_epoch_is_the_library_s():
    order = ShuffledOrder(26, 8, seed=0)
    assert [order.epoch(step) for step in range(9)] == [
        by_steps(step, 26, 8)[0] for step in range(9)
    ]


def test_a_strike_leaves_what_the_disk_had_safe():
    done, *struck = strikes(whole)
    assert done.after_a_strike(NAME) == [NEW, NEW]
    assert [disk.after_a_strike(NAME) for disk in struck] == [
        [OLD, OLD],
        [OLD, OLD],
        [NEW, OLD],
        [NEW, NEW],
    ]

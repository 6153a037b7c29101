"""A run killed at thirty moments ends bit for bit like one that never was."""

import contextlib
import itertools
import os
import random
import signal
import threading
import time

import pytest
from small_runs import (
    VQGAN,
    die,
    final_state,
    finish,
    log_of,
    pictures_of,
    same,
    small_images,
    small_run,
    start,
    train_here,
)

from arcvq_lite.training.checkpoint import CheckpointStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL"),
]

KILLS = 30
STEPS = 60
CALLS_OF_A_SAVE = 20
# What a save does to the disk, one call at a time.
DISK = ("fsync", "rename", "unlink", "rmdir")


def killed_in_a_save(options, call, torn, done):
    """Train, and die at the n-th thing that saves do to the disk.

    Args:
        call: n.
        torn: die with the file half written, if n is the sync of a file.
        done: die after the call, not before it.
    """
    calls = 0
    inside = False
    save = CheckpointStore.save

    def watched_save(*arguments):
        nonlocal inside
        inside = True
        try:
            return save(*arguments)
        finally:
            inside = False

    def watch(name):
        really = getattr(os, name)

        def watched(*arguments, **keywords):
            nonlocal calls
            calls += inside
            if inside and calls == call:
                if torn and name == "fsync":
                    tear(arguments[0])
                elif done:
                    really(*arguments, **keywords)
                die()
            return really(*arguments, **keywords)

        setattr(os, name, watched)

    CheckpointStore.save = watched_save
    for name in DISK:
        watch(name)
    train_here(options)


def tear(descriptor):
    with contextlib.suppress(OSError):  # it may be a folder
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)


def killed_after(options, seconds):
    """Train, and die after some seconds, wherever that is."""
    killer = threading.Timer(seconds, die)
    killer.daemon = True
    killer.start()
    train_here(options)


def test_thirty_kills_leave_no_trace(tmp_path):
    images = small_images(tmp_path / "images")
    undisturbed = vqgan_run(images, tmp_path / "undisturbed")
    started = time.monotonic()
    assert finish(start(train_here, undisturbed)) == 0
    seconds = time.monotonic() - started

    draw = random.Random(0)
    runs = (vqgan_run(images, tmp_path / f"killed {run}") for run in itertools.count())
    options = next(runs)
    killed = 0
    while killed < KILLS:
        if killed % 2:
            child = start(killed_after, options, draw.uniform(0, seconds / 6))
        else:
            call = draw.randrange(1, 3 * CALLS_OF_A_SAVE)
            torn, done = draw.random() < 0.3, draw.random() < 0.5
            child = start(killed_in_a_save, options, call, torn, done)
        if finish(child) == -signal.SIGKILL:
            killed += 1
        else:  # it came to its end before the moment did
            assert_same_run(options, undisturbed)
            options = next(runs)
    assert finish(start(train_here, options)) == 0
    assert_same_run(options, undisturbed)


def vqgan_run(images, folder):
    """Critic with batch norm, two optimisers, running mean, several epochs."""
    return small_run(images, folder, vqgan=VQGAN, ema_decay=0.9, steps=STEPS)


def assert_same_run(one, other):
    folders = one.run.folder, other.run.folder
    assert len({log_of(folder) for folder in folders}) == 1
    assert same(*map(final_state, folders))
    assert pictures_of(folders[0]) == pictures_of(folders[1])

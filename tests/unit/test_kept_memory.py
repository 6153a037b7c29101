"""Freed memory is kept for as long as it is wanted, and given back at the end."""

import platform
import sys

import pytest
import torch

from arcvq_lite import kept_memory
from arcvq_lite.bench.own_process import in_own_process
from arcvq_lite.kept_memory import freed_memory_kept

glibc_only = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc",
    reason="the allocator is not glibc's",
)
LARGE = 64 << 20  # bytes, beyond what glibc ever keeps by itself


def fault_count():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def faults_of_a_block():
    """Pages that the system brings while a large block is filled and freed."""
    before = fault_count()
    torch.ones(LARGE, dtype=torch.uint8)
    return fault_count() - before


def faults_one_after_another():
    faults_of_a_block()
    usual = faults_of_a_block()
    with freed_memory_kept():
        kept = [faults_of_a_block() for _ in range(40)]
    return usual, kept, faults_of_a_block()


@glibc_only
def test_blocks_soon_cost_no_page_of_the_system_and_are_given_back():
    # In a process of its own, where nobody else has left free memory behind.
    usual, kept, after = in_own_process(faults_one_after_another)
    assert min(usual, kept[0], after) > 1_000
    # glibc keeps seven of the small pieces beside aligned blocks, and with each of them
    # a hole that is a little too small for the next block.
    assert max(kept[10:]) < 100


@glibc_only
def test_an_error_ends_it_too(monkeypatch):
    calls = []
    monkeypatch.setattr(
        kept_memory,
        "_glibc",
        lambda: (lambda *given: calls.append(given), lambda pad: calls.append(pad)),
    )

    def fail():
        with freed_memory_kept():
            calls.append("kept")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert calls.index("kept") == 2
    assert calls[-1] == 0
    assert len(calls) == 7


def test_elsewhere_it_changes_nothing(monkeypatch):
    monkeypatch.setattr(kept_memory.sys, "platform", "darwin")
    assert kept_memory._glibc() is None
    with freed_memory_kept():
        assert torch.ones(2).sum() == 2

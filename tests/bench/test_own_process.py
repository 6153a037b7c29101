"""A benchmark is measured in a process of its own."""

import os
import pickle

import pytest
import torch
from ways import a_benchmark

from arcvq_lite.bench.benchmark import DisagreementError
from arcvq_lite.bench.list import benchmarks
from arcvq_lite.bench.measuring import measure_quickly
from arcvq_lite.bench.own_process import in_own_process


def process_and_threads():
    return os.getpid(), torch.get_num_threads()


def test_it_is_another_process_every_time_with_as_many_threads():
    found = [in_own_process(process_and_threads) for _ in range(2)]
    pids = {os.getpid(), *(pid for pid, _ in found)}
    assert len(pids) == 3
    assert {threads for _, threads in found} == {torch.get_num_threads()}


def test_a_record_comes_back_and_so_does_a_refusal():
    record = in_own_process(measure_quickly, a_benchmark(), 1)
    assert record.entries[0].seconds[0] > 0
    with pytest.raises(DisagreementError, match="sum of formula differs"):
        in_own_process(measure_quickly, a_benchmark(off=999.0), 1)


@pytest.mark.parametrize("benchmark", benchmarks(), ids=lambda one: one.name)
def test_every_benchmark_can_be_handed_over(benchmark):
    assert pickle.loads(pickle.dumps(benchmark)).name == benchmark.name

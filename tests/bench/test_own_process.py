"""A benchmark is measured in a process of its own."""

import os
import pickle
import subprocess
import sys
import time

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


def sleeps():
    sys.stdout.write("asleep\n")
    sys.stdout.flush()
    time.sleep(120)


STARTS_IT = """
from test_own_process import in_own_process, sleeps
if __name__ == "__main__":
    in_own_process(sleeps)
"""


def test_it_does_not_outlive_who_started_it(tmp_path):
    script = tmp_path / "starts_it.py"
    script.write_text(STARTS_IT, encoding="utf-8")
    here = os.path.dirname(__file__)
    with subprocess.Popen(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": here},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout.readline() == "asleep\n"
        parent.kill()
        parent.communicate(timeout=60)  # it ends where nobody can write any more


@pytest.mark.parametrize("benchmark", benchmarks(), ids=lambda one: one.name)
def test_every_benchmark_can_be_handed_over(benchmark):
    assert pickle.loads(pickle.dumps(benchmark)).name == benchmark.name

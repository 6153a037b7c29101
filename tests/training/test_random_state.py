"""Random states: each rank's own, put back where the run is taken up."""

import pytest
import torch
from small_runs import changed, small_images, small_run

from arcvq_lite.training.loop import train
from arcvq_lite.training.processes import Processes
from arcvq_lite.training.random_state import (
    begin_random,
    random_states,
    restore_random,
)
from arcvq_lite.training.report import Report

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


def drawn(seed, rank, step=0):
    begin_random(seed, Processes(rank, 4, CPU), step)
    return torch.rand(1).item()


def test_seed_rank_and_step_each_make_other_draws():
    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 1, 0)]
    assert len({drawn(*place) for place in places}) == len(places)
    assert drawn(3, 1, 7) == drawn(3, 1, 7)


def test_what_is_drawn_after_a_restore_is_what_would_have_been():
    alone = Processes(0, 1, CPU)
    begin_random(0, alone)
    torch.rand(5)
    states = random_states(alone)
    expected = torch.rand(3)
    torch.manual_seed(9)
    restore_random(states, 0, alone, step=4)
    assert torch.equal(torch.rand(3), expected)


def test_a_rank_that_was_not_there_begins_anew_and_not_like_another():
    states = random_states(Processes(0, 1, CPU))
    seen = []
    for rank in (0, 1, 2):
        restore_random(states, 0, Processes(rank, 3, CPU), step=4)
        seen.append(torch.rand(1).item())
    assert len(set(seen)) == 3
    assert seen[1] == drawn(0, 1, step=4)


def test_a_run_that_is_taken_up_draws_on(tmp_path, monkeypatch):
    draws = []
    really = Report.step

    def watched(*arguments):
        draws.append(torch.rand(1).item())
        really(*arguments)

    monkeypatch.setattr(Report, "step", watched)
    images = small_images(tmp_path / "images")
    train(small_run(images, tmp_path / "whole", steps=8))
    whole, draws = draws, []
    options = small_run(images, tmp_path / "parts")
    for steps in (3, 8):
        torch.manual_seed(steps)
        train(changed(options, steps=steps))
    assert draws == whole
    assert len(set(draws)) == 8

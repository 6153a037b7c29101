"""`arcvq study run`: side by side, killed and taken up again, one failing alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_studies import ARMS, read, results, tree, written

from arcvq_lite import cli
from arcvq_lite.study import side_by_side
from arcvq_lite.training.hold import hold

ALL = ["cosine-seed0", "cosine-seed1", "margin-seed0", "margin-seed1"]


def run(config, out, *words):
    return cli.main(["study", "run", str(config), "--out", str(out), *words])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that nothing disturbed: its configuration and its folder."""
    folder = tmp_path_factory.mktemp("finished")
    config = written(folder, tree())
    assert run(config, folder / "out", "--jobs", "2") == 0
    return config, folder / "out"


@pytest.mark.slow
def test_every_run_is_one_file_and_its_cost_lies_apart(finished):
    _, out = finished
    assert sorted(results(out)) == [f"{name}.json" for name in ALL]
    for name in ALL:
        cost = read(out / "runs" / f"{name}.cost.json")
        assert cost["seconds"] > 0
        assert cost["peak_memory_bytes"] > 1e7
        assert cost["rows"]["steps"] == [8, 16, 20]
        assert cost["rows"]["seconds"] == sorted(cost["rows"]["seconds"])
        assert not {"seconds", "peak_memory_bytes"} & {
            *read(out / "runs" / f"{name}.json")["columns"]
        }


@pytest.mark.slow
def test_a_rerun_of_a_finished_study_does_nothing(finished, capsys):
    config, out = finished
    before = {path: path.stat().st_mtime_ns for path in (out / "runs").iterdir()}
    assert run(config, out) == 0
    assert "4 of 4 runs are finished, 0 are to do" in capsys.readouterr().out
    assert before == {p: p.stat().st_mtime_ns for p in (out / "runs").iterdir()}


@pytest.mark.slow
def test_a_killed_study_is_taken_up_and_ends_with_the_same_bytes(finished, tmp_path):
    config, undisturbed = finished
    out = tmp_path / "out"
    process = started(config, out)
    wait_until(lambda: (out / "runs" / "cosine-seed0.json").exists())
    children = children_of(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: not any(map(is_alive, children)))
    left = results(out)
    assert 1 <= len(left) < 4
    kept = {name: (out / "runs" / name).stat().st_mtime_ns for name in left}

    assert run(config, out, "--jobs", "1") == 0
    assert results(out) == results(undisturbed)
    for name, made in kept.items():
        assert (out / "runs" / name).stat().st_mtime_ns == made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)]
)
def test_no_process_outlives_a_study_that_is_stopped(tmp_path, sent, status):
    """The run would take half an hour, and says nothing for a while at first."""
    config, out = written(tmp_path, tree(steps=10**6)), tmp_path / "out"
    process = started(config, out)
    # The server, the tracker of resources, and the run.
    wait_until(lambda: len(children_of(process.pid)) >= 3)
    children = children_of(process.pid)
    process.send_signal(sent)
    assert process.wait(timeout=15) == status
    wait_until(lambda: not any(map(is_alive, children)), patience=15)
    assert not list((out / "runs").glob("*.json"))


@pytest.mark.slow
def test_a_changed_configuration_is_refused_before_anything_runs(
    finished, tmp_path, capsys
):
    _, out = finished
    before = results(out)
    config = written(tmp_path, tree(steps=30, seeds=(0, 1, 2)))
    assert run(config, out) == 2
    said = capsys.readouterr().err
    assert "budget.steps was 20, and is 30 now; pass another folder as --out" in said
    assert results(out) == before


@pytest.mark.slow
def test_an_arm_that_is_added_is_run_beside_what_is_there(finished, tmp_path, capsys):
    _, done = finished
    out = tmp_path / "out"
    (out / "runs").mkdir(parents=True)
    for name, content in results(done).items():
        (out / "runs" / name).write_bytes(content)
    config = written(tmp_path, tree(("cosine", "margin", "vanilla")))
    assert run(config, out) == 0
    assert "4 of 6 runs are finished, 2 are to do" in capsys.readouterr().out
    assert len(results(out)) == 6


@pytest.mark.slow
def test_images_may_lie_elsewhere_than_the_configuration_says(finished, tmp_path):
    _, undisturbed = finished
    content = tree(seeds=(0,))
    content["data"]["source"] = "./nowhere"
    config, out = written(tmp_path, content), tmp_path / "out"
    assert run(config, out) == 2
    assert run(config, out, "--data", "digits") == 0
    expected = results(undisturbed)
    assert results(out) == {name: expected[name] for name in results(out)}
    assert len(results(out)) == 2


@pytest.mark.slow
def test_a_run_that_fails_leaves_the_others_alone_and_is_reported(tmp_path, capsys):
    bad = {"quantizer": {"commitment_weight": 1e38}}
    arms = {"bad": bad, "cosine": ARMS["cosine"]}
    out = tmp_path / "out"
    assert run(written(tmp_path, tree(arms, seeds=(0,))), out) == 1
    said = capsys.readouterr().out
    assert "bad-seed0 failed: DivergenceError: step" in said
    assert "cosine-seed0: " in said
    assert list(results(out)) == ["cosine-seed0.json"]
    assert "not finite" in read(out / "runs" / "bad-seed0.failed.json")["reason"]


@pytest.mark.slow
def test_a_run_whose_process_is_killed_is_reported_and_tried_again(
    finished, tmp_path, capsys, monkeypatch
):
    """It is killed as it starts: a run this small may have ended a moment later."""
    config, undisturbed = finished
    start = side_by_side._Running.start

    def start_and_kill(assignment):
        running = start(assignment)
        if assignment.files.result.stem == "margin-seed0":
            os.kill(running.process.pid, signal.SIGKILL)
        return running

    monkeypatch.setattr(side_by_side._Running, "start", start_and_kill)
    out = tmp_path / "out"
    assert run(config, out, "--jobs", "2") == 1
    assert (
        "margin-seed0 failed: the process ended with signal 9"
        in capsys.readouterr().out
    )
    monkeypatch.undo()
    assert run(config, out) == 0
    assert results(out) == results(undisturbed)
    assert not list((out / "runs").glob("*.failed.json"))


def test_only_one_works_in_a_folder(tmp_path, capsys):
    config, out = written(tmp_path, tree()), tmp_path / "out"
    with hold(out):
        assert run(config, out) == 2
    assert "another process works in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("photo",), "did you mean photos"),
        (("photos", "--jobs", "0"), "jobs=0 must be at least 1"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_line(tmp_path, capsys, words, said):
    assert run(words[0], tmp_path / "out", *words[1:]) == 2
    assert said in capsys.readouterr().err


def started(config, out):
    """The program in a process of its own, one run at a time."""
    words = ["study", "run", str(config), "--out", str(out), "--jobs", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "arcvq_lite", *words], preexec_fn=heed_interrupts
    )


def heed_interrupts():
    """Tests that run in the background hand a deafness to Ctrl-C on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until(holds, patience=120):
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def children_of(pid):
    """All processes below one, by the system's own table."""
    table = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        table.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, waiting = [], [pid]
    while waiting:
        below = table.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


pytestmark = pytest.mark.skipif(
    not Path("/proc").is_dir(), reason="reads the processes from /proc"
)

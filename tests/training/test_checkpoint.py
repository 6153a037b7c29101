"""CheckpointStore: the newest whole state, whatever happened to the disk."""

import errno
import hashlib
import json
import os
import pickle

import pytest
import torch

from arcvq_lite.training.checkpoint import CheckpointError, CheckpointStore
from arcvq_lite.training.durable import replace_durably

STATE = {
    "weights": {"w": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(3)},
    "progress": {"log_bytes": 17, "names": ["a", "b"], "rate": 0.5, "none": None},
}


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(tmp_path / "checkpoints", keep=2)


def names(store):
    return sorted(path.name for path in store.folder.iterdir())


def flip_a_byte(path, place):
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1
    path.write_bytes(content)


def test_what_is_loaded_is_what_was_saved(store):
    assert store.load_latest() is None
    store.save(5, STATE)
    loaded = store.load_latest()
    assert (loaded.step, loaded.damaged) == (5, ())
    assert torch.equal(loaded.state["weights"]["w"], STATE["weights"]["w"])
    assert loaded.state["progress"] == STATE["progress"]
    assert store.load_latest(only=["progress"]).state.keys() == {"progress"}


def test_the_newest_are_kept_and_nothing_else_is_left(store):
    for step in (9, 99_999_999, 100_000_000, 100_000_007):
        store.save(step, STATE)
    assert store.steps() == [100_000_000, 100_000_007]
    assert len(names(store)) == 2
    assert store.load_latest().step == 100_000_007


def test_an_older_one_goes_only_after_the_new_one_is_in_place(store, monkeypatch):
    store = CheckpointStore(store.folder, keep=1)
    store.save(1, STATE)
    seen = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.append(store.steps()), sync(fd)))
    store.save(2, STATE)
    # Before the last sync, that of the folder with the new name, both are there.
    assert seen[-1] == [1, 2]
    assert store.steps() == [2]


@pytest.mark.parametrize("file", ["weights.pt", "progress.pt", "manifest.json"])
@pytest.mark.parametrize("place", [0, 100, -1])
def test_one_flipped_byte_is_found_and_the_one_before_is_used(file, place, store):
    store.save(1, STATE)
    flip_a_byte(store.save(2, STATE) / file, place)
    if file == "manifest.json" and place == -1:
        return  # the line end: as good as before
    loaded = store.load_latest()
    assert loaded.step == 1
    [reason] = loaded.damaged
    assert reason.startswith("step-00000002 is damaged: ")
    # A flipped digit of a hash is seen at the file that it is of.
    assert file in reason or file == "manifest.json"


def test_a_missing_or_shortened_file_is_found(store):
    store.save(1, STATE)
    path = store.save(2, STATE) / "weights.pt"
    path.write_bytes(path.read_bytes()[:-10])
    assert "weights.pt has SHA-256" in store.load_latest().damaged[0]
    path.unlink()
    assert "weights.pt cannot be read" in store.load_latest().damaged[0]
    (path.parent / "manifest.json").unlink()
    assert "manifest.json is missing" in store.load_latest().damaged[0]


def test_a_damaged_one_gives_way_at_the_next_save(store):
    store.save(1, STATE)
    flip_a_byte(store.save(2, STATE) / "weights.pt", 50)
    store.load_latest()
    store.save(2, STATE)
    assert store.steps() == [1, 2]
    loaded = store.load_latest()
    assert (loaded.step, loaded.damaged) == (2, ())
    flip_a_byte(store.folder / "step-00000002" / "weights.pt", 50)
    assert store.load_latest().step == 1
    store.save(3, STATE)
    assert store.steps() == [1, 3]


def test_a_run_does_not_begin_anew_over_damaged_checkpoints(store):
    flip_a_byte(store.save(2, STATE) / "weights.pt", 50)
    with pytest.raises(CheckpointError, match=r"whole: step-00000002 .*put a copy"):
        store.load_latest()


def test_what_a_killed_save_left_is_removed_by_the_next(store):
    store.folder.mkdir()
    (store.folder / ".step-00000001.17").mkdir()
    (store.folder / ".step-00000001.17" / "weights.pt").write_bytes(b"half")
    assert store.load_latest() is None
    store.save(1, STATE)
    assert names(store) == ["step-00000001"]


# Two entries, the manifest, the new folder, and the one above it.
SYNCS = 5


@pytest.mark.parametrize("call", range(1, SYNCS + 1))
def test_a_full_disk_leaves_the_old_one_and_is_named(call, store, monkeypatch):
    store.save(1, STATE)
    calls = iter(range(1, 100))
    sync = os.fsync

    def full(descriptor):
        if next(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="step 2 was not saved") as refusal:
        store.save(2, STATE)
    stands = "step-00000002" if call == SYNCS else "step-00000001"
    for part in ("No space left", f"{stands} stands", "make room"):
        assert part in str(refusal.value)
    assert not [name for name in names(store) if name.startswith(".")]
    assert store.load_latest().damaged == ()


class Hostile:
    def __reduce__(self):
        return (os.mkdir, ("executed",))


def test_nothing_in_a_checkpoint_is_executed(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.save(1, STATE)
    path = store.save(2, STATE)
    content = pickle.dumps(Hostile(), protocol=2)
    (path / "weights.pt").write_bytes(content)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["sha256"]["weights"] = hashlib.sha256(content).hexdigest()
    (path / "manifest.json").write_text(json.dumps(manifest))
    loaded = store.load_latest()
    assert loaded.step == 1
    assert "is not a saved state" in loaded.damaged[0]
    assert not (tmp_path / "executed").exists()


def test_at_least_one_is_kept(tmp_path):
    with pytest.raises(ValueError, match="keep=0 must be at least 1"):
        CheckpointStore(tmp_path, keep=0)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    replace_durably(path, b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="full"):
            replace_durably(path, b"new and longer")
    assert path.read_bytes() == b"old"
    replace_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]

"""Writing tar shards: taken up where it broke off, never over another set."""

import pytest
from pictures import Held, held

from arcvq_lite.data.shard_index import index_path, read_index
from arcvq_lite.data.shard_scan import ShardError
from arcvq_lite.data.shard_writing import write_shards
from arcvq_lite.data.source import open_source
from arcvq_lite.written_aside import written_aside


def test_writing_is_taken_up_where_it_broke_off(tmp_path):
    broken = held(6)
    broken.contents[4] = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        write_shards(broken, tmp_path / "out", 2)
    assert not list((tmp_path / "out").glob(".*"))
    with pytest.raises(ShardError, match=r"000002\.tar is named .* but missing: run"):
        open_source(tmp_path / "out")
    (tmp_path / "out" / ".000002.tar-0.partial").write_bytes(b"left by a kill")

    sound, done = held(6), []
    write_shards(sound, tmp_path / "out", 2, progress=lambda *at: done.append(at))
    assert sound.reads == [4, 5]  # the two whole shards were kept
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert len(open_source(tmp_path / "out")) == 6
    assert not list((tmp_path / "out").glob(".*"))


def test_a_shard_whose_index_was_not_written_is_written_again(tmp_path):
    first, second = write_shards(held(4), tmp_path / "out", 2)
    index_path(second).unlink()
    again = held(4)
    write_shards(again, tmp_path / "out", 2)
    assert again.reads == [2, 3]
    assert len(read_index(second)) == len(read_index(first)) == 2


class Other(Held):
    def name(self, index):
        return f"other-{index}.png"


def test_another_set_is_not_written_over(tmp_path):
    write_shards(held(4), tmp_path / "out", 2)
    with pytest.raises(ValueError, match=r"out is not empty, .* give a new folder"):
        write_shards(held(5), tmp_path / "out", 2)
    for source, each in ((held(4), 3), (Other(held(4).contents), 2)):
        with pytest.raises(ValueError, match=r"000000\.tar holds .* give a new folder"):
            write_shards(source, tmp_path / "out", each)
    with pytest.raises(ValueError, match=r"images_per_shard=0 must be at least 1"):
        write_shards(held(4), tmp_path / "new", 0)


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"before")

    def fail():
        with written_aside(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"before"
    with written_aside(path) as file:
        file.write(b"after")
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]

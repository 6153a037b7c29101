import json
import os

import pytest
from pictures import jpeg, save_classes

from arcvq_lite.data import commands
from arcvq_lite.data.shard_index import index_path
from arcvq_lite.data.source import open_source


def run(command):
    """The lines and the status of a command."""
    lines = []
    while True:
        try:
            lines.append(next(command))
        except StopIteration as end:
            return "\n".join(lines), end.value


def test_a_set_is_sharded_indexed_and_verified(tmp_path):
    save_classes(tmp_path / "images")
    out = tmp_path / "shards"
    text, status = run(commands.shard(tmp_path / "images", out, images_per_shard=5))
    assert (text, status) == (f"12 images in 3 shards in {out}", 0)
    assert run(commands.verify(out)) == ("12 images, 0 of them unusable", 0)

    index_path(out / "000001.tar").unlink()
    text, status = run(commands.index(out))
    assert status == 0
    assert "000000.tar: has its index already, 5 images" in text
    assert "000001.tar: indexed, 5 images" in text
    assert len(open_source(out)) == 12


def test_verify_names_what_is_wrong(tmp_path):
    save_classes(tmp_path / "train")
    (tmp_path / "train" / "n01" / "cut.jpg").write_bytes(jpeg()[:-100])
    (tmp_path / "train" / "n01" / "notes.txt").write_text("no image")
    text, status = run(commands.verify(tmp_path, json=tmp_path / "report.json"))
    assert status == 1
    assert "13 images, 1 of them unusable" in text
    assert f"truncated     {tmp_path / 'train' / 'n01' / 'cut.jpg'}" in text
    assert "passed over, not named as images" in text
    assert "notes.txt" in text
    assert json.loads((tmp_path / "report.json").read_text())["unusable"] == 1


def test_a_folder_for_the_report_is_wanted_before_the_work(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"json=.* there is no folder"):
        run(commands.verify(tmp_path, json=tmp_path / "absent" / "a.json"))


def test_verify_reads_the_split_that_is_named(tmp_path):
    save_classes(tmp_path / "train")
    save_classes(tmp_path / "val", each=1)
    text, _ = run(commands.verify(tmp_path, split="test"))
    assert text == "3 images, 0 of them unusable"


def test_a_shard_that_changed_under_its_index_is_named(tmp_path):
    out = tmp_path / "shards"
    for name, count in (("images", 3), ("others", 3)):
        save_classes(tmp_path / name, classes=1, each=count)
    run(commands.shard(tmp_path / "images", out))
    tar = out / "000000.tar"
    content = tar.read_bytes()
    tar.write_bytes(content.replace(b"00000001_1.cls", b"00000001_1.txt"))
    text, status = run(commands.verify(out))
    assert status == 1
    assert "000000.tar" in text


def test_damaged_indices_are_written_anew_and_bad_tars_are_named(tmp_path):
    save_classes(tmp_path / "images")
    run(commands.shard(tmp_path / "images", tmp_path / "set", images_per_shard=6))
    index_path(tmp_path / "set" / "000000.tar").write_bytes(b"damaged")
    os.truncate(tmp_path / "set" / "000001.tar", 3000)
    text, status = run(commands.index(tmp_path / "set"))
    assert status == 1
    assert "000000.tar: indexed, 6 images" in text
    assert "refused: " in text
    assert "000001.tar" in text


def test_parts_are_indexed_too(tmp_path):
    save_classes(tmp_path / "images", classes=1)
    for part in ("train", "val"):
        (tmp_path / "set").mkdir(exist_ok=True)
        run(commands.shard(tmp_path / "images", tmp_path / "set" / part))
        index_path(tmp_path / "set" / part / "000000.tar").unlink()
    text, status = run(commands.index(tmp_path / "set"))
    assert status == 0
    assert text.count("indexed, 4 images") == 2


def test_a_folder_of_images_needs_no_index(tmp_path):
    text, status = run(commands.index(save_classes(tmp_path / "images")))
    assert status == 0
    assert text.endswith("a folder of images needs no index")
    with pytest.raises(FileNotFoundError, match="no folder"):
        run(commands.index(tmp_path / "absent"))

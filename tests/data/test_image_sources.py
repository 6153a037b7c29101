import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import jpeg, save_classes

from arcvq_lite.data.names import NameTable
from arcvq_lite.data.shard_writing import write_shards
from arcvq_lite.data.source import open_source


def everything(source):
    numbers = range(len(source))
    return [(source.label(number), source.read(number)) for number in numbers]


@given(st.lists(st.text()))
def test_a_table_gives_back_its_names(names):
    table = NameTable.of(names)
    assert list(table) == names
    assert len(table) == len(names)


def test_a_table_keeps_names_that_are_no_text():
    odd = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    assert list(NameTable.of([odd, "b"])) == [odd, "b"]


def test_a_folder_lists_its_images_by_class(tmp_path):
    source = open_source(save_classes(tmp_path, classes=2, each=3))
    assert len(source) == 6
    assert source.class_names == ("n00", "n01")
    assert [source.label(number) for number in range(6)] == [0, 0, 0, 1, 1, 1]
    assert source.name(4) == str(tmp_path / "n01" / "1.JPEG")
    assert source.read(4) == jpeg(101)


def test_imagenets_layout_has_two_splits(tmp_path):
    save_classes(tmp_path / "train", each=2)
    save_classes(tmp_path / "val", classes=2, each=1)
    train, test = open_source(str(tmp_path)), open_source(tmp_path, split="test")
    assert (len(train), len(test)) == (6, 2)
    assert train.class_names == test.class_names


def test_a_folder_and_its_shards_hold_the_same(tmp_path):
    folder = open_source(save_classes(tmp_path / "images"))
    write_shards(folder, tmp_path / "shards", 5)
    shards = open_source(tmp_path / "shards")
    assert everything(shards) == everything(folder)
    assert shards.class_names == folder.class_names
    assert shards.name(7).endswith("000001.tar!00000007_3.jpeg")


@pytest.mark.parametrize("kind", ["images", "shards"])
def test_a_source_can_be_sent_to_a_worker_after_it_was_read(tmp_path, kind):
    folder = open_source(save_classes(tmp_path / "images"))
    write_shards(folder, tmp_path / "shards", 5)
    source = open_source(tmp_path / kind)
    before = everything(source)
    assert everything(pickle.loads(pickle.dumps(source))) == before


def test_a_million_names_are_sent_in_their_own_size(tmp_path):
    source = open_source(save_classes(tmp_path, classes=1, each=200, extent=(8, 8)))
    per_image = (len(pickle.dumps(source)) - 1000) / 200
    assert per_image < len("n00/100.JPEG") + 2 * 8 + 1


def test_shards_may_lie_in_parts(tmp_path):
    images = open_source(save_classes(tmp_path / "images", each=2))
    (tmp_path / "set").mkdir()
    for part in ("train", "val"):
        write_shards(images, tmp_path / "set" / part, 4)
    assert len(open_source(tmp_path / "set")) == 6
    assert "val" in open_source(tmp_path / "set", split="test").name(0)
    with pytest.raises(ValueError, match=r"needs shards in a folder test or val"):
        open_source(tmp_path / "set" / "train", split="test")


def test_what_is_no_folder_of_images_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotADirectoryError, match=r"a\.jpg is a file"):
        open_source(tmp_path / "a.jpg")
    with pytest.raises(FileNotFoundError, match=r"no folder .*absent"):
        open_source(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"empty is empty"):
        open_source(tmp_path / "empty")
    with pytest.raises(TypeError, match=r"path must be a path, got 3"):
        open_source(3)
    with pytest.raises(ValueError, match=r"split must be"):
        open_source(tmp_path, split="dev")

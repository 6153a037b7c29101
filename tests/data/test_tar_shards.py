import io
import os
import pickle
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import Held, held, jpeg

from arcvq_lite.data import shard_source
from arcvq_lite.data.shard_index import build_index, index_path, read_index, write_index
from arcvq_lite.data.shard_scan import ShardError, scan_shard
from arcvq_lite.data.shard_writing import write_shards
from arcvq_lite.data.source import open_source


def write_tar(path, members, form=tarfile.GNU_FORMAT):
    """Write (name or TarInfo, content) pairs as a tar."""
    with tarfile.open(path, "w", format=form) as opened:
        for name, content in members:
            header = (
                name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            )
            header.size = len(content)
            opened.addfile(header, io.BytesIO(content))
    return path


def indexed(folder, members, name="a.tar"):
    tar = write_tar(folder / name, members)
    write_index(tar, build_index(tar))
    return tar


def special(name, kind, target=""):
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return header


def test_a_shard_is_a_plain_tar_of_pairs(tmp_path):
    source = held(5)
    first, second = write_shards(source, tmp_path / "out", 3)
    with tarfile.open(first) as opened:
        names = opened.getnames()
        contents = [opened.extractfile(name).read() for name in names]
    assert names[:3] == [
        "00000000_picture-0.png",
        "00000000_picture-0.cls",
        "00000001_picture-1.png",
    ]
    assert contents[0] == source.contents[0]
    assert contents[1::2] == [b"0", b"1", b"2"]
    assert len(scan_shard(second)) == 2


def test_the_same_source_gives_the_same_bytes(tmp_path):
    once = write_shards(held(4), tmp_path / "once", 4)[0]
    again = write_shards(held(4), tmp_path / "again", 4)[0]
    assert once.read_bytes() == again.read_bytes()
    assert index_path(once).read_bytes() == index_path(again).read_bytes()


def test_a_key_has_no_dot_and_no_folder(tmp_path):
    class Odd(Held):
        def name(self, index):
            return "/data/a b/c.d\n.é.JPEG"

    tar = write_shards(Odd([jpeg()]), tmp_path / "out", 1)[0]
    assert scan_shard(tar)[0].name == "00000000_c-d---.jpeg"


@pytest.mark.parametrize(
    "form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
)
def test_shards_of_other_makers_are_indexed(tmp_path, form):
    long = "folder/" * 30 + "long"  # needs an extended header, except in ustar
    keys = ["./x/0001", "x/0002", "short" if form == tarfile.USTAR_FORMAT else long]
    members = [("x/notes.txt", b"passed over"), (special("x", tarfile.DIRTYPE), b"")]
    for label, key in enumerate(keys):
        members += [
            (f"{key}.json", b"{}"),
            (f"{key}.cls", b"%d\n" % (5 * label)),
            (f"{key}.JPG", jpeg(label)),
            (f"{key}.seg.png", b"not the image"),
        ]
    indexed_tar(tmp_path, members, form)
    source = open_source(tmp_path)
    assert [source.read(n) for n in range(3)] == [jpeg(n) for n in range(3)]
    assert [source.class_names[source.label(n)] for n in range(3)] == ["0", "5", "10"]
    assert source.name(1) == f"{tmp_path / 'a.tar'}!x/0002.JPG"


def indexed_tar(folder, members, form):
    tar = write_tar(folder / "a.tar", members, form)
    write_index(tar, build_index(tar))


def test_shards_without_classes_are_one_class_named_after_the_folder(tmp_path):
    indexed(tmp_path, [("a.jpg", jpeg())])
    assert open_source(tmp_path).class_names == (tmp_path.name,)
    assert open_source(tmp_path).label(0) == 0


def test_a_class_for_some_images_alone_is_refused(tmp_path):
    indexed(tmp_path, [("a.jpg", jpeg()), ("a.cls", b"0"), ("b.jpg", jpeg())])
    with pytest.raises(ShardError, match=r"a\.tar!b\.jpg has no class while others"):
        open_source(tmp_path)


SOUND = ("a.jpg", b"picture")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("../a.jpg", b"x")], r"'\.\./a\.jpg' leaves the folder"),
        ([("b/../../a.jpg", b"x")], r"leaves the folder"),
        ([("/etc/a.jpg", b"x")], r"'/etc/a\.jpg' leaves the folder"),
        ([(r"..\a.jpg", b"x")], r"leaves the folder"),
        ([(special("b.jpg", tarfile.SYMTYPE, "/etc/passwd"), b"")], r"'b\.jpg' is not"),
        ([(special("b.jpg", tarfile.LNKTYPE, "a.jpg"), b"")], r"'b\.jpg' is not a"),
        ([(special("b.jpg", tarfile.CHRTYPE), b"")], r"'b\.jpg' is not a plain file"),
        ([(special("b.jpg", tarfile.GNUTYPE_SPARSE), b"")], r"'b\.jpg' is not"),
        ([(special("b.jpg", tarfile.FIFOTYPE), b"")], r"'b\.jpg' is not a plain file"),
        ([("a.png", b"x")], r"'a' has two images or two classes"),
        ([("a.jpg", b"x")], r"'a' has two images or two classes"),
        ([("a.cls", b"0"), ("a.cls", b"0")], r"'a' has two images or two classes"),
        ([("a.cls", b"cat")], r"'a\.cls' must hold the number of a class.*'cat'"),
        ([("a.cls", b"-1")], r"'a\.cls' must hold the number of a class"),
        ([("a.cls", b"1000000")], r"a class below 1,000,000"),
        ([("a.cls", b"9" * 10_000)], r"'a\.cls' must hold the number of a class"),
        ([("a.cls", "²".encode())], r"'a\.cls' must hold the number of a class"),
    ],
)
def test_hostile_members_are_refused_by_name(tmp_path, members, said):
    tar = write_tar(tmp_path / "bad.tar", [SOUND, *members])
    with pytest.raises(ShardError, match=said) as caught:
        scan_shard(tar)
    assert "bad.tar" in str(caught.value)
    assert list(tmp_path.iterdir()) == [tar]


def test_a_tar_without_images_or_compressed_or_no_tar_is_refused(tmp_path):
    with pytest.raises(ShardError, match=r"holds no images \(\.bmp"):
        scan_shard(write_tar(tmp_path / "a.tar", [("a.txt", b"text")]))
    with tarfile.open(tmp_path / "b.tar", "w:gz") as opened:
        opened.addfile(tarfile.TarInfo("a.jpg"))
    for name, content in (("c.tar", b""), ("d.tar", b"<html>" * 300)):
        (tmp_path / name).write_bytes(content)
    for name in ("b.tar", "c.tar", "d.tar"):
        with pytest.raises(ShardError, match=rf"{name} is no whole, uncompressed tar"):
            scan_shard(tmp_path / name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A sound shard of three images, without the padding after its end mark."""
    tar = tmp_path_factory.mktemp("whole") / "a.tar"
    pictures = [(f"{n}{end}", body) for n in "abc" for end, body in BODIES]
    content = write_tar(tar, pictures).read_bytes()
    return content[: 6 * 512 + 3 * (1024 + 512) + 512]


BODIES = ((".jpg", bytes(range(256)) * 3), (".cls", b"1"))


@given(st.data())
def test_a_tar_cut_anywhere_is_refused(whole, tmp_path_factory, data):
    tar = tmp_path_factory.mktemp("cut") / "a.tar"
    tar.write_bytes(whole)
    assert len(scan_shard(tar)) == 3
    tar.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ShardError, match=r"a\.tar"):
        scan_shard(tar)


@given(st.data())
def test_a_damaged_tar_is_refused_or_read_within_its_bounds(
    whole, tmp_path_factory, data
):
    damaged = bytearray(whole)
    places = st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)
    for place in data.draw(places):
        damaged[place] = data.draw(st.integers(0, 255))
    tar = tmp_path_factory.mktemp("damaged") / "a.tar"
    tar.write_bytes(damaged)
    try:
        members = scan_shard(tar)
    except ShardError:
        return
    assert all(0 <= each.offset <= len(whole) - each.size for each in members)


def test_a_missing_index_says_what_to_run(tmp_path):
    write_tar(tmp_path / "a.tar", [SOUND])
    with pytest.raises(ShardError, match=r"has no index: run `arcvq data index .*`"):
        open_source(tmp_path)


def test_an_index_of_another_tar_is_refused(tmp_path):
    tar = indexed(tmp_path, [SOUND])
    write_tar(tar, [("a.jpg", bytes(20_000))])
    with pytest.raises(ShardError, match=r"is of a tar of another size: delete it"):
        open_source(tmp_path)


def damage_columns(tar, **changed):
    with np.load(index_path(tar)) as stored:
        columns = dict(stored) | changed
    np.savez(index_path(tar), **columns)


@pytest.mark.parametrize(
    "changed",
    [
        {"offsets": np.array([10**9])},
        {"offsets": np.array([-1])},
        {"sizes": np.array([2**62])},
        {"labels": np.array([-2])},
        {"labels": np.array([10**15])},
        {"offsets": np.array([0.5])},
        {"offsets": np.array([[0]])},
        {"sizes": np.array([1, 1])},
        {"ends": np.array([400])},
        {"format": np.int64(99)},
        {"letters": np.array([{"an": "object"}])},
    ],
)
def test_a_hostile_index_is_refused(tmp_path, changed):
    tar = indexed(tmp_path, [SOUND])
    damage_columns(tar, **changed)
    with pytest.raises(ShardError, match=r"a\.index\.npz .*delete it and run"):
        read_index(tar)


def test_a_pickle_in_place_of_an_index_is_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    tar = indexed(tmp_path, [SOUND])
    index_path(tar).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ShardError, match=r"cannot be read"):
        read_index(tar)
    assert not (tmp_path / "ran").exists()


def test_a_shard_that_lost_its_end_stops_the_reading(tmp_path):
    tar = indexed(tmp_path, [("a.jpg", jpeg())])
    source = open_source(tmp_path)
    tar.write_bytes(tar.read_bytes()[:600])
    with pytest.raises(OSError, match=r"a\.tar!a\.jpg: the shard has lost its end"):
        source.read(0)


def test_few_shards_are_held_open(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_source, "OPEN_SHARDS", 2)
    pictures = held(6)
    write_shards(pictures, tmp_path / "out", 1)
    source = open_source(tmp_path / "out")
    for number in (0, 1, 2, 0, 5, 4, 3, 4, 1):
        assert source.read(number) == pictures.contents[number]
        assert len(source._open) <= 2
    assert list(source._open) == [4, 1]  # the last two that were read
    assert all(not file.closed for file in source._open.values())


def test_a_list_that_names_other_files_is_refused(tmp_path):
    write_shards(held(2), tmp_path / "out", 1)
    made_of = tmp_path / "out" / "arcvq-shards.json"
    made_of.write_text(made_of.read_text().replace("000001.tar", "../000001.tar"))
    with pytest.raises(ShardError, match=r"names '\.\./000001\.tar', which is no tar"):
        open_source(tmp_path / "out")
    made_of.write_text("{}")
    with pytest.raises(ShardError, match=r"arcvq-shards\.json cannot be read"):
        open_source(tmp_path / "out")

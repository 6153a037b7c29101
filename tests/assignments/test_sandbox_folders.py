"""Folders of a submission go, however they were left; what is hidden stays unread."""

import multiprocessing
import os
import tempfile
import time

import pytest

from arcvq_lite.grading.clearing import bytes_below, clear_away
from arcvq_lite.grading.nursery_folder import nursery_folder
from arcvq_lite.grading.readable import around, solutions_of


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "work"
    made.mkdir()
    return made


def test_locked_folders_and_many_files_go(folder):
    many = folder / "many"
    many.mkdir()
    for number in range(500):
        (many / str(number)).touch(0o000)
    (many / "inner").mkdir(0o000)
    many.chmod(0)
    folder.chmod(0)
    clear_away(folder)
    assert not folder.exists()


def test_a_path_longer_than_the_system_allows_goes(folder):
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deeper", dir_fd=here)
        below = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    clear_away(folder)
    assert not folder.exists()


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links")
def test_links_are_not_followed(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    kept = outside / "kept"
    kept.write_bytes(bytes(2**16))
    kept.chmod(0o400)
    (folder / "to-a-folder").symlink_to(outside)
    (folder / "to-a-file").symlink_to(kept)
    (folder / "to-itself").symlink_to(folder)
    assert bytes_below(folder) < 2**16
    clear_away(folder)
    assert kept.read_bytes() == bytes(2**16)
    assert kept.stat().st_mode & 0o777 == 0o400


def test_space_is_what_files_take(folder):
    (folder / "inner").mkdir()
    (folder / "inner" / "full").write_bytes(os.urandom(2**18))
    with (folder / "hollow").open("wb") as hollow:
        hollow.truncate(2**30)
    assert 2**18 <= bytes_below(folder) < 2**20


def test_what_is_hidden_is_left_out_of_what_may_be_read(tmp_path):
    packages = tmp_path / "site-packages"
    for name in ("torch/lib", "arcvq_lite/check", "numpy"):
        (packages / name).mkdir(parents=True)
    (packages / "six.py").touch()
    (packages / "alias").symlink_to(packages / "arcvq_lite")
    whole, listed = around([packages, tmp_path / "missing"], [packages / "arcvq_lite"])
    assert sorted(path.name for path in whole) == ["numpy", "six.py", "torch"]
    assert listed == [packages]


def test_something_hidden_deep_down_opens_only_what_is_beside_it(tmp_path):
    for name in ("a/b/secret", "a/b/open", "a/other"):
        (tmp_path / name).mkdir(parents=True)
    whole, listed = around([tmp_path / "a"], [tmp_path / "a" / "b" / "secret"])
    assert sorted(path.name for path in whole) == ["open", "other"]
    assert sorted(path.name for path in listed) == ["a", "b"]


def test_a_root_in_something_hidden_can_be_read(tmp_path):
    python = tmp_path / "course" / ".venv" / "lib"
    python.mkdir(parents=True)
    assert around([python], [tmp_path / "course"]) == ([python], [])


def test_solutions_lie_in_the_package_and_beside_it_in_the_project(tmp_path):
    for name in ("arcvq_lite", "chapters", "tests"):
        (tmp_path / name).mkdir()
    assert solutions_of(tmp_path / "arcvq_lite") == [tmp_path / "arcvq_lite"]
    (tmp_path / "pyproject.toml").touch()
    names = [path.name for path in solutions_of(tmp_path / "arcvq_lite")]
    assert names == ["arcvq_lite", "chapters", "tests"]


def test_what_a_killed_grader_left_goes_when_the_next_one_starts(temporary):
    holder = multiprocessing.get_context("spawn").Process(
        target=hold_a_folder, args=(temporary / "held",)
    )
    holder.start()
    while not (temporary / "held").exists():
        assert holder.is_alive()
        time.sleep(0.02)
    (left,) = temporary.glob("arcvq-nursery-*")
    with nursery_folder() as own:
        assert {*temporary.glob("arcvq-nursery-*")} == {left, own}
    holder.kill()
    holder.join()
    with nursery_folder() as own:
        assert [*temporary.glob("arcvq-nursery-*")] == [own]
    assert not [*temporary.glob("arcvq-*")]


def test_a_link_that_has_the_name_of_a_nursery_is_left_alone(temporary):
    other = temporary / "other"
    other.mkdir()
    (temporary / "arcvq-nursery-link").symlink_to(other)
    with nursery_folder():
        pass
    assert other.is_dir()
    assert not [*other.iterdir()]


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's folder for temporary files, for this test and what it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def hold_a_folder(held):
    with nursery_folder() as folder:
        (folder / "work").mkdir(mode=0)
        held.touch()
        time.sleep(600)

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from arcvq_lite.data import DATA_SETS, load_images

HEAVY = ("torchvision", "PIL", "skimage", "sklearn", "pooch", "matplotlib")


def test_importing_the_data_package_is_cheap():
    code = (
        f"import sys, arcvq_lite.data; print([m for m in {HEAVY} if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "near"),
    [("cifar-10", "cifar10"), ("MNIST", "mnist"), ("photo", "photos")],
)
def test_an_unknown_name_is_told_its_near_matches(name, near):
    with pytest.raises(ValueError, match=f"Did you mean '{near}'") as caught:
        load_images(name)
    for known in DATA_SETS:
        assert repr(known) in str(caught.value)


@pytest.mark.parametrize("name", ["zebra", ""])
def test_a_name_like_no_other_gets_the_list_alone(name):
    with pytest.raises(ValueError, match="neither a known set nor") as caught:
        load_images(name)
    assert "Did you mean" not in str(caught.value)
    assert "'fashion-mnist'" in str(caught.value)


@pytest.mark.parametrize("path", ["./nowhere", "no/where", Path("photos")])
def test_a_path_that_is_not_there_is_named(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder") as caught:
        load_images(path)
    assert Path(path).name in str(caught.value)


@pytest.mark.parametrize("split", ["val", "Train", None, 1, ["train"]])
def test_a_wrong_split_is_named(split):
    with pytest.raises(ValueError, match='split must be "train" or "test", got'):
        load_images("digits", split=split)


@pytest.mark.parametrize("argument", ["size", "limit"])
@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (2.5, TypeError), (True, TypeError)]
)
def test_wrong_counts_are_named(argument, value, error):
    with pytest.raises(error, match=argument):
        load_images("digits", **{argument: value})


def test_a_source_of_another_kind_is_a_type_error():
    with pytest.raises(TypeError, match="name_or_path"):
        load_images(5)


def test_a_folder_called_like_a_set_is_reached_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "digits" / "a.png")
    assert len(load_images("./digits")) == 1
    assert len(load_images(Path("digits"))) == 1
    assert len(load_images("digits")) == 1297


def test_a_bare_folder_name_serves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "pets" / "a.png")
    assert load_images("pets").class_names == ("pets",)


def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert len(load_images("~")) == 1

import random

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from arcvq_lite.data import folders, load_images


def save(path, value=128, extent=(6, 4), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    fill = (value,) * len(Image.new(mode, (1, 1)).getbands())
    Image.new(mode, extent, fill if len(fill) > 1 else value).save(path)
    return path


def grey(level):
    return level / 127.5 - 1


def values(images):
    return images.images[:, 0, 0, 0].tolist()


def test_class_folders(tmp_path):
    save(tmp_path / "dog" / "b.png", 30)
    save(tmp_path / "dog" / "a.PNG", 20)
    save(tmp_path / "cat" / "deep" / "z.bmp", 10)
    pets = load_images(tmp_path)
    assert pets.class_names == ("cat", "dog")
    assert pets.labels.tolist() == [0, 1, 1]
    assert values(pets) == pytest.approx([grey(10), grey(20), grey(30)])
    assert pets.images.shape == (3, 3, 4, 6)
    assert pets.images.dtype == torch.float32
    assert pets.images.is_contiguous()
    assert tmp_path.name in pets.source


def test_the_order_of_creation_does_not_matter(tmp_path):
    names = [f"{class_name}/{index}.png" for class_name in "abc" for index in range(5)]
    shuffled = random.Random(0).sample(names, len(names))
    for value, name in enumerate(shuffled):
        save(tmp_path / name, value)
    expected = [grey(shuffled.index(name)) for name in names]
    assert values(load_images(tmp_path)) == pytest.approx(expected)


@pytest.mark.parametrize("test_name", ["test", "val", "validation"])
def test_parts(tmp_path, test_name):
    save(tmp_path / "train" / "n01" / "a.JPEG", 200)
    save(tmp_path / "train" / "n02" / "b.JPEG", 100)
    save(tmp_path / test_name / "n02" / "c.JPEG", 50)
    train, test = load_images(tmp_path), load_images(tmp_path, split="test")
    assert train.labels.tolist() == [0, 1]
    assert test.labels.tolist() == [1]  # numbered as in train, though n01 is absent
    assert train.class_names == test.class_names == ("n01", "n02")
    assert values(test) == pytest.approx([grey(50)])


def test_a_class_seen_only_in_the_test_part_counts_in_both(tmp_path):
    save(tmp_path / "train" / "b" / "1.png")
    save(tmp_path / "val" / "a" / "2.png")
    assert load_images(tmp_path).labels.tolist() == [1]
    assert load_images(tmp_path, split="test").class_names == ("a", "b")


def test_labelled_validation_images_go_before_unlabelled_test_images(tmp_path):
    save(tmp_path / "train" / "n01" / "a.png")
    save(tmp_path / "val" / "n01" / "b.png", 70)
    save(tmp_path / "test" / "c.png", 80)
    assert values(load_images(tmp_path, split="test")) == pytest.approx([grey(70)])


def test_parts_without_classes(tmp_path):
    save(tmp_path / "train" / "a.png")
    save(tmp_path / "test" / "b.png")
    for split in ("train", "test"):
        assert load_images(tmp_path, split=split).class_names == (tmp_path.name,)


def test_a_class_may_be_called_train(tmp_path):
    save(tmp_path / "car" / "a.png")
    save(tmp_path / "train" / "b.png")
    assert load_images(tmp_path).class_names == ("car", "train")


def test_other_folders_beside_a_divided_train_part(tmp_path):
    save(tmp_path / "train" / "n01" / "a.png")
    save(tmp_path / "drawings" / "b.png")
    assert load_images(tmp_path).class_names == ("n01",)


def test_plain_images_are_one_class_named_after_the_folder(tmp_path):
    save(tmp_path / "holiday" / "b.png", 2)
    save(tmp_path / "holiday" / "a.png", 1)
    (tmp_path / "holiday" / "notes.txt").write_text("no image")
    holiday = load_images(tmp_path / "holiday")
    assert holiday.class_names == ("holiday",)
    assert values(holiday) == pytest.approx([grey(1), grey(2)])


def test_hidden_and_empty_folders_are_no_classes(tmp_path):
    save(tmp_path / "cat" / "a.png")
    save(tmp_path / "cat" / "._a.png")
    save(tmp_path / ".cache" / "b.png")
    (tmp_path / "empty").mkdir()
    found = load_images(tmp_path)
    assert found.class_names == ("cat",)
    assert len(found) == 1


def test_a_limit_is_spread_over_the_classes_and_reads_no_more(tmp_path):
    for class_name in "abcde":
        for index in range(4):
            save(tmp_path / class_name / f"{index}.png", 10 * index)
    (tmp_path / "a" / "0.png").write_bytes(b"unread, so unnoticed")
    few = load_images(tmp_path, limit=5)
    assert few.labels.tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(few.images, load_images(tmp_path, limit=5).images)


def test_size_resizes_the_shorter_side_and_cuts_the_centre(tmp_path):
    rng = np.random.default_rng(0)
    oracle = transforms.Compose(
        [
            transforms.Resize(16, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(16),
            transforms.PILToTensor(),
        ]
    )
    expected = []
    for index, extent in enumerate([(45, 31), (31, 45), (16, 16), (9, 7), (64, 20)]):
        pixels = rng.integers(0, 256, (*extent, 3), dtype=np.uint8)
        image = Image.fromarray(pixels)
        image.save(tmp_path / f"{index}.png")
        expected.append(oracle(image).float() / 127.5 - 1)
    made = load_images(tmp_path, size=16)
    torch.testing.assert_close(made.images, torch.stack(expected))


def test_resizing_is_antialiased(tmp_path):
    board = (
        np.indices((64, 64)).sum(0) % 2 * 255
    )  # a pixel chessboard is grey from afar
    Image.fromarray(board.astype(np.uint8)).save(tmp_path / "board.png")
    assert load_images(tmp_path, size=8).images.abs().max() < 0.1


def test_no_size_and_two_sizes_names_both_files(tmp_path):
    save(tmp_path / "a.png", extent=(6, 4))
    save(tmp_path / "b.png", extent=(6, 4))
    save(tmp_path / "c.png", extent=(4, 6))
    with pytest.raises(ValueError, match=r"a\.png is 6×4.*c\.png is 4×6.*pass size"):
        load_images(tmp_path)
    assert load_images(tmp_path, size=4).images.shape == (3, 3, 4, 4)


@pytest.mark.parametrize(
    ("count", "shown"), [(folders.BAR_FROM - 1, False), (folders.BAR_FROM, True)]
)
def test_a_bar_shows_from_two_hundred_images_on(tmp_path, capsys, count, shown):
    for index in range(count):
        save(tmp_path / f"{index}.png", extent=(1, 1))
    load_images(tmp_path)
    assert ("reading" in capsys.readouterr().err) is shown


def test_a_file_is_not_a_folder(tmp_path):
    with pytest.raises(NotADirectoryError, match=r"a\.png is a file"):
        load_images(save(tmp_path / "a.png"))


def test_an_empty_folder_is_said_to_be_empty(tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path.name} is empty"):
        load_images(tmp_path)


def test_a_folder_without_images_says_what_it_holds(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no images \(.bmp.*only empty, notes.txt"):
        load_images(tmp_path)


def test_images_beside_class_folders_are_refused(tmp_path):
    save(tmp_path / "stray.png")
    save(tmp_path / "cat" / "a.png")
    with pytest.raises(ValueError, match=r"both images \(stray.png\) and .*\(cat\)"):
        load_images(tmp_path)


def test_a_test_split_that_is_not_there(tmp_path):
    save(tmp_path / "whole" / "cat" / "a.png")
    save(tmp_path / "half" / "train" / "cat" / "a.png")
    with pytest.raises(ValueError, match=r"test or val or validation .*no parts"):
        load_images(tmp_path / "whole", split="test")
    with pytest.raises(ValueError, match=r"test or val or validation .*only train/"):
        load_images(tmp_path / "half", split="test")


def test_a_train_split_that_is_not_there(tmp_path):
    save(tmp_path / "val" / "cat" / "a.png")
    with pytest.raises(ValueError, match=r"needs a folder train .*only val/"):
        load_images(tmp_path)

"""Which files of a folder are the images of a split, and of which class."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from arcvq_lite.data.image_files import SUFFIXES

PARTS = {"train": ("train",), "test": ("test", "val", "validation")}


@dataclass(frozen=True)
class FoundImages:
    """The image files of one split.

    Attributes:
        name: what the set is called, for captions.
        paths: N files, sorted by class, then by path.
        labels: N indices into `class_names`.
        class_names: sorted; the same for both splits of a folder.
    """

    name: str
    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...]


def find_images(folder: Path, split: str) -> FoundImages:
    """List the images of a split in whichever layout the folder has.

    - In parts: `train/…` and one of `test/…`, `val/…`, `validation/…` (ImageNet);
      of several test parts, the first that holds classes.
    - Undivided: the folder itself, which serves as the train split.

    Each part, or the undivided folder, holds one folder a class (`class/*.jpg`, at
    any depth below the class) or plain images, which then make one class named
    after the folder. A folder is a class if it holds an image in either part, so
    both splits number the classes alike. Hidden files and folders are passed over.

    Args:
        folder: the folder; `~` must be expanded already.
        split: "train" or "test".

    Raises:
        FileNotFoundError: if there is no such folder.
        NotADirectoryError: if it is a file.
        ValueError: if the part is missing, holds no images, or mixes images with
            class folders.
    """
    folder = Path(os.path.abspath(folder))  # not resolved: a link keeps its own name
    if folder.is_file():
        raise NotADirectoryError(
            f"{folder} is a file; load_images takes the folder that holds the images"
        )
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")

    parts = _parts(folder)
    part = _part_of_split(folder, parts, split)
    if any(_images_in(part)):
        _refuse_mixture(part)
        paths = _in_order(_images_in(part))
        return FoundImages(folder.name, paths, (0,) * len(paths), (folder.name,))

    by_class = {c.name: _in_order(_images_below(c)) for c in _folders_in(part)}
    if not any(by_class.values()):
        raise ValueError(_nothing_found(part))
    names = {name for name, paths in by_class.items() if paths}
    for other in parts.values():
        names |= {c.name for c in _folders_in(other) if any(_images_below(c))}
    class_names = tuple(sorted(names))
    labelled = [
        (path, label)
        for label, name in enumerate(class_names)
        for path in by_class.get(name, ())
    ]
    return FoundImages(
        name=folder.name,
        paths=tuple(path for path, _ in labelled),
        labels=tuple(label for _, label in labelled),
        class_names=class_names,
    )


def _parts(folder: Path) -> dict[str, Path]:
    """Return the folder of each split; empty where the folder is undivided."""
    children = {child.name for child in _folders_in(folder)}
    parts: dict[str, Path] = {}
    for split, names in PARTS.items():
        present = [folder / name for name in names if name in children]
        # ImageNet's `test` is a heap of unlabelled images; its `val` has classes.
        labelled = [part for part in present if any(_folders_in(part))]
        for part in (labelled or present)[:1]:
            parts[split] = part
    # A lone `train` among other folders may be a class, trains beside cars; it is
    # a part only if it holds classes of its own.
    if len(parts) == 1 and len(children) > 1:
        parts = {split: part for split, part in parts.items() if any(_folders_in(part))}
    return parts


def _part_of_split(folder: Path, parts: dict[str, Path], split: str) -> Path:
    if split in parts:
        return parts[split]
    if not parts and split == "train":
        return folder
    wanted = " or ".join(PARTS[split])
    present = ", ".join(f"{part.name}/" for part in parts.values())
    has = f"only {present}" if parts else 'no parts; split="train" reads all of it'
    raise ValueError(
        f"split={split!r} needs a folder {wanted} in {folder}, which has {has}"
    )


def _refuse_mixture(part: Path) -> None:
    for child in _folders_in(part):
        if any(_images_below(child)):
            image = _in_order(_images_in(part))[0]
            raise ValueError(
                f"{part} holds both images ({image.name}) and class folders "
                f"({child.name}); move the images into class folders of their own"
            )


def _nothing_found(part: Path) -> str:
    suffixes = ", ".join(sorted(SUFFIXES))
    present = sorted(path.name for path in part.iterdir())
    if not present:
        return f"the folder {part} is empty; put images there ({suffixes})"
    shown = ", ".join(present[:3]) + (", …" if len(present) > 3 else "")
    return f"no images ({suffixes}) in {part} or one class folder down, only {shown}"


def _in_order(paths: Iterable[Path]) -> tuple[Path, ...]:
    # As text, since paths themselves compare differently on Windows.
    return tuple(sorted(paths, key=Path.as_posix))


def _folders_in(folder: Path) -> tuple[Path, ...]:
    shown = (path for path in folder.iterdir() if not path.name.startswith("."))
    return _in_order(path for path in shown if path.is_dir())


def _images_in(folder: Path) -> Iterator[Path]:
    named = (path for path in folder.iterdir() if is_image_name(path))
    return (path for path in named if not path.is_dir())


def _images_below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place, name) for name in files)
        yield from (path for path in paths if is_image_name(path))


def is_image_name(path: Path) -> bool:
    """Whether a file is one by its suffix, and not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")

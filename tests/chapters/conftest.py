"""A small book, built once for all tests of this folder."""

import shutil
from pathlib import Path

import pytest
from small_book import GOOD, notebook_path, write_chapter

from arcvq_lite.book.build import build


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of one chapter, built once; tests copy it before they change anything."""
    root = tmp_path_factory.mktemp("book")
    write_chapter(root, GOOD)
    assert build(root=root) == [notebook_path(root)]
    return root


@pytest.fixture
def book(built: Path, tmp_path: Path) -> Path:
    """A copy of the built book."""
    return shutil.copytree(built, tmp_path / "copy")

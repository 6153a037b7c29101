"""Checking, on a small book spoiled in one way at a time."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jupytext
import pytest
from jupytext.compare import NotebookDifference, compare_notebooks
from small_book import GOOD, edit_notebook, notebook_path, write_chapter

from arcvq_lite.book.check import check
from arcvq_lite.book.notebook_file import parse


def test_a_built_book_has_no_problems(book: Path) -> None:
    assert check(root=book) == []
    edit_notebook(book, lambda content: None)
    assert check(root=book) == [], "editing nothing must change nothing"


def cell(content: dict, number: int) -> dict:
    return content["cells"][number - 1]


DRIFTS = {
    "text": (
        lambda content: cell(content, 5).update(source=["1 + 2"]),
        "cell 5 (code) '1 + 2' differs from the source: '1 + 2' here, '1 + 1' there",
    ),
    "markdown": (
        lambda content: cell(content, 1).update(source=["# 03 · Margin"]),
        "cell 1 (markdown) '# 03 · Margin' differs",
    ),
    "kind": (
        lambda content: content["cells"].__setitem__(
            4,
            {
                "cell_type": "markdown",
                "id": cell(content, 5)["id"],
                "metadata": {},
                "source": ["1 + 1"],
            },
        ),
        "cell 5 (markdown) '1 + 1' is a code cell in the source",
    ),
    "tag added": (
        lambda content: cell(content, 2)["metadata"].update(tags=["exercise"]),
        "cell 2 (code) 'from pathlib import Path' has the metadata",
    ),
    "unfolded": (
        lambda content: cell(content, 4)["metadata"].pop("jupyter"),
        "cell 4 (code) 'import matplotlib.pyplot as plt' has the metadata",
    ),
    "cell removed": (
        lambda content: content["cells"].pop(),
        "cell 5 (code) '1 + 1' is in the source only",
    ),
    "cell added": (
        lambda content: content["cells"].append(
            {"cell_type": "markdown", "id": "new", "metadata": {}, "source": ["More"]}
        ),
        "cell 6 (markdown) 'More' is in the notebook only",
    ),
    "other kernel": (
        lambda content: content["metadata"]["kernelspec"].update(name="conda-env"),
        "its metadata are",
    ),
}

STALE = {
    "id": (
        lambda content: cell(content, 2).update(id="abc"),
        "cell 2 (code) 'from pathlib import Path' has the id 'abc'",
    ),
    "unexecuted": (
        lambda content: cell(content, 3).update(execution_count=None, outputs=[]),
        "cell 3 (code) 'VIEW = ",
    ),
    "gap": (
        lambda content: cell(content, 4).update(execution_count=7),
        "has the count 7 instead of 3",
    ),
    "other run": (
        lambda content: cell(content, 5)["outputs"][0].update(execution_count=9),
        "cell 5 (code) '1 + 1' shows an output of another run",
    ),
    "error": (
        lambda content: cell(content, 5).update(
            outputs=[
                {
                    "output_type": "error",
                    "ename": "ValueError",
                    "evalue": "top_k=3",
                    "traceback": [],
                }
            ]
        ),
        "cell 5 (code) '1 + 1' fails with ValueError: top_k=3",
    ),
    "stderr": (
        lambda content: cell(content, 2)["outputs"].append(
            {"output_type": "stream", "name": "stderr", "text": ["FutureWarning"]}
        ),
        "writes to stderr, where a chapter has nothing to say: FutureWarning",
    ),
    "widget view": (
        lambda content: cell(content, 3)["outputs"][0]["data"].update(
            {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
        ),
        "holds a widget's view",
    ),
    "widget state": (
        lambda content: content["metadata"].update(widgets={"state": {}}),
        "its metadata are",
    ),
    "address": (
        lambda content: cell(content, 2)["outputs"][0]["text"].append(
            "<Line2D object at 0x7f00deadbeef>"
        ),
        "shows a memory address: <Line2D object at 0x7f00deadbeef>",
    ),
    "not a notebook": (
        lambda content: content.pop("cells"),
        "cannot be compared with its source: it is not a valid notebook",
    ),
}


@pytest.mark.parametrize("name", [*DRIFTS, *STALE])
def test_an_edited_notebook_is_found(book: Path, name: str) -> None:
    change, sentence = {**DRIFTS, **STALE}[name]
    edit_notebook(book, change)
    (problem,) = check(root=book)
    assert problem.startswith("chapters/03_margins.ipynb")
    assert sentence in problem
    if name != "not a notebook":
        assert problem.endswith(": run `arcvq book build 03`")


@pytest.mark.parametrize("name", DRIFTS)
def test_jupytext_agrees_that_it_drifted(book: Path, name: str) -> None:
    edit_notebook(book, DRIFTS[name][0])
    found = parse(notebook_path(book).read_text(encoding="utf-8"))
    source = jupytext.read(book / "chapters" / "03_margins.py")
    with pytest.raises(NotebookDifference):
        compare_notebooks(found, source, fmt="py:percent", compare_outputs=False)


def test_jupytext_agrees_that_a_build_did_not_drift(built: Path) -> None:
    found = parse(notebook_path(built).read_text(encoding="utf-8"))
    source = jupytext.read(built / "chapters" / "03_margins.py")
    compare_notebooks(found, source, fmt="py:percent", compare_outputs=False)


def test_an_edited_source_is_found(book: Path) -> None:
    write_chapter(book, GOOD.replace("A picture first.", "A picture, first."))
    (problem,) = check(root=book)
    assert "cell 1 (markdown)" in problem
    assert "'A picture first.' here, 'A picture, first.' there" in problem


def test_another_hand_on_the_file_is_found(book: Path) -> None:
    content = json.loads(notebook_path(book).read_text(encoding="utf-8"))
    notebook_path(book).write_text(json.dumps(content), encoding="utf-8")
    (problem,) = check(root=book)
    assert "not written as the builder writes it" in problem


def test_missing_partners_and_stray_names_are_found(book: Path) -> None:
    chapters = book / "chapters"
    write_chapter(book, GOOD, name="04_quantization")
    shutil.copy(notebook_path(book), chapters / "05_orphan.ipynb")
    (chapters / "draft.py").touch()
    assert check(root=book) == [
        "chapters/draft.py is not named NN_name.py: rename it",
        "chapters/05_orphan.ipynb has no source 05_orphan.py: "
        "restore the source, or delete the notebook",
        "chapters/04_quantization.ipynb is missing beside its source: "
        "run `arcvq book build 04`",
    ]


def cover_path(root: Path) -> Path:
    return root / "assets" / "figures" / "03_margins.png"


def test_the_cover_is_the_picture_of_the_tagged_cell(built: Path) -> None:
    assert cover_path(built).read_bytes() == b"PNG"


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"OLD")])
def test_a_stale_or_missing_cover_is_found(
    book: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(cover_path(book))
    assert check(root=book) == [
        "chapters/03_margins.ipynb: assets/figures/03_margins.png is not the picture "
        "of its cover cell: run `arcvq book build 03`"
    ]


def test_an_empty_book_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "chapters").mkdir()
    assert check(root=tmp_path) == [
        "chapters/ holds no chapter: add chapters/00_name.py"
    ]
    with pytest.raises(FileNotFoundError, match="has no chapters/ folder"):
        check(root=tmp_path / "chapters")

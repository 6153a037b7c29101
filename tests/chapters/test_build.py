"""Building, on a small book written for the purpose."""

import json
from pathlib import Path

import nbformat
import pytest
from small_book import GOOD, notebook_path, write_chapter

from arcvq_lite.book import build as build_module
from arcvq_lite.book.build import build
from arcvq_lite.book.execute import ChapterError
from arcvq_lite.book.notebook_file import write_aside
from arcvq_lite.book.source import read_source
from arcvq_lite.book.tree import find_root, select_chapters


def test_two_builds_are_byte_identical_whatever_the_surroundings(
    book: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = notebook_path(book).read_bytes()
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    spec = {"argv": ["no-such-program"], "display_name": "P", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "noise.py").write_text("print = lambda *words: None")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONHASHSEED", "123")
    monkeypatch.setenv("TQDM_DISABLE", "0")
    monkeypatch.chdir(tmp_path)

    build(["03"], root=book)

    assert notebook_path(book).read_bytes() == before


def test_what_is_stored_is_what_a_reader_sees(built: Path) -> None:
    raw = notebook_path(built).read_bytes()
    notebook = json.loads(raw)
    cells = notebook["cells"]
    assert raw.endswith(b"}\n")
    assert b"\r" not in raw
    assert raw.splitlines()[1] == b' "cells": ['
    assert "·" in raw.decode()
    assert notebook["metadata"] == {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "name": "python",
        },
    }
    assert [cell["metadata"] for cell in cells] == [
        {},
        {},
        {"tags": ["cover"]},
        {"jupyter": {"source_hidden": True}, "tags": ["solution"]},
        {},
    ]
    words, widget, figure, two = (cell["outputs"] for cell in cells[1:])
    (stdout,) = words
    assert stdout["text"][:3] == ["theta\n", "margin\n", "code\n"]
    assert stdout["text"][3].endswith(" chapters\n")
    (shown,) = widget
    assert list(shown["data"]) == ["text/html"]
    assert "image/png" in figure[0]["data"]
    assert two[0]["data"] == {"text/plain": ["2"]}
    nbformat.validate(nbformat.from_dict(notebook))


def test_an_edit_leaves_the_other_cells_ids(built: Path, tmp_path: Path) -> None:
    def ids(body: str) -> list[str]:
        source = write_chapter(tmp_path, body)
        (chapter,) = select_chapters([source.name], tmp_path)
        return [cell.id for cell in read_source(chapter).cells]

    before = ids(GOOD)
    inserted = ids(GOOD.replace("\n# %%\n1 + 1", "\n# %%\n2\n\n# %%\n1 + 1"))
    stored = json.loads(notebook_path(built).read_text(encoding="utf-8"))
    assert before == [cell["id"] for cell in stored["cells"]]
    assert inserted[:4] + inserted[5:] == before
    repeated = ids(GOOD + "\n# %%\n1 + 1\n")
    assert len(set(repeated)) == len(repeated)


@pytest.mark.parametrize(
    ("cell", "fragments"),
    [
        (
            "2\nraise ValueError('s=0')",
            ["cell 3 (code) '2' fails with ValueError: s=0"],
        ),
        ("import warnings\nwarnings.warn('old')", ["cell 3", "to stderr", "ing: old"]),
        ("object()", ["cell 3 (code) 'object()' shows a memory address: <object"]),
        ("import ipywidgets\nipywidgets.HTML()", ["cell 3", "holds a widget's view"]),
        ("import os\nos._exit(1)", ["cell 3 (code) 'import os' fails", "death"]),
    ],
    ids=["exception", "warning", "address", "widget", "death"],
)
def test_a_bad_cell_is_named_and_the_old_notebook_kept(
    book: Path, cell: str, fragments: list[str]
) -> None:
    before = notebook_path(book).read_bytes()
    write_chapter(book, f"# %% [markdown]\n# Text\n\n# %%\n1\n\n# %%\n{cell}\n")
    with pytest.raises(ChapterError) as caught:
        build(root=book)
    for fragment in ["03_margins, ", *fragments]:
        assert fragment in str(caught.value)
    assert notebook_path(book).read_bytes() == before
    assert files_of(book) == ["03_margins.ipynb", "03_margins.py"]


def files_of(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "chapters").iterdir())


def test_an_interrupted_run_leaves_the_old_notebook(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(notebook: nbformat.NotebookNode, *rest: object) -> None:
        notebook.cells[1].outputs = []
        raise KeyboardInterrupt

    before = notebook_path(book).read_bytes()
    monkeypatch.setattr(build_module, "run_cells", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build(root=book)
    assert notebook_path(book).read_bytes() == before
    assert files_of(book) == ["03_margins.ipynb", "03_margins.py"]


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise KeyboardInterrupt

    target = tmp_path / "03_margins.ipynb"
    write_aside(b"old\n", target)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(KeyboardInterrupt):
            write_aside(b"a longer new text\n", target)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert target.read_text() == "old\n"
    write_aside(b"new\n", target)
    assert target.read_bytes() == b"new\n"


def test_a_source_without_its_header_is_refused(tmp_path: Path) -> None:
    source = write_chapter(tmp_path, GOOD)
    source.write_text(GOOD, encoding="utf-8")
    with pytest.raises(ValueError, match=r"03_margins.py begins with .*exactly these"):
        build(root=tmp_path)


def test_chapters_are_known_by_several_names(tmp_path: Path) -> None:
    for name in ("00_start_here", "03_margins", "08_ball_schedules"):
        write_chapter(tmp_path, GOOD, name)

    def names(*asked: str) -> list[str]:
        return [chapter.name for chapter in select_chapters(asked, tmp_path)]

    assert names() == ["00_start_here", "03_margins", "08_ball_schedules"]
    assert names("8", "03") == ["08_ball_schedules", "03_margins"]
    assert names("chapters/03_margins.py", "03_margins.ipynb") == ["03_margins"]
    with pytest.raises(ValueError, match=r"no '03_margin'; did you mean 03_margins\?"):
        names("03_margin")
    with pytest.raises(ValueError, match=r"did you mean 08_ball_schedules\?"):
        names("ball")
    with pytest.raises(ValueError, match=r"no '07'; known: \['00_start_here', "):
        names("07")


def test_the_root_is_found_from_below_and_missed_elsewhere(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(book / "chapters")
    assert find_root() == book.resolve()
    (book / "pyproject.toml").unlink()
    with pytest.raises(FileNotFoundError, match="built in a clone of the repository"):
        find_root()

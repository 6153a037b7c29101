"""What Sphinx is given to read, on a small book."""

import json
import sys
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from small_book import edit_notebook, notebook_path

from arcvq_lite.book.card import card_row, title
from arcvq_lite.book.gallery import gallery
from arcvq_lite.book.notebook_file import parse, serialise
from arcvq_lite.book.site import SiteError, assemble, build_site
from arcvq_lite.book.timetable import timetable
from arcvq_lite.book.tree import Chapter
from arcvq_lite.book.web_notebook import for_the_web

CARD = """# 03 · Margins: $m$ and `m`

| | |
|---|---|
| **Time** | 50 minutes |
| **The claim** | A margin `m` asks for more. |"""


@pytest.fixture
def notebook() -> NotebookNode:
    folded = {"jupyter": {"source_hidden": True}}
    cells = [
        new_markdown_cell(CARD),
        new_code_cell("1 + 1", metadata={"tags": ["exercise"]}),
        new_code_cell("2", metadata={**folded, "tags": ["solution"]}),
        new_code_cell("3", metadata=folded),
    ]
    return new_notebook(cells=cells)


@pytest.fixture
def whole_book(book: Path, notebook: NotebookNode) -> Path:
    """The small book with all that a site is made of."""
    for name, text in {
        "assets/book/index.md": "# Front",
        "assets/book/_static/book.css": "",
        "assets/references.bib": "",
        "assets/results/published.json": "{}",
        "chapters/notation.md": "# Notation",
        "chapters/assignments/README.md": "# Assignments",
        "chapters/assignments/student/a1.ipynb": serialise(notebook),
    }.items():
        path = book / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return book


def test_a_card_is_read(notebook: NotebookNode) -> None:
    assert title(notebook) == "Margins: $m$ and `m`"
    assert card_row(notebook, "The claim") == "A margin `m` asks for more."
    assert card_row(notebook, "Widget") is None
    notebook.cells[0].source = "# Margins"
    with pytest.raises(ValueError, match=r"'# NN · Title', here it is '# Margins'"):
        title(notebook)


def test_what_is_folded_in_a_notebook_is_folded_on_its_page(
    notebook: NotebookNode,
) -> None:
    before = deepcopy(notebook)
    _, open_cell, solution, code = for_the_web(notebook, "03_margins.ipynb").cells
    assert notebook == before, "the notebook given stays as it is"
    assert open_cell == before.cells[1]
    assert solution.metadata["tags"] == ["solution", "hide-cell"]
    assert solution.metadata["mystnb"]["code_prompt_show"] == "Show a solution"
    assert code.metadata["tags"] == ["hide-cell"]
    assert code.metadata["mystnb"]["code_prompt_show"] == "Show the code"


def test_a_page_says_how_to_run_it_between_its_title_and_its_card(
    notebook: NotebookNode,
) -> None:
    first = for_the_web(notebook, "03_margins.ipynb").cells[0].source
    assert "(../jupyterlab.md)" in first
    heading, line, card = (
        first.index(words)
        for words in ("# 03 · Margins", "start.py lab chapters/03_margins.ipynb", "| |")
    )
    assert heading < line < card
    assert first.endswith(CARD.partition("\n")[2])
    deeper = for_the_web(notebook, "assignments/student/a1_margins.ipynb")
    assert "(../../../jupyterlab.md)" in deeper.cells[0].source


def test_the_gallery_shows_a_picture_where_there_is_one(
    book: Path, notebook: NotebookNode
) -> None:
    pictured, plain = (
        Chapter(book / "chapters" / f"{name}.py") for name in ("03_margins", "04_other")
    )
    text = gallery({pictured: notebook, plain: notebook})
    first, second = text.split('<div class="chapter-card">')[1:]
    assert "![](assets/figures/03_margins.png)" in first
    assert "[Margins: $m$ and `m`](chapters/03_margins.ipynb)" in first
    assert "A margin `m` asks for more." in first
    assert "![]" not in second
    assert ">04</p>" in second
    assert text.count("<div") == text.count("</div>") == 3


def test_the_timetable_has_what_was_recorded_and_owns_to_what_was_not(
    book: Path, notebook: NotebookNode
) -> None:
    known, unknown = (
        Chapter(book / "chapters" / f"{name}.py") for name in ("03_margins", "04_other")
    )
    record = json.loads(known.record.read_text(encoding="utf-8"))
    record |= {"seconds": 12.34, "peak_memory_mib": 1017, "processor": "Model X"}
    known.record.write_text(json.dumps(record), encoding="utf-8")
    head, _rule, first, second = timetable(
        {known: notebook, unknown: notebook}
    ).splitlines()
    assert head.count("|") == first.count("|") == second.count("|")
    assert first.startswith("| [03 · Margins: $m$ and `m`](chapters/03_margins.ipynb) ")
    for cell in ("12", "1,017", "Model X", record["torch"], record["date"]):
        assert f"| {cell} |" in first
    assert "| not recorded |" in second


def test_sources_stand_as_in_the_repository(whole_book: Path, tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    assemble(sources, root=whole_book)
    assert {
        path.relative_to(sources).as_posix()
        for path in sources.rglob("*")
        if path.is_file()
    } == {
        "_static/book.css",
        "assets/figures/03_margins.png",
        "assets/results/chapters/03_margins.json",
        "assets/results/published.json",
        "chapters/03_margins.ipynb",
        "chapters/assignments/README.md",
        "chapters/assignments/student/a1.ipynb",
        "chapters/notation.md",
        "index.md",
        "made/benchmarks.md",
        "made/gallery.md",
        "made/timetable.md",
        "references.bib",
    }
    text = (sources / "chapters" / "03_margins.ipynb").read_text(encoding="utf-8")
    assert any(
        "hide-cell" in cell.metadata.get("tags", []) for cell in parse(text).cells
    )


def test_a_chapter_without_its_notebook_is_named(
    whole_book: Path, tmp_path: Path
) -> None:
    notebook_path(whole_book).unlink()
    with pytest.raises(FileNotFoundError, match=r"03_margins.* is missing.* build 03`"):
        assemble(tmp_path / "sources", root=whole_book)


def test_a_notebook_that_is_none_is_named(whole_book: Path, tmp_path: Path) -> None:
    edit_notebook(whole_book, lambda content: content.pop("cells"))
    with pytest.raises(ValueError, match=r"chapters/03_margins.ipynb: it is not"):
        assemble(tmp_path / "sources", root=whole_book)


@pytest.fixture
def sphinx(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A Sphinx that writes one page, and then says whether it is content."""
    seen = SimpleNamespace(arguments=[], status=0)

    def build_main(arguments: list[str]) -> int:
        seen.arguments = arguments
        assert (Path(arguments[-2]) / "chapters" / "03_margins.ipynb").is_file()
        Path(arguments[-1]).mkdir()
        (Path(arguments[-1]) / "index.html").touch()
        return seen.status

    module = SimpleNamespace(build_main=build_main)
    monkeypatch.setitem(sys.modules, "sphinx.cmd.build", module)
    return seen


def test_a_site_is_built_anew_and_a_warning_is_an_error(
    whole_book: Path, sphinx: SimpleNamespace
) -> None:
    output = whole_book / "build" / "site"
    output.mkdir(parents=True)
    (output / "old.html").touch()
    for _ in range(2):
        assert build_site(output, root=whole_book) == output / "index.html"
    assert [path.name for path in output.iterdir()] == ["index.html"]
    assert "--fail-on-warning" in sphinx.arguments
    sphinx.status = 1
    with pytest.raises(SiteError, match="see above"):
        build_site(output, root=whole_book)

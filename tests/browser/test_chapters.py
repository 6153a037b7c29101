"""Each chapter as a reader meets it: opened, run from top to bottom, its sliders moved.

The chapters are copies, so nothing that JupyterLab saves reaches the repository.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyterlab_page import NotebookPage, move_each_control
from jupyterlab_server import REPOSITORY, JupyterLabServer, start_jupyterlab

CHAPTERS = sorted(path.stem for path in (REPOSITORY / "chapters").glob("*.ipynb"))
STUDENTS = REPOSITORY / "chapters/assignments/student"
ASSIGNMENTS = sorted(path.stem for path in STUDENTS.glob("*.ipynb"))
# The site's test moves the static players of every chapter; JupyterLab gets one.
WITH_STATIC_PLAYER = "03_margins"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLabServer]:
    root = tmp_path_factory.mktemp("chapters")
    notebooks = root / "chapters"
    shutil.copytree(REPOSITORY / "chapters", notebooks)
    shutil.copytree(REPOSITORY / "assets/results", root / "assets/results")
    server = start_jupyterlab(notebooks, root / "jupyter")
    yield server
    server.stop()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_runs_and_its_sliders_move(
    chapter: str, reader: NotebookPage, tmp_path: Path
) -> None:
    with reader.pictured(tmp_path / "failure.png"):
        reader.open(f"{chapter}.ipynb")
        cells = reader.run_all()
        errors = [error for cell in cells for error in cell["errors"]]
        assert errors == []
        assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
        for figure in reader.live_figures():
            move_each_control(figure)
        assert reader.console_errors == []


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_an_assignment_opens_and_its_checkers_wait_for_an_answer(
    assignment: str, reader: NotebookPage, tmp_path: Path
) -> None:
    with reader.pictured(tmp_path / "failure.png"):
        reader.open(f"assignments/student/{assignment}.ipynb")
        cells = reader.run_all()
        assert [error for cell in cells for error in cell["errors"]] == []
        said = [cell["plain"] for cell in cells if cell["source"].startswith("check.")]
        assert said
        assert {*said} == {"✗ Not attempted yet."}
        assert reader.console_errors == []


def test_static_players_move_without_a_run(
    reader: NotebookPage, tmp_path: Path
) -> None:
    with reader.pictured(tmp_path / "failure.png"):
        reader.open(f"{WITH_STATIC_PLAYER}.ipynb")
        for figure in reader.static_figures():
            move_each_control(figure)
        assert reader.console_errors == []

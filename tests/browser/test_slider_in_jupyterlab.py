"""The widget itself in a real JupyterLab, on a notebook made for the purpose."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from jupyterlab_page import NotebookPage, move_each_control
from jupyterlab_server import JupyterLabServer, start_jupyterlab
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image
from playwright.sync_api import Locator

pytestmark = pytest.mark.browser

BAR = """
from arcvq_lite.widgets import Choice, Slider, SliderFigure

def draw(figure, length, hue):
    if not figure.axes:
        axes = figure.subplots()
        axes.set(xlim=(0, 2), xlabel="length", yticks=[])
        axes.barh([0], [1])
    bar = figure.axes[0].patches[0]
    bar.set_width(length)
    bar.set_color(hue)
    return f"The bar is {hue} and ends at {length:.1f}."

bar = SliderFigure(
    draw,
    alt_title="A bar",
    size=(5, 1.5),
    length=Slider(0, 2, 0.1, 2, "length", frames=5, format=".1f"),
    hue=Choice(("black", "gray"), "black", "hue"),
)
"""


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLabServer]:
    root = tmp_path_factory.mktemp("slider_figure")
    notebooks = root / "notebooks"
    notebooks.mkdir()
    nbformat.write(bar_notebook(), notebooks / "bar.ipynb")
    server = start_jupyterlab(notebooks, root / "jupyter")
    yield server
    server.stop()


def bar_notebook() -> nbformat.NotebookNode:
    """A notebook that holds its static player as the book's notebooks do."""
    names: dict[str, Any] = {}
    exec(BAR, names)
    bundle = names["bar"]._repr_mimebundle_()
    stored = {kind: bundle[kind] for kind in ("text/html", "text/plain")}
    player = new_output("execute_result", stored, execution_count=2)
    return new_notebook(
        cells=[
            new_code_cell(BAR, execution_count=1),
            new_code_cell("bar", execution_count=2, outputs=[player]),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )


def test_live_controls_move_the_picture(reader: NotebookPage, tmp_path: Path) -> None:
    with reader.pictured(tmp_path / "live.png"):
        reader.open("bar.ipynb")
        cells = reader.run_all()
        assert [cell["errors"] for cell in cells] == [[], []]
        (figure,) = reader.live_figures()
        assert figure.get_by_role("slider", name="length").count() == 1
        assert figure.get_by_role("combobox", name="hue").count() == 1
        move_each_control(figure)
        assert reader.console_errors == []


def test_static_player_moves_without_a_run(
    reader: NotebookPage, tmp_path: Path
) -> None:
    with reader.pictured(tmp_path / "static.png"):
        reader.open("bar.ipynb")
        (figure,) = reader.static_figures()
        assert figure.get_by_role("slider", name="length").count() == 1
        assert figure.get_by_role("combobox", name="hue").count() == 1
        move_each_control(figure)
        assert reader.console_errors == []


def test_the_first_picture_stays_behind_the_static_players_frames(
    reader: NotebookPage, tmp_path: Path
) -> None:
    with reader.pictured(tmp_path / "behind.png"):
        reader.open("bar.ipynb")
        (figure,) = reader.static_figures()
        image, hue = figure.locator("img"), figure.get_by_role("combobox", name="hue")
        before = pixels(image)
        hue.press("ArrowRight")
        assert np.abs(pixels(image) - before).max() > 100
        hue.press("ArrowLeft")
        assert np.abs(pixels(image) - before).max() < 40
        assert image.evaluate("image => image.style.background").count("url(") == 1


def pixels(element: Locator) -> np.ndarray:
    """What the page shows of an element: (H, W, 3)."""
    with Image.open(BytesIO(element.screenshot())) as image:
        return np.asarray(image.convert("RGB"), dtype=float)

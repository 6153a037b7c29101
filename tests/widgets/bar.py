"""A small figure with two controls, which the tests of this folder move."""

from html.parser import HTMLParser
from typing import Any

from matplotlib.figure import Figure

from arcvq_lite.widgets import Choice, Slider, SliderFigure

LENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0)
HUES = ("black", "gray")


def draw(figure: Figure, length: float, hue: str) -> str:
    if not figure.axes:
        axes = figure.subplots()
        axes.set(xlim=(0, 2), xlabel="length", yticks=[])
        axes.barh([0], [1])
    bar = figure.axes[0].patches[0]
    bar.set_width(length)
    bar.set_color(hue)
    return sentence(length, hue)


def sentence(length: float, hue: str) -> str:
    return f"The bar is {hue} and ends at {length:.1f}."


def bar_figure(**changes: Any) -> SliderFigure:
    arguments = {
        "draw": draw,
        "alt_title": 'A "bar" & more',
        "size": (3.0, 1.0),
        "length": Slider(0, 2, 0.1, 1, "length <l>", frames=5, format=".1f"),
        "hue": Choice(HUES, "gray", "hue"),
    }
    return SliderFigure(**{**arguments, **changes})


class Page(HTMLParser):
    """All elements of a page in order, each with its attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

"""A picture is the same bytes each time, and its words are always there."""

from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from arcvq_lite.viz import Picture, new_figure


def line(slope: float = 1.0) -> Figure:
    figure = new_figure(3, 2)
    figure.subplots().plot([0, 1], [0, slope])
    return figure


class Elements(HTMLParser):
    """Every tag with its attributes, and all text, with entities resolved."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: dict[str, dict[str, str | None]] = {}
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert Picture(line(), "A line.").png == Picture(line(), "A line.").png
    assert Picture(line(), "A line.").png != Picture(line(2), "A line.").png


def test_the_file_names_no_date_and_no_program() -> None:
    with Image.open(BytesIO(Picture(line(), "A line.").png)) as image:
        assert image.info == {}
        assert image.size == (450, 300)


def test_drawing_later_changes_nothing() -> None:
    figure = line()
    picture = Picture(figure, "A line.")
    before = picture.png
    figure.axes[0].plot([0, 1], [1, 0])
    assert picture.png == before


def test_the_page_gets_picture_words_and_caption() -> None:
    words = 'An angle <90° & a "margin".'
    bundle = Picture(line(), words, caption="Below <b>it</b>.")._repr_mimebundle_()
    page = Elements(bundle["text/html"])
    assert bundle["text/plain"] == words
    assert page.tags["img"]["alt"] == words
    assert str(page.tags["img"]["src"]).startswith("data:image/png;base64,iVBOR")
    assert (page.tags["img"]["width"], page.tags["img"]["height"]) == ("300", "200")
    assert page.text == "Below <b>it</b>."


def test_no_caption_leaves_no_empty_one() -> None:
    html = Picture(line(), "A line.")._repr_mimebundle_()["text/html"]
    assert "figcaption" not in html


def test_a_picture_saves_itself_as_png(tmp_path: Path) -> None:
    picture = Picture(line(), "A line.")
    picture.save(tmp_path / "line.png")
    assert (tmp_path / "line.png").read_bytes() == picture.png
    with pytest.raises(ValueError, match=r"path must end in \.png, got 'line\.jpg'"):
        picture.save(tmp_path / "line.jpg")


def test_a_picture_needs_words() -> None:
    with pytest.raises(ValueError, match="alt must say in words"):
        Picture(line(), "  ")

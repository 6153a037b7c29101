"""The static player: every state in its place, self-contained and small."""

import base64
import json
from io import BytesIO
from itertools import product

import numpy as np
import pytest
from bar import HUES, LENGTHS, Page, bar_figure, draw, sentence
from matplotlib.figure import Figure
from PIL import Image, ImageChops

from arcvq_lite.viz import CODES, LATENTS, new_figure
from arcvq_lite.viz.picture import pixels
from arcvq_lite.widgets import Slider, SliderFigure
from arcvq_lite.widgets.frames import few_colours
from arcvq_lite.widgets.still_layout import hold_layout


@pytest.fixture(scope="module")
def html() -> str:
    return bar_figure()._repr_mimebundle_()["text/html"]


def test_frames_stand_in_the_order_in_which_the_controls_count(html: str) -> None:
    frames = json.loads(Page(html).all("figure")[0]["data-frames"])
    words = [caption for _source, caption in frames]
    assert words == [sentence(*state) for state in product(LENGTHS, HUES)]
    assert len({source for source, _caption in frames}) == len(frames)


def decoded(source: str) -> Image.Image:
    kind, data = source.split(";base64,")
    assert kind == "data:image/webp"
    with Image.open(BytesIO(base64.b64decode(data))) as image:
        return image.convert("RGBA")


def test_the_first_picture_is_whole_and_the_first_state(html: str) -> None:
    image = Page(html).all("img")[0]
    assert image["alt"] == sentence(1, "gray")
    picture = decoded(str(image["src"]))
    assert picture.size == (450, 150)
    assert picture.getextrema()[3] == (255, 255)


def test_each_frame_over_the_first_picture_shows_its_state(html: str) -> None:
    page = Page(html)
    first = decoded(str(page.all("img")[0]["src"]))
    frames = json.loads(page.all("figure")[0]["data-frames"])
    for state, (source, _words) in zip(product(LENGTHS, HUES), frames, strict=True):
        figure = new_figure(3, 1)
        draw(figure, 1, "gray")
        hold_layout(figure)
        draw(figure, *state)
        shown = Image.alpha_composite(first, decoded(source)).convert("RGB")
        difference = ImageChops.difference(shown, pixels(figure))
        assert max(high for _low, high in difference.getextrema()) < 24, state


def test_controls_are_native_labelled_and_stand_at_the_first_state(html: str) -> None:
    page = Page(html)
    (slider,) = page.all("input")
    assert (slider["type"], slider["min"], slider["max"]) == ("range", "0", "4")
    assert (slider["value"], slider["aria-valuetext"]) == ("2", "1.0")
    assert json.loads(slider["data-texts"]) == ["0.0", "0.5", "1.0", "1.5", "2.0"]
    (choice,) = page.all("select")
    assert json.loads(choice["data-texts"]) == list(HUES)
    selected = [
        option["value"] for option in page.all("option") if "selected" in option
    ]
    assert selected == ["1"]
    # Each control stands inside its label, which therefore needs no id.
    inner = [tag for tag, _ in page.elements if tag in ("label", "input", "select")]
    assert inner == ["label", "input", "label", "select"]


def test_text_is_escaped(html: str) -> None:
    page = Page(html)
    assert page.all("figure")[0]["aria-label"] == 'A "bar" & more'
    assert "length <l>" in page.text


def test_nothing_comes_from_elsewhere_and_nothing_can_collide(html: str) -> None:
    page = Page(html)
    assert not any("id" in attributes for _, attributes in page.elements)
    assert not page.all("script")
    assert "http" not in html


def test_two_builds_are_the_same_to_the_byte(html: str) -> None:
    assert bar_figure()._repr_mimebundle_()["text/html"] == html


def test_a_slider_with_one_frame_is_not_shown() -> None:
    still = Slider(0, 2, 0.1, 1, "length", frames=1)
    page = Page(bar_figure(length=still)._repr_mimebundle_()["text/html"])
    assert not page.all("input")
    frames = json.loads(page.all("figure")[0]["data-frames"])
    assert [words for _, words in frames] == [sentence(1, hue) for hue in HUES]


def crowded(figure: Figure, margin: float) -> str:
    """About as much as a chapter's widget draws: a curve and 300 points."""
    if not figure.axes:
        left, right = figure.subplots(1, 2)
        noise = np.random.default_rng(0).normal(size=(300, 2))
        left.scatter(*noise.T, s=10, color=LATENTS, alpha=0.6)
        left.plot([0, 1], [0, 1], color=CODES)
        right.set(xlabel="angle in radians", ylabel="logit", ylim=(-1.1, 1.1))
        right.plot([], [], color=CODES)
        right.set_xlim(0, np.pi)
    left, right = figure.axes
    angle = np.linspace(0, np.pi, 200)
    left.lines[0].set_data([0, np.cos(margin)], [0, np.sin(margin)])
    right.lines[0].set_data(angle, np.cos(angle + margin))
    return f"The curve is shifted by {margin:.2f} radians."


def test_a_usual_player_stays_small() -> None:
    figure = SliderFigure(
        crowded, alt_title="A margin", margin=Slider(0, 0.96, 0.04, 0.2, "margin m")
    )
    html = figure._repr_mimebundle_()["text/html"]
    assert len(json.loads(Page(html).all("figure")[0]["data-frames"])) == 25
    assert len(html) < 250_000


def test_few_colours_keep_white_white_and_colours_close() -> None:
    figure = new_figure()
    crowded(figure, 0.5)
    drawn = pixels(figure)
    kept = np.asarray(few_colours(drawn), dtype=float)
    original = np.asarray(drawn, dtype=float)
    white = (original == 255).all(axis=-1)
    assert (kept[white] == 255).all()
    assert np.sqrt(np.mean((kept - original) ** 2)) < 2

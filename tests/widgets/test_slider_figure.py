"""The live figure: what moves, what it says, and how an error shows itself."""

import time

import pytest
from bar import Page, bar_figure, draw, sentence
from matplotlib.figure import Figure

from arcvq_lite.widgets import Slider, SliderFigure
from arcvq_lite.widgets.static_player import check_frame_count


def picture(figure: SliderFigure) -> Page:
    return Page(figure.children[-1].value)


def test_picture_words_and_caption_stand_at_once() -> None:
    figure = bar_figure()
    page = picture(figure)
    assert figure.caption == sentence(1, "gray")
    assert page.all("img")[0]["alt"] == sentence(1, "gray")
    assert page.text == sentence(1, "gray")
    assert page.all("figure")[0]["aria-label"] == 'A "bar" & more'
    assert page.all("figcaption")[0]["aria-live"] == "polite"


def test_moving_changes_picture_and_words() -> None:
    figure = bar_figure()
    before = picture(figure)
    assert figure.set(length=1.5, hue="black") == sentence(1.5, "black")
    assert figure.state == {"length": 1.5, "hue": "black"}
    after = picture(figure)
    assert after.all("img")[0]["src"] != before.all("img")[0]["src"]
    assert after.all("img")[0]["alt"] == sentence(1.5, "black")


def test_a_state_looks_the_same_however_it_was_reached() -> None:
    figure = bar_figure()
    before = figure.children[-1].value
    figure.set(length=2)
    figure.set(length=1)
    assert figure.children[-1].value == before


def test_artists_are_made_once() -> None:
    seen: list[int] = []

    def count(figure: Figure, length: float, hue: str) -> str:
        words = draw(figure, length, hue)
        seen.append(len(figure.axes[0].get_children()))
        return words

    figure = bar_figure(draw=count)
    figure.set(length=0.5, hue="black")
    figure._repr_mimebundle_()
    assert len(set(seen)) == 1


def test_showing_the_figure_leaves_its_state_alone() -> None:
    figure = bar_figure()
    figure.set(length=0.3)
    before = figure.children[-1].value
    bundle = figure._repr_mimebundle_()
    assert figure.children[-1].value == before
    assert bundle["text/plain"] == sentence(0.3, "gray")
    figure._redraw()
    assert figure.children[-1].value == before


@pytest.mark.parametrize(
    ("move", "message"),
    [
        ({"lenght": 1}, "lenght is none of this figure's controls: length, hue"),
        ({"length": 3}, r"must be a number in \[0.0, 2.0\], got 3"),
        ({"hue": "red"}, "must be one of 'black', 'gray', got 'red'"),
        ({"hue": "black", "length": -1}, "got -1"),
    ],
)
def test_an_impossible_move_moves_nothing(
    move: dict[str, object], message: str
) -> None:
    figure = bar_figure()
    with pytest.raises(ValueError, match=message):
        figure.set(**move)
    assert figure.state == {"length": 1.0, "hue": "gray"}


def test_an_error_is_seen_and_raised_and_passes() -> None:
    def refuse(figure: Figure, length: float, hue: str) -> str:
        if length > 1.5:
            raise ValueError("no <bar> is that long")
        return draw(figure, length, hue)

    figure = bar_figure(draw=refuse)
    with pytest.raises(ValueError, match="no <bar> is that long"):
        figure.set(length=1.6)
    page = picture(figure)
    assert page.all("p")[0]["role"] == "alert"
    assert page.text.endswith("ValueError: no <bar> is that long")
    figure.set(length=0.5)
    assert picture(figure).text == sentence(0.5, "gray")


@pytest.mark.parametrize("words", [None, "", 3])
def test_draw_must_say_what_it_shows(words: object) -> None:
    with pytest.raises(TypeError, match="draw must return its caption"):
        bar_figure(draw=lambda _figure, **_state: words)


def test_controls_are_needed_and_must_be_controls() -> None:
    with pytest.raises(ValueError, match="needs at least one Slider or Choice"):
        SliderFigure(draw, alt_title="A bar")
    with pytest.raises(TypeError, match="hue must be a Slider or a Choice, got 3"):
        bar_figure(hue=3)


def test_too_many_frames_are_refused_with_their_factors() -> None:
    controls = {name: Slider(0, 1, 0.1, 0.5, name, frames=11) for name in "ab"}
    with pytest.raises(ValueError, match=r"hold 121 pictures \(a 11 x b 11\).*120"):
        check_frame_count(controls)


def test_a_move_takes_a_fraction_of_a_second() -> None:
    figure = bar_figure(size=(7.0, 3.2))
    start = time.perf_counter()
    for step in range(10):
        figure.set(length=step / 10)
    assert (time.perf_counter() - start) / 10 < 0.5

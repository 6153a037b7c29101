"""Single codes, drawn: an alphabet, a reach, and a code put into a picture."""

import pytest
import torch

from arcvq_lite.viz import new_figure
from arcvq_lite.viz.codes import CodeScene, Edit, draw_alphabet, draw_reach
from arcvq_lite.widgets import Choice, Slider, SliderFigure

TOKENS = torch.arange(16).reshape(4, 4)
PICTURE = torch.linspace(-1, 1, 3 * 16 * 16).reshape(3, 16, 16)
PLACES = {"at one place": (1, 2), "everywhere": (slice(None), slice(None))}


def edit(rank: int, where: str) -> Edit:
    indices = TOKENS.clone()
    indices[PLACES[where]] = 20 + rank
    return Edit(indices, PICTURE * (1 - rank / 4), changed=10 * rank)


def scene() -> CodeScene:
    edits = {(rank, where): edit(rank, where) for rank in (1, 2) for where in PLACES}
    return CodeScene(Edit(TOKENS, PICTURE, 0), edits, [21, 22], 32)


def codes_figure() -> SliderFigure:
    return SliderFigure(
        scene(),
        alt_title="A code put into a ramp",
        size=(5.0, 1.6),
        code=Slider(1, 2, 1, 1, "code", frames=2, format=".0f"),
        where=Choice(tuple(PLACES), "at one place", "put it"),
    )


def test_an_alphabet_has_a_picture_and_a_label_a_code() -> None:
    axes = new_figure(5, 2).subplots()
    draw_alphabet(axes, PICTURE.expand(6, -1, -1, -1), list("abcdef"), columns=3)
    assert len(axes.images) == 6
    assert [text.get_text() for text in axes.texts] == list("abcdef")
    assert not axes.lines


def test_idle_letters_are_struck_through() -> None:
    axes = new_figure(5, 2).subplots()
    pictures = PICTURE.expand(3, -1, -1, -1)
    draw_alphabet(axes, pictures, list("abc"), idle=[False, True, True])
    assert len(axes.lines) == 2


def test_an_alphabet_with_too_few_labels_is_refused() -> None:
    axes = new_figure(5, 2).subplots()
    with pytest.raises(ValueError, match="3 pictures, got 2"):
        draw_alphabet(axes, PICTURE.expand(3, -1, -1, -1), ["a", "b"])


def test_a_reach_is_white_only_where_it_is_zero() -> None:
    axes = new_figure(3, 3).subplots()
    strength = torch.zeros(5, 5)
    strength[1:4, 1:4] = 1e-12
    strength[2, 2] = 1.0
    draw_reach(axes, strength, (2, 2, 1), "sees")
    shown = torch.as_tensor(axes.images[0].get_array())
    assert axes.get_title() == "sees"
    assert (shown[0, 0] == 1).all()
    assert (shown[1, 1] < 0.99).any()
    assert shown[2, 2].sum() < shown[1, 1].sum()


def test_the_caption_tells_code_place_and_change() -> None:
    figure = codes_figure()
    caption = figure.set(code=2)
    assert "Code 22, number 2 by frequency, at one place: 1 place of 16" in caption
    assert "20 of 256 pixels" in caption
    assert "16 places of 16" in figure.set(where="everywhere")


def test_each_control_changes_the_picture_and_back_is_back() -> None:
    figure = codes_figure()
    before = figure.children[-1].value
    figure.set(code=2)
    moved = figure.children[-1].value
    assert moved != before
    figure.set(where="everywhere")
    assert figure.children[-1].value != moved
    figure.set(code=1, where="at one place")
    assert figure.children[-1].value == before


def test_an_edit_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="code=7"):
        scene()(new_figure(), code=7, where="everywhere")
    with pytest.raises(ValueError, match="one or more"):
        CodeScene(Edit(TOKENS, PICTURE, 0), {}, [], 32)

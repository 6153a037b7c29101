"""A held layout: labels stay beside their axes, with however many pixels drawn."""

import pytest

from arcvq_lite.viz.picture import pixels
from arcvq_lite.viz.style import new_figure
from arcvq_lite.widgets.still_layout import hold_layout


@pytest.mark.parametrize("per_inch", [75, 110, 150])
def test_labels_keep_their_place_in_inches(per_inch: int) -> None:
    figure = new_figure(5, 3)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1000])
    axes.set(xlabel="step", ylabel="points")
    hold_layout(figure)

    def inches() -> list[float]:
        labels = (axes.xaxis.label, axes.yaxis.label)
        boxes = [label.get_window_extent() for label in labels]
        return [edge / figure.dpi for box in boxes for edge in (box.x0, box.y0)]

    pixels(figure, 150)
    before = inches()
    pixels(figure, per_inch)
    assert inches() == pytest.approx(before, abs=0.03)

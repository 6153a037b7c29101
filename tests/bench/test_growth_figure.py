"""How growth is drawn: a row a size, time beside memory, each line with its power."""

from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from records import a_growth

from arcvq_lite.bench import growth_figure
from arcvq_lite.bench.growth_figure import growth_picture


@pytest.fixture
def draw(monkeypatch):
    """The axes of a picture that are to be seen."""

    def draw(*growths):
        figures: list[Figure] = []
        made = growth_figure.new_figure

        def kept(*size):
            figures.append(made(*size))
            return figures[-1]

        monkeypatch.setattr(growth_figure, "new_figure", kept)
        growth_picture(growths)
        return [axes for axes in figures[0].axes if axes.get_visible()]

    return draw


def lines(axes):
    return [
        ([*line.get_xdata()], [*line.get_ydata()], line.get_label())
        for line in axes.lines
    ]


def test_time_and_memory_stand_side_by_side_with_what_was_measured(draw):
    time, memory = draw(a_growth(), a_growth("plain"))
    sizes = [1_024, 4_096]
    assert lines(time) == [
        (sizes, [0.1, 0.4], "arcvq_lite: K$^{1.00}$"),
        (sizes, [0.1, 0.4], "plain: K$^{1.00}$"),
    ]
    assert lines(memory)[0] == (sizes, [32.0, 64.0], "arcvq_lite: K$^{0.50}$")
    assert time.get_position().x1 < memory.get_position().x0
    assert {axes.get_xscale() for axes in (time, memory)} == {"log"}
    assert {axes.get_yscale() for axes in (time, memory)} == {"log"}


def test_a_way_has_one_colour_in_all_panels(draw):
    panels = draw(a_growth(), a_growth("plain"), a_growth("plain", "N"))
    assert len(panels) == 4
    colours = {
        (line.get_label().partition(":")[0], line.get_color())
        for axes in panels
        for line in axes.lines
    }
    assert len(colours) == 2


def test_memory_that_was_not_measured_has_no_panel(draw):
    assert len(draw(a_growth(memory=None))) == 1
    assert len(draw(a_growth(), a_growth(size="N", memory=None))) == 3


def test_the_legend_covers_no_line(draw):
    for axes in draw(a_growth(), a_growth("plain")):
        legend = axes.get_legend().get_window_extent()
        assert legend.y0 >= axes.get_window_extent().y1 - 1


def test_a_cost_that_wanders_a_little_looks_flat(draw):
    _, memory = draw(a_growth(memory=(40.0, 41.0)))
    low, high = memory.get_ylim()
    assert high / low >= 7.9
    assert low < 40 < 41 < high


def test_a_dollar_is_no_mathematics(draw):
    (time, _) = draw(a_growth("a $x_$ way"))
    assert lines(time)[0][2].startswith(r"a \$x_\$ way: ")


def test_the_words_for_it_name_every_way_and_its_costs():
    alt = growth_picture([a_growth(), replace(a_growth("plain"), sizes=(8, 16))]).alt
    assert "arcvq_lite, K from 1,024 to 4,096: 100 ms to 400 ms" in alt
    assert "plain, K from 8 to 16: 100 ms to 400 ms and 32 MiB to 64 MiB" in alt


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match=r"growths must hold at least one, got none"):
        growth_picture([])

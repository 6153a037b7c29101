"""Holding a figure's layout still, so that only what moves is worked out again."""

from matplotlib.figure import Figure


def hold_layout(figure: Figure) -> None:
    """Lay a figure out once and keep every axes, label and title where it is.

    Constrained layout would let the axes jump from state to state, and searching a
    place for each label and title takes a third of the time of drawing them.

    Args:
        figure: A figure on which everything has been drawn once.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            # A label lies so many pixels from its axis; as a share of the axes it
            # stays in its place when the figure is drawn with fewer of them.
            label = axis.label
            place = label.get_transform().transform(label.get_position())
            axis.set_label_coords(*axes.transAxes.inverted().transform(place))

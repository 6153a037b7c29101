"""Figures that move: live sliders with a kernel, a static player without one."""

from arcvq_lite.widgets.controls import Choice, Slider
from arcvq_lite.widgets.slider_figure import SliderFigure

__all__ = ["Choice", "Slider", "SliderFigure"]

"""A figure with sliders: one drawing function, shown live and as a static player."""

from collections.abc import Callable, Mapping
from html import escape
from itertools import product
from typing import Any

import ipywidgets
from matplotlib import rc_context

from arcvq_lite.viz.picture import (
    CSS_PIXELS_PER_INCH,
    FIGURE_STYLE,
    caption_tag,
    css_size,
    data_uri,
    image_tag,
    pixels,
    png_bytes,
)
from arcvq_lite.viz.style import WARNING, new_figure, styled
from arcvq_lite.widgets.controls import Choice, Slider
from arcvq_lite.widgets.frames import changed_frame, whole_frame
from arcvq_lite.widgets.static_player import (
    KEEP_PLAIN_KEYS,
    check_frame_count,
    player_html,
)
from arcvq_lite.widgets.still_layout import hold_layout

# A picture that follows a hand has one pixel where the page has one, fewer than half
# of one that is kept, and letters that are not fitted to them: encoding the pixels
# and fitting the letters is what a move would wait for.
LIVE_PIXELS_PER_INCH = CSS_PIXELS_PER_INCH
LIVE_STYLE: dict[Any, Any] = {"text.hinting": "none"}

# An ipywidget cannot be given a keyboard handler or a name for its handle that a
# screen reader finds, so the picture, once it stands beside the sliders, sets both.
# It may load before it stands there: then it looks again at each repaint, for some
# seconds, in case it has been replaced and never will.
ON_LOAD = f"""
let looks = 300;
const furnish = () => {{
  const box = this.closest('.widget-vbox');
  if (!box) {{
    if (looks-- > 0) requestAnimationFrame(furnish);
    return;
  }}
  box.onkeydown = event => {{ {KEEP_PLAIN_KEYS} }};
  for (const handle of box.querySelectorAll('[role=slider]')) {{
    const name = handle.closest('.widget-slider').querySelector('.widget-label');
    handle.setAttribute('aria-label', name.textContent);
  }}
}};
furnish();
"""

Draw = Callable[..., str]


class SliderFigure(ipywidgets.VBox):  # type: ignore[misc]
    """A drawing that follows its sliders.

    ``draw(figure, **state)`` draws one state and returns a full sentence with the
    state's numbers, which becomes both the caption and the alternative text. The
    first call finds the figure empty and creates its artists; later calls find them
    there and change them. Limits of axes stay fixed from the first call on.

    With a kernel the sliders call ``draw``. Without one, on a page or in a notebook
    that was not run, the same object shows precomputed frames.

    Args:
        draw: The drawing function.
        alt_title: What the whole is, in a few words, for a screen reader.
        size: Width and height in inches.
        **controls: One ``Slider`` or ``Choice`` for each argument of ``draw``.

    Raises:
        ValueError: If there is no control, or the static player would hold too many
            frames.
        TypeError: If a control is no control, or ``draw`` returns no sentence.

    Example:
        >>> def draw(figure, radius):
        ...     if not figure.axes:
        ...         axes = figure.subplots()
        ...         axes.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
        ...         axes.plot([], [])
        ...     line = figure.axes[0].lines[0]
        ...     line.set_data([0, radius], [0, 0])
        ...     return f"The line is {radius:.1f} long."
        >>> figure = SliderFigure(
        ...     draw, alt_title="A line", radius=Slider(0, 2, 0.5, 1, "radius")
        ... )
        >>> figure.set(radius=1.5)
        'The line is 1.5 long.'
    """

    def __init__(
        self,
        draw: Draw,
        *,
        alt_title: str,
        size: tuple[float, float] = (7.0, 3.2),
        **controls: Slider | Choice,
    ) -> None:
        _check_controls(controls)
        self.alt_title = alt_title
        self.caption = ""
        self._draw = draw
        self._controls = controls
        self._figure = new_figure(*size)
        self._is_laid_out = False
        self._handles = {name: control.live() for name, control in controls.items()}
        self._picture = ipywidgets.HTML()
        super().__init__([*self._handles.values(), self._picture])
        self._redraw()
        for handle in self._handles.values():
            handle.observe(lambda _change: self._redraw(), names="value")

    @property
    def state(self) -> dict[str, Any]:
        """Where each control stands, by its name."""
        return {name: handle.value for name, handle in self._handles.items()}

    def set(self, **state: Any) -> str:
        """Move controls as a reader would.

        Args:
            **state: The new value of each control that shall move.

        Returns:
            The caption of the picture after the move.

        Raises:
            ValueError: If a control is unknown or cannot stand there.
        """
        for name, value in state.items():
            if name not in self._controls:
                known = ", ".join(self._controls)
                raise ValueError(f"{name} is none of this figure's controls: {known}")
            self._controls[name].check(value)
        for name, value in state.items():
            self._handles[name].value = value
        return self.caption

    def _redraw(self) -> None:
        """Show the present state; an error shows itself and is raised."""
        try:
            caption = self._draw_state(self.state)
            with rc_context(LIVE_STYLE):
                image = pixels(self._figure, LIVE_PIXELS_PER_INCH)
            source = data_uri(png_bytes(image, compress_level=1), "png")
        except Exception as error:
            self._picture.value = _error_html(error)
            raise
        self.caption = caption
        tag = image_tag(source, caption, css_size(self._figure), onload=ON_LOAD)
        self._picture.value = (
            f'<figure style="{FIGURE_STYLE}" aria-label="{escape(self.alt_title)}">'
            f"{tag}{caption_tag(caption)}</figure>"
        )

    def _draw_state(self, state: Mapping[str, Any]) -> str:
        with styled():
            caption = self._draw(self._figure, **state)
        if not isinstance(caption, str) or not caption.strip():
            raise TypeError(
                f"draw must return its caption, a sentence, got {caption!r}"
            )
        if not self._is_laid_out:
            hold_layout(self._figure)
            self._is_laid_out = True
        return caption

    def _player(self) -> str:
        """Write the static player; the live figure stays in its present state."""
        try:
            first_state = {name: part.value for name, part in self._controls.items()}
            caption = self._draw_state(first_state)
            first = pixels(self._figure)
            stops = [control.stops for control in self._controls.values()]
            frames = []
            for values in product(*stops):
                words = self._draw_state(dict(zip(self._controls, values, strict=True)))
                frames.append(changed_frame(pixels(self._figure), first, words))
        finally:
            self._draw_state(self.state)
        return player_html(
            whole_frame(first, caption),
            frames,
            list(self._controls.values()),
            title=self.alt_title,
            size=css_size(self._figure),
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/html": self._player(), "text/plain": self.caption}


def _check_controls(controls: Mapping[str, Slider | Choice]) -> None:
    if not controls:
        raise ValueError("a SliderFigure needs at least one Slider or Choice, got none")
    for name, control in controls.items():
        if not isinstance(control, Slider | Choice):
            raise TypeError(f"{name} must be a Slider or a Choice, got {control!r}")
    check_frame_count(controls)


def _error_html(error: Exception) -> str:
    words = escape(f"The picture could not be drawn: {type(error).__name__}: {error}")
    return (
        f'<p role="alert" style="padding:8px;border-radius:8px;background:#fff;'
        f'color:{WARNING};font-weight:bold">{words}</p>'
    )

"""The sliders of a figure as plain HTML: precomputed frames and one short handler.

A page needs nothing but this ``<figure>``: the frames stand in an attribute, native
controls inside their own labels (so that no ids can collide), and the handler in the
figure's ``oninput``. A page that strips handlers still shows the first picture.

A frame holds only what differs from that first picture, which stays behind it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import prod

from arcvq_lite.viz.picture import FIGURE_STYLE, caption_tag, image_tag
from arcvq_lite.widgets.controls import (
    CONTROL_WIDTH,
    DESCRIPTION_WIDTH,
    Choice,
    Slider,
)
from arcvq_lite.widgets.frames import Frame

MOST_FRAMES = 120

# JupyterLab would take the arrow keys, and letters as commands, from a control that
# has the focus. Shift-Enter and the like stay its own.
KEEP_PLAIN_KEYS = (
    "if (!(event.shiftKey || event.ctrlKey || event.metaKey || event.altKey)) "
    "event.stopPropagation()"
)

# The controls count like the digits of a number, the last one fastest.
SHOW_FRAME = """
let place = 0;
for (const control of this.querySelectorAll('[data-texts]')) {
  const texts = JSON.parse(control.dataset.texts);
  const stop = Number(control.value);
  place = place * texts.length + stop;
  if (control.type === 'range') {
    control.setAttribute('aria-valuetext', texts[stop]);
    control.nextElementSibling.textContent = texts[stop];
  }
}
const [source, words] = JSON.parse(this.dataset.frames)[place];
const image = this.querySelector('img');
if (!image.style.backgroundImage.includes('url(')) {
  const first = 'url(' + image.src + ')';
  image.style.background = first + ' 0 0 / 100% 100% no-repeat content-box, #fff';
}
image.src = source;
image.alt = words;
this.querySelector('figcaption').textContent = words;
"""

ROW_STYLE = (
    f"display:flex;align-items:center;gap:0.6em;width:{CONTROL_WIDTH};"
    "max-width:100%;margin:0.2em 0"
)
NAME_STYLE = f"flex:none;width:{DESCRIPTION_WIDTH};text-align:right"
CONTROL_STYLE = "flex:1;min-width:0;accent-color:#4a86be"
TEXT_STYLE = "flex:none;min-width:3.5em;font-variant-numeric:tabular-nums"


def check_frame_count(controls: Mapping[str, Slider | Choice]) -> None:
    """Refuse controls whose stops multiply to more frames than a page should hold.

    Raises:
        ValueError: If there would be more than ``MOST_FRAMES``.
    """
    counts = {name: len(control.stops) for name, control in controls.items()}
    total = prod(counts.values())
    if total > MOST_FRAMES:
        factors = " x ".join(f"{name} {count}" for name, count in counts.items())
        raise ValueError(
            f"frames: the static player would hold {total} pictures ({factors}), at "
            f"most {MOST_FRAMES} are allowed; give the sliders fewer frames"
        )


def player_html(
    first: Frame,
    frames: Sequence[Frame],
    controls: Sequence[Slider | Choice],
    *,
    title: str,
    size: tuple[int, int],
) -> str:
    """Write the player.

    Args:
        first: The whole picture of the state in which the controls stand at first.
        frames: One over that picture for each combination of the controls' stops,
            the last control changing fastest.
        controls: The controls, in the order in which they are shown.
        title: What the whole is, for a screen reader.
        size: Width and height of a picture in CSS pixels.

    Returns:
        One ``<figure>``, the same text for the same frames.
    """
    rows = "".join(
        _select_row(control) if isinstance(control, Choice) else _range_row(control)
        for control in controls
        if len(control.stops) > 1
    )
    handler = " ".join(SHOW_FRAME.split())
    held = [[frame.source, frame.caption] for frame in frames]
    return (
        f'<figure role="group" aria-label="{escape(title)}" style="{FIGURE_STYLE}" '
        f'data-frames="{_attribute(held)}" oninput="{escape(handler)}" '
        f'onkeydown="{KEEP_PLAIN_KEYS}">{rows}'
        f"{image_tag(first.source, first.caption, size)}"
        f"{caption_tag(first.caption)}</figure>"
    )


def _range_row(control: Slider) -> str:
    texts = [control.text(stop) for stop in control.stops]
    at = control.stops.index(control.value)
    return (
        f'<label style="{ROW_STYLE}"><span style="{NAME_STYLE}">{escape(control.label)}'
        f'</span><input type="range" min="0" max="{len(texts) - 1}" value="{at}" '
        f'autocomplete="off" aria-valuetext="{escape(texts[at])}" '
        f'data-texts="{_attribute(texts)}" style="{CONTROL_STYLE}">'
        f'<output style="{TEXT_STYLE}">{escape(texts[at])}</output></label>'
    )


def _select_row(control: Choice) -> str:
    texts = [control.text(stop) for stop in control.stops]
    at = control.stops.index(control.value)
    options = "".join(
        f'<option value="{place}"{" selected" if place == at else ""}>{escape(text)}'
        "</option>"
        for place, text in enumerate(texts)
    )
    return (
        f'<label style="{ROW_STYLE}"><span style="{NAME_STYLE}">{escape(control.label)}'
        f'</span><select autocomplete="off" data-texts="{_attribute(texts)}" '
        f'style="{CONTROL_STYLE}">{options}</select></label>'
    )


def _attribute(value: Iterable[object]) -> str:
    return escape(json.dumps(list(value), ensure_ascii=False, separators=(",", ":")))

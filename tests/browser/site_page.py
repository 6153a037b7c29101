"""What a visitor of the site does: open a page, read it, move what moves."""

from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from jupyterlab_page import becomes_another, shown
from playwright.sync_api import (
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    ViewportSize,
)

PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 1000}
CONTRAST = "color-contrast"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TYPESET = "() => window.MathJax?.startup?.promise.then(() => true)"

# Equations that are not pictures of letters yet, or that MathJax did not understand.
RAW_MATHEMATICS = """() => [...document.querySelectorAll('.math')]
  .filter(place => !place.querySelector('mjx-container > svg')
    || place.querySelector('[data-mjx-error], mjx-merror'))
  .map(place => place.textContent)"""

# Contrast depends on these alone, and measuring it anew for every word of a chapter
# takes minutes. So one element of each look is marked, and stands for the others.
MARK_ONE_OF_EACH_LOOK = """() => {
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)') return colour;
    }
  };
  const hasWords = element => [...element.childNodes].some(
    node => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  const seen = new Set();
  for (const element of document.querySelectorAll('body *:not(mjx-container *)')) {
    if (!hasWords(element) || !element.checkVisibility()) continue;
    const { color, opacity, fontSize, fontWeight } = getComputedStyle(element);
    const look = [color, opacity, fontSize, fontWeight, ground(element)].join();
    if (!seen.has(look)) element.dataset.look = look;
    seen.add(look);
  }
}"""

# Letters of formulas are hidden from a screen reader, and the coloured words of a
# program are nothing to it; together they are most of a chapter's elements.
LEAVE_OUT_WHAT_REPEATS = """() => {
  for (const formula of document.querySelectorAll('mjx-container'))
    formula.replaceChildren();
  for (const program of document.querySelectorAll('pre:not(:has([data-look]))'))
    program.textContent = program.textContent;
}"""

WIDER_THAN_THE_PAGE = """() => document.documentElement.scrollWidth > innerWidth
  ? [...document.querySelectorAll('article *')]
      .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
      .map(element => element.outerHTML.slice(0, 120))
  : []"""


class SitePage:
    """One browser page on the site, which notes whatever goes wrong in it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.faults: list[str] = []
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._note_request)
        page.on("requestfailed", lambda request: self.faults.append(request.url))
        page.on("response", self._note_response)

    def open(self, name: str) -> None:
        """Open a page and wait until its mathematics is typeset."""
        self.page.goto(self.address + name)
        self.page.evaluate(TYPESET)

    def accessibility_faults(self) -> list[str]:
        """What axe-core calls serious or critical, the contrast in light and in dark.

        The page keeps its structure, but not all of its content.
        """
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            self.page.evaluate(MARK_ONE_OF_EACH_LOOK)
        self.page.evaluate(LEAVE_OUT_WHAT_REPEATS)
        faults = self._axe({}, {"rules": {CONTRAST: {"enabled": False}}})
        marked = {"include": [["[data-look]"]]}
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            faults += self._axe(marked, {"runOnly": [CONTRAST]})
        return faults

    def _axe(self, context: dict[str, Any], options: dict[str, Any]) -> list[str]:
        wanted = {"resultTypes": ["violations"], **options}
        found = Axe().run(self.page, context=context, options=wanted)
        return [
            f"{fault['id']} ({fault['impact']}): {node['html'][:200]}"
            for fault in found.response["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]

    def raw_mathematics(self) -> list[str]:
        """Each formula that is still text, or that is an error message."""
        return list(self.page.evaluate(RAW_MATHEMATICS))

    def wider_than_a_phone(self) -> list[str]:
        """What makes the page scroll sideways on a phone."""
        self.page.set_viewport_size(PHONE)
        wide = list(self.page.evaluate(WIDER_THAN_THE_PAGE))
        self.page.set_viewport_size(DESK)
        return wide

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(message.text)

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"asks outside for {request.url}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status} for {response.url}")


def drag_each_slider(page: Page, figure: Locator) -> None:
    """Drag each slider of a figure from its lower to its upper end."""
    image = figure.locator("img")
    for slider in figure.locator("input[type=range]").all():
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        assert box, "a slider that is not shown"
        left, right = box["x"] + 4, box["x"] + box["width"] - 4
        middle = box["y"] + box["height"] / 2
        page.mouse.click(left, middle)
        before = shown(image)
        page.mouse.move(left, middle)
        page.mouse.down()
        page.mouse.move(right, middle, steps=5)
        page.mouse.up()
        assert becomes_another(image, before, seconds=5), (
            f"dragging changed nothing: {before['alt']}"
        )

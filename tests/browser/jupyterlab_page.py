"""What a reader does in JupyterLab: open a notebook, run it, move its sliders."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyterlab_server import JupyterLabServer
from playwright.sync_api import ConsoleMessage, Locator, Page

READY_SECONDS = 90
RUN_SECONDS = 600

# Console errors that are no fault of a chapter, each with its reason.
HARMLESS_CONSOLE_ERRORS = (
    (
        "Could not restore the debugger state",
        "a restart breaks off what JupyterLab's debugger was asking the old kernel",
    ),
)

CELLS = """() => jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code')
  .map(cell => ({
    source: cell.model.sharedModel.getSource(),
    count: cell.model.executionCount,
    running: cell.node.querySelector('.jp-InputPrompt').textContent.includes('*'),
    errors: cell.model.outputs.toJSON()
      .filter(output => output.output_type === 'error')
      .map(output => output.ename + ': ' + output.evalue),
    plain: cell.model.outputs.toJSON()
      .map(output => [output.data?.['text/plain'] ?? ''].flat().join('')).join(''),
  }))"""

# True as soon as every cell has run, or one has failed and the rest never will.
FINISHED = f"""() => {{
  const cells = ({CELLS})();
  return cells.some(cell => cell.errors.length)
    || cells.every(cell => cell.count !== null && !cell.running);
}}"""

IS_READY = """() => {
  const panel = window.jupyterapp && jupyterapp.shell.currentWidget;
  const kernel = panel && panel.sessionContext && panel.sessionContext.session?.kernel;
  return panel?.content?.widgets?.length > 0 && kernel?.status === 'idle';
}"""

HAS_ALL_WIDGETS = "() => !document.body.textContent.includes('Loading widget...')"


class NotebookPage:
    """One browser page on one notebook."""

    def __init__(self, page: Page, server: JupyterLabServer) -> None:
        self.page = page
        self.server = server
        self.console_errors: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))

    def open(self, name: str) -> None:
        """Open a notebook and wait until its kernel is idle."""
        assert (self.server.notebooks / name).is_file(), f"there is no {name}"
        address, token = self.server.address, self.server.token
        self.page.goto(f"{address}/lab/tree/{name}?token={token}&reset")
        self.page.wait_for_function(IS_READY, timeout=1000 * READY_SECONDS)

    def run_all(self) -> list[dict[str, Any]]:
        """Run every cell in a fresh kernel; return what became of each."""
        # Numbers of an earlier run would look like those of this one.
        self.execute("notebook:clear-all-cell-outputs")
        self.execute("notebook:restart-run-all")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.wait_for_function(FINISHED, timeout=1000 * RUN_SECONDS)
        cells: list[dict[str, Any]] = self.page.evaluate(CELLS)
        return cells

    def execute(self, command: str) -> None:
        """Start a command; the braces keep from waiting for the dialog it may open."""
        self.page.evaluate(f"() => {{ jupyterapp.commands.execute('{command}') }}")

    def live_figures(self) -> list[Locator]:
        """The sliders' figures that a kernel answers to."""
        figures = self.page.locator(".widget-vbox:has(> .widget-html img)")
        figures.first.wait_for()
        self.page.wait_for_function(HAS_ALL_WIDGETS)
        return figures.all()

    def static_figures(self) -> list[Locator]:
        """The sliders' figures that need no kernel."""
        figures = self.page.locator(".jp-OutputArea figure[data-frames]")
        figures.first.wait_for()
        return figures.all()

    @contextmanager
    def pictured(self, path: Path) -> Iterator[None]:
        """Keep a picture of the page where the block fails."""
        try:
            yield
        except BaseException:
            self.page.screenshot(path=path, full_page=True)
            raise

    def _note(self, message: ConsoleMessage) -> None:
        text = f"{message.text} ({message.location.get('url', '')})"
        if message.type == "error" and not any(
            harmless in text for harmless, _reason in HARMLESS_CONSOLE_ERRORS
        ):
            self.console_errors.append(text)


def move_each_control(figure: Locator) -> None:
    """Move each control of a figure by keyboard, live or static."""
    controls = figure.locator("[role=slider], select, input[type=range]").all()
    assert controls, "a figure without a control"
    for control in controls:
        move_by_keyboard(figure, control)


def move_by_keyboard(figure: Locator, control: Locator) -> None:
    """Press arrow keys on a control; picture and words must follow each of them.

    The first key only leaves the upper end, where the control may stand.
    """
    image = figure.locator("img")
    control.scroll_into_view_if_needed()
    control.focus()
    before = shown(image)
    control.press("ArrowLeft")
    becomes_another(image, before, seconds=2)
    for key in ("ArrowRight", "ArrowLeft", "ArrowRight"):
        before = shown(image)
        control.press(key)
        assert becomes_another(image, before, seconds=20), (
            f"{key} changed nothing: {before['alt']}"
        )


def shown(image: Locator) -> dict[str, str]:
    """The picture that is shown now, and its words."""
    return image.evaluate("image => ({source: image.src, alt: image.alt})")


def becomes_another(image: Locator, before: dict[str, str], seconds: float) -> bool:
    """Wait until both the picture and its words differ from what they were."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = shown(image)
        if now["source"] != before["source"] and now["alt"] != before["alt"]:
            return True
        time.sleep(0.05)
    return False

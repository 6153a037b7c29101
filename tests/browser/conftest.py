"""A headless Chromium, and in it a page on a real JupyterLab."""

import os
import shutil
from collections.abc import Iterator

import pytest
from jupyterlab_page import NotebookPage
from jupyterlab_server import JupyterLabServer
from playwright.sync_api import Browser, sync_playwright

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CHROMIUM_NAMES = ("/usr/bin/chromium", "chromium", "google-chrome", "chrome", "msedge")


def find_chromium() -> str:
    named = os.environ.get("ARCVQ_CHROMIUM")
    for name in [named] if named else CHROMIUM_NAMES:
        if found := shutil.which(name):
            return found
    pytest.fail(
        f"no Chromium was found (ARCVQ_CHROMIUM={named}): install it (Debian: apt "
        "install chromium), or set ARCVQ_CHROMIUM to the path of Chromium or Chrome"
    )


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=list(CHROMIUM_ARGUMENTS)
        )
        yield browser
        browser.close()


@pytest.fixture
def reader(chromium: Browser, jupyterlab: JupyterLabServer) -> Iterator[NotebookPage]:
    """A page of its own on the JupyterLab that the test module started."""
    page = chromium.new_page(viewport={"width": 1280, "height": 1000})
    yield NotebookPage(page, jupyterlab)
    page.close()

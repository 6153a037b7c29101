"""The site as a visitor meets it: every page, slider, link and formula, and search."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyterlab_page import move_each_control
from playwright.sync_api import Browser, Page, expect
from site_links import Site
from site_page import DESK, SitePage, drag_each_slider
from site_server import REPOSITORY, build, served

CHAPTERS = [
    f"chapters/{path.stem}.html"
    for path in sorted(REPOSITORY.glob("chapters/[0-9][0-9]_*.ipynb"))
]
WRITTEN = [
    path.relative_to(REPOSITORY / "assets" / "book").with_suffix(".html").as_posix()
    for path in sorted(REPOSITORY.glob("assets/book/**/*.md"))
]
ASSIGNMENTS = [
    path.relative_to(REPOSITORY).with_suffix(".html").as_posix()
    for pattern in ("*.md", "student/*.ipynb")
    for path in sorted((REPOSITORY / "chapters/assignments").glob(pattern))
]
MADE = ["chapters/notation.html", "genindex.html", "py-modindex.html", "search.html"]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "pages"
    build(folder)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served(folder) as address:
        yield address


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(viewport=DESK, color_scheme="light")
    yield page
    page.close()


@pytest.fixture
def visitor(page: Page, address: str) -> SitePage:
    return SitePage(page, address)


@pytest.mark.parametrize("name", [*CHAPTERS, *ASSIGNMENTS, *WRITTEN, *MADE])
def test_a_page_opens_quietly_and_can_be_read_by_everybody(
    visitor: SitePage, name: str
) -> None:
    visitor.open(name)
    assert visitor.raw_mathematics() == []
    assert visitor.wider_than_a_phone() == []
    assert visitor.accessibility_faults() == []
    assert visitor.faults == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_what_moves_and_opens_in_a_chapter_does(visitor: SitePage, name: str) -> None:
    visitor.open(name)
    page = visitor.page
    figures = page.locator("figure[data-frames]").all()
    assert figures, "a chapter has a slider"
    for figure in figures:
        drag_each_slider(page, figure)
        move_each_control(figure)
    answers, solutions = (
        page.locator(f"article details{kind}") for kind in (":not(.hide)", ".hide")
    )
    assert answers.count() >= 6
    assert solutions.count() >= 3
    assert page.locator("article details[open]").count() == 0
    for folded in (answers.first, solutions.first):
        folded.locator("summary").click()
        expect(folded).to_have_attribute("open", "")
    assert visitor.faults == []


def test_no_page_was_left_out(folder: Path) -> None:
    assert Site(folder).names() == {*CHAPTERS, *ASSIGNMENTS, *WRITTEN, *MADE}


def test_every_link_lands_and_nothing_is_loaded_from_elsewhere(folder: Path) -> None:
    site = Site(folder)
    assert site.lost_links() == []
    assert site.outside_loads() == []


def test_search_finds_a_word_in_the_chapters(visitor: SitePage) -> None:
    visitor.open("index.html")
    box = visitor.page.get_by_role("textbox", name="Search")
    box.fill("commitment")
    box.press("Enter")
    expect(visitor.page.locator("#search-results .search-summary")).to_contain_text(
        "found"
    )
    found = visitor.page.locator("#search-results li a[href*='chapters/']")
    expect(found.first).to_be_visible()
    assert visitor.faults == []


def test_pages_opened_from_the_disk_work_too(page: Page, folder: Path) -> None:
    visitor = SitePage(page, folder.resolve().as_uri() + "/")
    visitor.open("search.html?q=commitment")
    expect(page.locator("#search-results li a").first).to_be_visible()
    visitor.open(CHAPTERS[0])
    assert visitor.raw_mathematics() == []
    assert visitor.faults == []


def test_dark_and_light_are_the_readers_choice_and_kept(visitor: SitePage) -> None:
    visitor.open("index.html")
    seen = {}
    for _ in range(3):
        visitor.page.locator(".theme-toggle:visible").click()
        theme = visitor.page.evaluate("document.body.dataset.theme")
        seen[theme] = background(visitor.page)
    assert seen["auto"] == seen["light"]
    assert sum(seen["light"]) > 700
    assert sum(seen["dark"]) < 100
    while visitor.page.evaluate("document.body.dataset.theme") != "dark":
        visitor.page.locator(".theme-toggle:visible").click()
    visitor.open(CHAPTERS[0])
    assert background(visitor.page) == seen["dark"]


def background(page: Page) -> list[int]:
    """Red, green and blue of the page's ground, 0 to 255 each."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in colour.strip("rgb()").split(",")]

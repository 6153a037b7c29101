"""The crawl of the site finds what is lost, on three small pages."""

from pathlib import Path

import pytest
from site_links import Site

INDEX = """<html><head><link rel="stylesheet" href="book.css"></head><body>
<a href="pages/one.html#part">one</a> <a href="#here">here</a> <h1 id="here"></h1>
<a href="https://example.org/lost">elsewhere</a> <img src="data:image/png;base64,AA">
</body></html>"""
ONE = """<a href="../index.html">front</a> <p id="part"></p> <a href="two%20b.html">"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pages").mkdir()
    (tmp_path / "book.css").touch()
    (tmp_path / "index.html").write_text(INDEX)
    (tmp_path / "pages" / "one.html").write_text(ONE)
    (tmp_path / "pages" / "two b.html").touch()
    return tmp_path


def test_links_that_land_are_no_fault(folder: Path) -> None:
    site = Site(folder)
    assert site.names() == {"index.html", "pages/one.html", "pages/two b.html"}
    assert site.lost_links() == []
    assert site.outside_loads() == []


@pytest.mark.parametrize(
    ("word", "becomes"),
    [
        ("pages/one.html#part", "pages/one.html#party"),
        ("pages/one.html#part", "pages/three.html"),
        ("#here", "#there"),
        ("book.css", "look.css"),
        ("data:image/png;base64,AA", "missing.png"),
        ("pages/one.html#part", "pages"),
    ],
)
def test_a_lost_link_is_found(folder: Path, word: str, becomes: str) -> None:
    text = INDEX.replace(f'"{word}"', f'"{becomes}"')
    (folder / "index.html").write_text(text)
    assert Site(folder).lost_links() == [f"index.html: {becomes}"]


@pytest.mark.parametrize("outside", ["https://cdn.example/a.js", "//cdn.example/a.js"])
def test_what_is_loaded_from_elsewhere_is_found(folder: Path, outside: str) -> None:
    (folder / "index.html").write_text(f'{INDEX}<script src="{outside}"></script>')
    assert Site(folder).outside_loads() == [f"index.html: {outside}"]

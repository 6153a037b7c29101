"""Every address that a page names, and every place in it that others may name."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LEADS_ELSEWHERE = ("http", "https", "mailto", "data", "javascript")


class PageReader(HTMLParser):
    """Reads one page: its anchors, its links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "author"):
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])


class Site:
    """The pages of a folder, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.pages = {
            path: PageReader(path.read_text(encoding="utf-8"))
            for path in sorted(self.folder.rglob("*.html"))
        }

    def names(self) -> set[str]:
        """Each page as the address after the site's own."""
        return {path.relative_to(self.folder).as_posix() for path in self.pages}

    def lost_links(self) -> list[str]:
        """Links to a file or a place in it that is not there."""
        return [
            f"{path.name}: {link}"
            for path, page in self.pages.items()
            for link in [*page.links, *page.loads]
            if not self._lands(path, link)
        ]

    def outside_loads(self) -> list[str]:
        """What a page would load from elsewhere."""
        return [
            f"{path.name}: {load[:120]}"
            for path, page in self.pages.items()
            for load in page.loads
            if load.startswith(("//", "http:", "https:"))
        ]

    def _lands(self, path: Path, link: str) -> bool:
        parts = urlsplit(link)
        if parts.scheme in LEADS_ELSEWHERE:
            return True
        named = unquote(parts.path)
        target = (path.parent / named).resolve() if named else path
        if not parts.fragment:
            return target.is_file()
        page = self.pages.get(target)
        return page is not None and unquote(parts.fragment) in page.anchors

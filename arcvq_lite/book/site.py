"""The book as web pages: its notebooks, as they were committed, through Sphinx.

Nothing is executed and nothing fetched. Sphinx reads a folder that is assembled for
each build: ``assets/book``, with chapters, figures and results where the repository has
them, so that a link between them leads the same way here and there.
"""

import shutil
from pathlib import Path

from nbformat import NotebookNode

from arcvq_lite.book.benchmark_page import benchmark_page
from arcvq_lite.book.gallery import gallery
from arcvq_lite.book.notebook_file import parse, serialise
from arcvq_lite.book.timetable import timetable
from arcvq_lite.book.tree import Chapter, list_chapters
from arcvq_lite.book.web_notebook import for_the_web


class SiteError(RuntimeError):
    """A site that Sphinx could not build, or had to warn about."""


def build_site(output: Path, *, root: Path) -> Path:
    """Build the site anew.

    Args:
        output: Folder for the pages; what was in it is replaced. What they are made
            of stays beside it, to be looked into.
        root: Top of the working tree, see ``tree.find_root``.

    Returns:
        The front page.

    Raises:
        SiteError: Sphinx found something wrong, and has said what.
        FileNotFoundError: A chapter has no notebook.
        ValueError: A notebook or a record cannot be read.
    """
    # Imported here, since the sources can be assembled without Sphinx.
    from sphinx.cmd.build import build_main

    sources = output.with_name(f"{output.name}-sources")
    doctrees = output.with_name(f"{output.name}-doctrees")
    for folder in (sources, doctrees, output):
        shutil.rmtree(folder, ignore_errors=True)
    assemble(sources, root=root)
    options = ["--quiet", "--fail-on-warning", "--keep-going", "-d", str(doctrees)]
    if build_main(["-b", "html", *options, str(sources), str(output)]):
        raise SiteError("Sphinx is not content, see above; the pages may not be whole")
    return output / "index.html"


def assemble(sources: Path, *, root: Path) -> None:
    """Put together what Sphinx reads.

    Args:
        sources: Folder to write to; it is not there yet.
        root: Top of the working tree.

    Raises:
        FileNotFoundError: A chapter has no notebook.
        ValueError: A notebook or a record cannot be read.
    """
    shutil.copytree(root / "assets" / "book", sources)
    for kept in ("figures", "results"):
        shutil.copytree(root / "assets" / kept, sources / "assets" / kept)
    shutil.copy(root / "assets" / "references.bib", sources)
    notebooks = {chapter: _read(chapter) for chapter in list_chapters(root)}
    shown = {chapter.notebook: notebook for chapter, notebook in notebooks.items()}
    chapters = root / "chapters"
    for path in sorted(chapters.glob("assignments/student/*.ipynb")):
        shown[path] = parse(path.read_text(encoding="utf-8"))
    measured = benchmark_page(root / "assets" / "results" / "bench")
    pages = {
        "made/benchmarks.md": measured.text,
        "made/gallery.md": gallery(notebooks),
        "made/timetable.md": timetable(notebooks),
    }
    for path, notebook in shown.items():
        place = path.relative_to(chapters).as_posix()
        pages[f"chapters/{place}"] = serialise(for_the_web(notebook, place))
    for path in (*chapters.glob("*.md"), *chapters.glob("assignments/*.md")):
        pages[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8")
    for place, text in pages.items():
        (sources / place).parent.mkdir(parents=True, exist_ok=True)
        (sources / place).write_text(text, encoding="utf-8")
    for place, picture in measured.pictures.items():
        (sources / place).parent.mkdir(parents=True, exist_ok=True)
        picture.save(sources / place)


def _read(chapter: Chapter) -> NotebookNode:
    if not chapter.notebook.is_file():
        raise FileNotFoundError(
            f"chapters/{chapter.notebook.name} is missing beside its source: "
            f"run `arcvq book build {chapter.number}`"
        )
    try:
        return parse(chapter.notebook.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"chapters/{chapter.notebook.name}: {error}") from error

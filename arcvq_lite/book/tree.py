"""Where the book's files stand, and the names by which people ask for a chapter."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Chapter:
    """One chapter: its hand-edited source and the notebook built from it.

    Args:
        source: Path of ``NN_name.py``.
    """

    source: Path

    @property
    def name(self) -> str:
        """``NN_name``, as in the file name."""
        return self.source.stem

    @property
    def number(self) -> str:
        """The two digits before the name."""
        return self.name[:2]

    @property
    def notebook(self) -> Path:
        """Path of the notebook beside the source."""
        return self.source.with_suffix(".ipynb")

    @property
    def cover(self) -> Path:
        """Path of the picture that stands for the chapter elsewhere."""
        return self.source.parents[1] / "assets" / "figures" / f"{self.name}.png"

    @property
    def record(self) -> Path:
        """Path of what the chapter's last build cost."""
        results = self.source.parents[1] / "assets" / "results"
        return results / "chapters" / f"{self.name}.json"


def find_root(start: Path | None = None) -> Path:
    """The working tree around a folder: the nearest one with chapters and a project.

    Args:
        start: Folder to look upward from; the current one by default.

    Raises:
        FileNotFoundError: No folder upward of ``start`` is a working tree, as where
            the package was installed from a wheel.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "chapters").is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    raise FileNotFoundError(
        f"no chapters/ beside a pyproject.toml in {start} or above it: the book is "
        "built in a clone of the repository; change to its folder and try again"
    )


def list_chapters(root: Path) -> list[Chapter]:
    """Every chapter that has a source, in the book's order.

    Raises:
        FileNotFoundError: ``root`` has no ``chapters`` folder.
    """
    folder = root / "chapters"
    if not folder.is_dir():
        raise FileNotFoundError(
            f"root={root} has no chapters/ folder: pass the top of the working tree"
        )
    return [Chapter(path) for path in sorted(folder.glob("[0-9][0-9]_*.py"))]


def select_chapters(names: Sequence[str], root: Path) -> list[Chapter]:
    """The chapters asked for, each once, in the order asked; all when none is named.

    Args:
        names: ``"03"``, ``"03_margins"`` or ``"chapters/03_margins.py"`` each.
        root: Top of the working tree.

    Raises:
        ValueError: A name that fits no chapter, with the nearest ones.
    """
    known = list_chapters(root)
    if not names:
        return known
    found = [chapter for name in names for chapter in _matching(name, known)]
    return list(dict.fromkeys(found))


def _matching(name: str, known: Sequence[Chapter]) -> list[Chapter]:
    wanted = Path(name).stem
    number = wanted.zfill(2) if wanted.isdecimal() else None
    found = [one for one in known if one.name == wanted or one.number == number]
    if found:
        return found
    every = [chapter.name for chapter in known]
    near = difflib.get_close_matches(wanted, every, n=3, cutoff=0.5)
    near += [one for one in every if wanted and wanted in one and one not in near]
    raise ValueError(
        f"chapters: there is no {name!r}; "
        + (f"did you mean {' or '.join(near)}?" if near else f"known: {every}")
    )

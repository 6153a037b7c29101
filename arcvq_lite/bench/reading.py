"""What a reader waits for: the import, a slider's answer, a chapter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial

from arcvq_lite.bench.benchmark import Benchmark, Limit
from arcvq_lite.book.record import read_record
from arcvq_lite.book.tree import Chapter, find_root, list_chapters

IMPORT, SLIDER, CHAPTER, BOOK = 0.3, 0.05, 60.0, 12 * 60.0  # seconds

_TIMED = "import time, torch\nbegan = time.perf_counter()\n{}\n" + (
    "print(time.perf_counter() - began)"
)


def import_seconds(statement: str, rounds: int) -> list[float]:
    """Seconds of a statement in interpreters that have imported torch alone."""
    command = [sys.executable, "-c", _TIMED.format(statement)]
    return [float(_said_by(command)) for _ in range(rounds)]


def slider_seconds(chapter: Chapter, rounds: int) -> list[float]:
    """Seconds of the slowest move of a chapter's sliders; the chapter runs once."""
    module = "arcvq_lite.bench.slider_moves"
    source = str(chapter.source.resolve())
    command = [sys.executable, "-m", module, source, str(rounds)]
    found: list[float] = json.loads(_said_by(command))
    return found


def recorded_seconds(chapters: Sequence[Chapter], rounds: int) -> list[float]:
    """Seconds that the last builds of chapters took together: one figure.

    Args:
        chapters: each with the record that `arcvq book build` wrote.
        rounds: not used, since nothing is built.

    Raises:
        FileNotFoundError: if a chapter has no record.
    """
    return [sum(_recorded(chapter) for chapter in chapters)]


def _recorded(chapter: Chapter) -> float:
    record = read_record(chapter)
    if record is None:
        raise FileNotFoundError(
            f"chapter {chapter.number} has no record; run "
            f"`arcvq book build {chapter.number}`"
        )
    return record.seconds


def _said_by(command: Sequence[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["nothing was said"]
        raise RuntimeError(f"{' '.join(command[1:3])} failed: {said[0]}")
    return done.stdout


def _chapters() -> list[Chapter]:
    """The book's, where it lies around the current folder; a wheel has none."""
    try:
        return list_chapters(find_root())
    except FileNotFoundError:
        return []


def limits(chapters: Sequence[Chapter]) -> tuple[Limit, ...]:
    """All that is asked of the library, and of these chapters."""
    imports = [
        Limit(statement, partial(import_seconds, statement), IMPORT)
        for statement in ("import arcvq_lite", "from arcvq_lite import ArcVQ")
    ]
    each = [
        limit
        for chapter in chapters
        for limit in (
            Limit(
                f"chapter {chapter.number}, a slider",
                partial(slider_seconds, chapter),
                SLIDER,
            ),
            Limit(
                f"chapter {chapter.number}, built",
                partial(recorded_seconds, [chapter]),
                CHAPTER,
            ),
        )
    ]
    whole = [Limit("the whole book, built", partial(recorded_seconds, chapters), BOOK)]
    return (*imports, *each, *(whole if chapters else []))


BENCHMARKS = (
    Benchmark(
        name="reading",
        says="What a reader waits for; imports count beyond torch's own.",
        contestants=(),
        targets=(),
        tolerance=0.0,
        limits=limits(_chapters()),
    ),
)

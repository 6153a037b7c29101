"""What a chapter's run cost, kept beside the book: how long, how much, and where.

A record stands apart from its notebook, which two builds must write alike. Each chapter
has a file of its own, so builds that run side by side cannot lose each other's.
"""

import json
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from arcvq_lite import __version__
from arcvq_lite.book.notebook_file import write_aside
from arcvq_lite.book.tree import Chapter
from arcvq_lite.processor import processor_model, usable_cores


@dataclass(frozen=True)
class Cost:
    """What one run of a chapter took.

    Args:
        seconds: Wall time from the cold kernel to the last cell's end.
        peak_memory_mib: The most memory that the kernel held, in MiB; None where the
            system does not say, as on Windows.
    """

    seconds: float
    peak_memory_mib: int | None


@dataclass(frozen=True)
class Record:
    """A cost, and all that somebody needs who wants to compare it with their own.

    Args:
        seconds: See ``Cost``.
        peak_memory_mib: See ``Cost``.
        command: What was typed.
        date: The day of the run, as in ISO 8601.
        processor: The processor's model.
        cores: How many of its cores the run could use.
        python: Version of Python.
        torch: Version of PyTorch.
        arcvq_lite: Version of this library.
    """

    seconds: float
    peak_memory_mib: int | None
    command: str
    date: str
    processor: str
    cores: int
    python: str
    torch: str
    arcvq_lite: str


def write_record(chapter: Chapter, cost: Cost) -> None:
    """Keep what a chapter's run cost on this machine, today."""
    record = Record(
        seconds=round(cost.seconds, 1),
        peak_memory_mib=cost.peak_memory_mib,
        command=f"arcvq book build {chapter.number}",
        date=datetime.now(UTC).date().isoformat(),
        processor=processor_model(),
        cores=usable_cores(),
        python=platform.python_version(),
        torch=version("torch"),
        arcvq_lite=__version__,
    )
    chapter.record.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n"
    write_aside(text.encode(), chapter.record)


def read_record(chapter: Chapter) -> Record | None:
    """What a chapter's last run cost; None where no build has recorded it.

    Raises:
        ValueError: The file does not hold a record.
    """
    if not chapter.record.is_file():
        return None
    try:
        return Record(**json.loads(chapter.record.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        where = f"assets/results/chapters/{chapter.record.name}"
        raise ValueError(f"{where} is not a record of a build: {error}") from error

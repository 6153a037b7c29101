"""Each chapter's last build took a minute at most, and a gigabyte."""

from pathlib import Path

import pytest

from arcvq_lite.book.record import read_record
from arcvq_lite.book.tree import Chapter, list_chapters

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 60
MOST_MIB = 1024


@pytest.mark.parametrize("chapter", list_chapters(ROOT), ids=lambda it: it.name)
def test_a_chapter_runs_within_a_minute_and_a_gigabyte(chapter: Chapter) -> None:
    record = read_record(chapter)
    assert record is not None, f"run `arcvq book build {chapter.number}`"
    assert record.seconds <= MOST_SECONDS
    assert record.peak_memory_mib is None or record.peak_memory_mib <= MOST_MIB

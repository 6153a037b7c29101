"""Each chapter's last build took a minute at most, and a gigabyte."""

from pathlib import Path

import pytest

from arcvq_lite.book.record import read_record
from arcvq_lite.book.tree import Chapter, list_chapters

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 60
MOST_MIB = 1024
# Over a limit when last built, alone on two cores. A chapter that is within both again
# fails here until it is taken from this list.
NOT_YET = {
    "00_start_here",
    "05_vqvae",
    "08_ball_schedules",
    "09_arccosine_margin",
}


def held(chapter: Chapter) -> object:
    late = pytest.mark.xfail(strict=True, reason="over a limit, see its record")
    marks = [late] if chapter.name in NOT_YET else []
    return pytest.param(chapter, marks=marks, id=chapter.name)


@pytest.mark.parametrize("chapter", [*map(held, list_chapters(ROOT))])
def test_a_chapter_runs_within_a_minute_and_a_gigabyte(chapter: Chapter) -> None:
    record = read_record(chapter)
    assert record is not None, f"run `arcvq book build {chapter.number}`"
    assert record.seconds <= MOST_SECONDS
    assert record.peak_memory_mib is None or record.peak_memory_mib <= MOST_MIB

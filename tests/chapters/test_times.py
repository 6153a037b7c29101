"""Each chapter's last build took a minute at most, and a gigabyte."""

from pathlib import Path

import pytest

from arcvq_lite.book.record import read_record
from arcvq_lite.book.tree import Chapter, list_chapters

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 60
MOST_MIB = 1024
# Last built on a machine that was busy or near the limit of memory. Whoever rebuilds
# one within the limits takes it from this list.
NOT_YET = {
    "00_start_here",
    "01_softmax_is_an_angle",
    "05_vqvae",
    "06_collapse",
    "07_spherical_codebooks",
    "08_ball_schedules",
    "09_arccosine_margin",
}


@pytest.mark.parametrize("chapter", list_chapters(ROOT), ids=lambda it: it.name)
def test_a_chapter_runs_within_a_minute_and_a_gigabyte(chapter: Chapter) -> None:
    record = read_record(chapter)
    assert record is not None, f"run `arcvq book build {chapter.number}`"
    if chapter.name in NOT_YET:
        pytest.xfail(f"took {record.seconds} s and {record.peak_memory_mib} MiB")
    assert record.seconds <= MOST_SECONDS
    assert record.peak_memory_mib is None or record.peak_memory_mib <= MOST_MIB

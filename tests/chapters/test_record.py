"""What a build records of itself, and nothing else of the machine it ran on."""

import json
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest
from small_book import notebook_path, write_chapter

from arcvq_lite import __version__, processor
from arcvq_lite.book.build import build
from arcvq_lite.book.check import check
from arcvq_lite.book.record import Cost, read_record, write_record
from arcvq_lite.book.tree import Chapter


def record_path(root: Path) -> Path:
    return root / "assets" / "results" / "chapters" / "03_margins.json"


def chapter_of(root: Path) -> Chapter:
    return Chapter(root / "chapters" / "03_margins.py")


def test_a_build_records_what_it_cost_and_where(built: Path) -> None:
    record = read_record(chapter_of(built))
    assert record is not None
    assert 0.5 < record.seconds < 300
    if record.peak_memory_mib is not None:
        assert 20 < record.peak_memory_mib < 4000, "a kernel with matplotlib"
    assert record.command == "arcvq book build 03"
    assert record.torch == version("torch")
    assert (record.python, record.arcvq_lite) == (
        platform.python_version(),
        __version__,
    )
    assert record.cores >= 1
    assert record.processor
    assert abs((date.fromisoformat(record.date) - date.today()).days) <= 1
    assert platform.node() not in record_path(built).read_text(encoding="utf-8")


def test_memory_counts_what_the_kernel_held_and_leaves_no_trace(
    tmp_path: Path,
) -> None:
    def build_holding(mib: int) -> int | None:
        write_chapter(tmp_path, f"\n# %%\nheld = bytearray({mib} * 2**20)\nlen(held)\n")
        build(root=tmp_path)
        record = read_record(chapter_of(tmp_path))
        assert record is not None
        return record.peak_memory_mib

    little, much = build_holding(1), build_holding(400)
    if little is None or much is None:
        pytest.skip("this system does not say what a process held")
    assert 350 < much - little < 450
    (cell,) = json.loads(notebook_path(tmp_path).read_text(encoding="utf-8"))["cells"]
    assert cell["execution_count"] == 1
    assert len(cell["outputs"]) == 1


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    chapter = Chapter(write_chapter(tmp_path, ""))
    assert read_record(chapter) is None
    write_record(chapter, Cost(seconds=12.34, peak_memory_mib=None))
    record = read_record(chapter)
    assert record is not None
    assert (record.seconds, record.peak_memory_mib) == (12.3, None)
    assert record_path(tmp_path).read_bytes().endswith(b"}\n")


def test_chapters_do_not_share_a_file(tmp_path: Path) -> None:
    chapters = [Chapter(write_chapter(tmp_path, "", name)) for name in ("01_a", "02_b")]
    for seconds, chapter in enumerate(chapters, start=1):
        write_record(chapter, Cost(seconds, 100))
    records = [read_record(chapter) for chapter in chapters]
    assert [record and record.seconds for record in records] == [1, 2]


def test_the_processor_is_named_even_where_linux_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processor, "Path", lambda name: tmp_path / "nothing")
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert processor.processor_model() == platform.machine()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (Path.unlink, "assets/results/chapters/03_margins.json is missing"),
        (lambda path: path.write_text("{}"), "is not a record of a build"),
        (lambda path: path.write_text("12 s"), "is not a record of a build"),
    ],
)
def test_a_missing_or_spoiled_record_is_a_problem(
    book: Path, spoil: object, sentence: str
) -> None:
    spoil(record_path(book))
    (problem,) = check(root=book)
    assert sentence in problem
    assert problem.endswith(": run `arcvq book build 03`")

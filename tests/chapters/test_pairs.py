"""The committed notebooks are the ones that the committed sources build."""

from pathlib import Path

from arcvq_lite.book.check import check

ROOT = Path(__file__).resolve().parents[2]


def test_every_notebook_is_built_from_its_source() -> None:
    problems = check(root=ROOT)
    assert problems == [], "\n".join(problems)

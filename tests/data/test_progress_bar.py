"""A bar that is told how far the work is, and is silent outside a terminal."""

import sys

from arcvq_lite.data.progress_bar import counted, progress_bar


def test_a_part_counts_when_the_next_is_asked_for():
    seen = []
    parts = counted(["abc", "de"], 5, lambda *at: seen.append(at))
    assert next(parts) == "abc"
    assert seen == []
    assert list(parts) == ["de"]
    assert seen == [(3, 5), (5, 5)]


def shown(capsys, monkeypatch, *, terminal, **options):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with progress_bar("counting", **options) as progress:
        progress(1, 4)
        progress(4, 4)
    return capsys.readouterr()


def test_a_terminal_sees_what_is_done(capsys, monkeypatch):
    written = shown(capsys, monkeypatch, terminal=True)
    assert "counting" in written.err
    assert written.out == ""


def test_a_file_and_the_other_ranks_see_nothing(capsys, monkeypatch):
    assert shown(capsys, monkeypatch, terminal=True, shown=False).err == ""
    assert shown(capsys, monkeypatch, terminal=False).err == ""

"""The page of benchmarks: all of them, in order, with the numbers of their records."""

import itertools

import pytest
from markdown_it import MarkdownIt
from records import MACHINE, a_growth, a_record, an_entry

from arcvq_lite.bench.list import SUBJECTS, benchmarks
from arcvq_lite.bench.record import Verdict, write_record
from arcvq_lite.bench.table import HEAD, entry_cells
from arcvq_lite.book.benchmark_page import benchmark_page

NAMES = [benchmark.name for benchmark in benchmarks()]


@pytest.fixture
def page(tmp_path):
    """The page of a folder that holds these records."""

    def page(*records):
        for record in records:
            write_record(record, tmp_path)
        return benchmark_page(tmp_path)

    return page


def read(text):
    return MarkdownIt("commonmark").enable("table").parse(text)


def shown(token):
    """What a reader sees of a line."""
    return "".join(child.content for child in token.children)


def headings(text):
    tokens = read(text)
    return [
        shown(inline)
        for opening, inline in itertools.pairwise(tokens)
        if (opening.type, opening.tag) == ("heading_open", "h2")
    ]


def tables(text):
    """Each table's rows, its head first, as a reader sees their cells."""
    found = []
    for token in read(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and token.level > 3:
            found[-1][-1].append(shown(token))
    return found


def section(text, name):
    """What stands below one benchmark's heading."""
    return text.split(f"## {name}\n")[1].split("\n## ")[0].strip()


@pytest.mark.parametrize("measured", [[], ["lookup_1024"], NAMES], ids=len)
def test_every_benchmark_is_there_once_in_order_measured_or_not(page, measured):
    found = headings(page(*map(a_record, reversed(measured))).text)
    assert found == [*NAMES, *["Machine and versions"][: len(measured)]]


def test_a_benchmark_without_a_record_says_in_one_line_how_to_get_one(page):
    text, pictures = page()
    assert pictures == {}
    assert tables(text) == []
    line = section(text, r"lookup\_16384")
    assert len(line.splitlines()) == 1
    says = next(one.says for one in benchmarks() if one.name == "lookup_16384")
    command = "arcvq bench lookup --out assets/results/bench"
    assert line == f"{says} Not measured yet: `{command}` does it."


def test_the_numbers_are_those_of_the_record(page):
    record = a_record(parts={"product": 0.3, "loss": 0.1}, growths=(a_growth(),))
    text = page(record).text
    entries, targets, _machine = tables(text)
    assert entries == [[*HEAD], *map(entry_cells, record.entries)]
    assert entries[1][1:4] == ["800 ms", "750 ms – 850 ms", "1.5 GiB"]
    assert targets[1:] == [
        [
            "arcvq_lite takes of plain formula's time",
            *("0.25", "0.5", "met", "0.125 – 0.375"),
        ]
    ]
    assert r"Parts of arcvq\_lite's time: product 75%, loss 25%." in text
    assert "time grows as K<sup>1.00</sup> (0.96 to 1.03), at most 1.05 asked" in text
    assert "extra memory 32 MiB to 64 MiB, as K<sup>0.50</sup>." in text


def test_a_target_that_is_missed_or_not_measured_says_so(page):
    verdicts = (
        Verdict("arcvq_lite", "floor", "seconds", 1.2, 1.3, 1.3, 1.4, False),
        Verdict("arcvq_lite", None, "memory", 12.0, None, None, None, None),
    )
    _, targets, _ = tables(page(a_record(verdicts=verdicts)).text)
    assert targets[1][1:] == ["1.3", "1.2", "MISSED", "1.3 – 1.4"]
    assert targets[2][1:] == ["not measured", "12 MiB", "", ""]


@pytest.mark.parametrize(
    "name", ["a|b", "<b>x_y_z", "$a$ *b* `c` [d](e) ~f~ {g}", r"\|"]
)
def test_no_sign_in_a_name_breaks_a_table(page, name):
    record = a_record(ours=name, growths=(a_growth(of=name),))
    text, pictures = page(record)
    entries, targets, _machine = tables(text)
    assert [row[0] for row in entries[1:]] == ["plain formula", name, "elsewhere"]
    assert targets[1][0] == f"{name} takes of plain formula's time"
    assert {len(row) for row in (*entries, *targets)} == {5}
    assert name in pictures["made/benchmarks/margin_loss.png"].alt


def test_seconds_that_stand_alone_are_targets_and_no_contestants(page):
    limit = an_entry("chapter 03, a slider", 0.01, 0.02, 0.03, difference=None)
    verdict = Verdict(limit.name, None, "seconds", 0.05, 0.02, 0.02, 0.02, True)
    record = a_record("reading", entries=(limit,), verdicts=(verdict,))
    targets, _machine = tables(page(record).text)
    assert targets[0] == ["target", "found", "at most", ""]
    assert targets[1] == ["chapter 03, a slider", "20 ms", "50 ms", "met"]


def test_a_figure_is_made_only_where_something_grew_and_always_the_same(page):
    records = a_record(growths=(a_growth(),)), a_record("lookup_1024")
    text, pictures = page(*records)
    place = "made/benchmarks/margin_loss.png"
    assert list(pictures) == [place]
    assert text.count("```{figure}") == text.count(f"```{{figure}} /{place}\n") == 1
    again = page(*records)
    assert again.text == text
    assert again.pictures[place].png == pictures[place].png


def test_notes_stand_with_the_first_benchmark_of_their_subject(page, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "lookup.md").write_text("# Profiles\n", encoding="utf-8")
    text = page().text
    place = "```{include} /assets/results/bench/notes/lookup.md\n"
    assert text.count("{include}") == 1
    assert place in section(text, r"lookup\_1024")


@pytest.mark.parametrize("name", ["lokup_1024.json", "notes/lookup_1024.md"])
def test_a_file_of_no_benchmark_is_named(page, tmp_path, name):
    (tmp_path / "notes").mkdir()
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=rf"{name} is .* of no benchmark that there"):
        page()


def test_a_record_that_is_none_is_named(page, tmp_path):
    (tmp_path / "reading.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"reading.json is not a benchmark's record"):
        page()


def test_the_machine_is_said_once_with_the_range_of_days_and_loads(page):
    later = MACHINE | {"date": "2026-11-30T01:00:00+00:00", "load": 10.0, "pack": None}
    text = page(a_record(machine=later), a_record("reading")).text
    assert text.count("Everything above was measured on one machine.") == 1
    said = dict(row for row in tables(text)[-1] if len(row) == 2)
    assert said["date"] == "2026-11-28 to 2026-11-30"
    assert said["load at the start"] == "2.00 to 10.00"
    assert (said["processor"], said["PyTorch"]) == ("Model X", "2.9.0")
    assert said["pack"] == "not installed"


def test_two_machines_have_a_column_each(page):
    other = MACHINE | {"threads": 1}
    text = page(a_record(), a_record("reading", machine=other)).text
    assert "Not all was measured on the same machine" in text
    rows = {row[0]: row[1:] for row in tables(text)[-1]}
    assert rows["measured"] == ["margin_loss", "reading"]
    assert rows["threads"] == ["2", "1"]


def test_every_subject_has_benchmarks():
    assert all(benchmarks([subject]) for subject in SUBJECTS)

"""What the benchmarks found, as a page: tables, targets, growth, profiles, machine."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from arcvq_lite.bench.benchmark import Benchmark
from arcvq_lite.bench.growth_figure import growth_picture
from arcvq_lite.bench.list import SUBJECTS, benchmarks
from arcvq_lite.bench.record import Entry, Record, Verdict, read_record, record_path
from arcvq_lite.bench.table import (
    HEAD,
    entry_cells,
    growth_lines,
    part_lines,
    verdict_cells,
)
from arcvq_lite.book.benchmark_machines import machines
from arcvq_lite.book.markdown_table import literal, table
from arcvq_lite.viz.picture import Picture

_TARGET_HEAD = ("target", "found", "at most", "", "quartiles")
# From the top of the site's sources, where the page is that includes all this.
_RESULTS, _PICTURES = "assets/results/bench", "made/benchmarks"


class BenchmarkPage(NamedTuple):
    """The page's text, and its pictures.

    Args:
        text: Markdown, to be included where `assets/` and `made/` are neighbours.
        pictures: By their places, such as `made/benchmarks/lookup_1024.png`.
    """

    text: str
    pictures: Mapping[str, Picture]


def benchmark_page(folder: Path) -> BenchmarkPage:
    """Write what a folder holds of each benchmark, in their order.

    Args:
        folder: Of the records, with the notes on profiles in `notes`; either may be
            missing.

    Raises:
        ValueError: A file is no record, or belongs to no benchmark.
    """
    subjects = {subject: benchmarks([subject]) for subject in SUBJECTS}
    known = {one.name for found in subjects.values() for one in found}
    _refuse_strangers(folder.glob("*.json"), known, "the record")
    _refuse_strangers(folder.glob("notes/*.md"), set(subjects), "notes on the profile")
    parts: list[str] = []
    records: list[Record] = []
    pictures: dict[str, Picture] = {}
    for subject, found in subjects.items():
        for benchmark in found:
            parts += [f"## {literal(benchmark.name)}"]
            path = record_path(folder, benchmark.name)
            if path.is_file():
                records.append(read_record(path))
                growths = records[-1].growths
                place = f"{_PICTURES}/{benchmark.name}.png"
                if growths:
                    pictures[place] = growth_picture(growths)
                parts += _measured(records[-1], place, pictures.get(place))
            else:
                parts += _not_measured(benchmark, subject)
            # Profiles are of a subject's first benchmark; the others vary it.
            if benchmark is found[0]:
                parts += _notes(folder, subject)
    if records:
        parts += ["## Machine and versions", machines(records)]
    return BenchmarkPage("\n\n".join([*parts, ""]), pictures)


def _refuse_strangers(paths: Iterable[Path], known: set[str], what: str) -> None:
    for path in sorted(paths):
        if path.stem not in known:
            raise ValueError(
                f"{path} is {what} of no benchmark that there is: rename or remove it"
            )


def _not_measured(benchmark: Benchmark, subject: str) -> list[str]:
    command = f"arcvq bench {subject} --out {_RESULTS}"
    return [f"{literal(benchmark.says)} Not measured yet: `{command}` does it."]


def _measured(record: Record, place: str, picture: Picture | None) -> list[str]:
    """A record's sentence, tables, shares and growth."""
    parts = [literal(record.says)]
    compared = [one for one in record.entries if not _is_a_limit(one, record.verdicts)]
    if compared:
        parts += [table(HEAD, map(entry_cells, compared))]
    if record.verdicts:
        parts += [table(_TARGET_HEAD, map(_target_row, record.verdicts))]
    parts += [f"{literal(line[:1].upper() + line[1:])}." for line in part_lines(record)]
    if picture is not None:
        parts += [_figure(place, picture)]
    grown = [f"- {_raised(literal(line))}." for line in growth_lines(record)]
    return [*parts, "\n".join(grown)] if grown else parts


def _is_a_limit(entry: Entry, verdicts: Sequence[Verdict]) -> bool:
    """Whether the targets alone say all that there is, for there is no other way."""
    judged_alone = {one.of for one in verdicts if one.against is None}
    alone = entry.memory_mib is None and entry.difference is None
    return alone and entry.name in judged_alone


def _target_row(verdict: Verdict) -> list[str]:
    cells = verdict_cells(verdict)
    # Where nothing is compared, the name says enough: "chapter 03, a slider".
    what = cells.what.removesuffix(" takes")
    quartiles = f"{cells.low} – {cells.high}" if cells.low != cells.high else ""
    return [what, cells.found, cells.asked, cells.met, quartiles]


def _figure(place: str, picture: Picture) -> str:
    # A JSON string is a quoted one in YAML, in which options are written.
    alt = json.dumps(picture.alt, ensure_ascii=False)
    caption = (
        "How one call grows on log–log axes, each line with the exponent that fits."
    )
    return f"```{{figure}} /{place}\n:alt: {alt}\n:width: 700px\n\n{caption}\n```"


def _raised(line: str) -> str:
    """Exponents after an escaped caret, as exponents are set."""
    return re.sub(r"\\\^(-?[\d.]*\d)", r"<sup>\1</sup>", line)


def _notes(folder: Path, subject: str) -> list[str]:
    path = folder / "notes" / f"{subject}.md"
    if not path.is_file():
        return []
    # Their title comes below the benchmark's.
    place = f"/{_RESULTS}/notes/{path.name}"
    return [f"```{{include}} {place}\n:heading-offset: 2\n```"]

"""Where the records of benchmarks were measured: a table with a column a machine."""

from collections.abc import Sequence

from arcvq_lite.bench.record import Record
from arcvq_lite.book.markdown_table import table

# What may differ from one benchmark to the next of a run, with its name in the table.
_DATE, _LOAD = "date", "load"
_SAME = {
    "processor": "processor",
    "cores": "cores",
    "threads": "threads",
    "system": "system",
    "python": "Python",
    "torch": "PyTorch",
    "arcvq_lite": "arcvq_lite",
}
_Setting = tuple[str, ...]


def machines(records: Sequence[Record]) -> str:
    """Say in Markdown on what the records were measured, and when.

    Args:
        records: At least one.
    """
    settings: dict[_Setting, list[Record]] = {}
    for record in records:
        setting = tuple(str(record.machine.get(name) or "") for name in _SAME)
        settings.setdefault(setting, []).append(record)
    columns = [
        [
            ", ".join(record.benchmark for record in measured),
            _range(sorted(str(record.machine[_DATE])[:10] for record in measured)),
            *setting,
            _range([f"{load:.2f}" for load in _loads(measured)]),
            *_packages(measured, _all_packages(records)),
        ]
        for setting, measured in settings.items()
    ]
    names = ["measured", "date", *_SAME.values(), "load at the start"]
    names += _all_packages(records)
    if len(columns) == 1:
        said = "Everything above was measured on one machine."
        del names[0], columns[0][0]
    else:
        said = "Not all was measured on the same machine, or with the same versions."
    rows = list(zip(names, *columns, strict=True))
    return f"{said}\n\n{table([''] * (1 + len(columns)), rows)}"


def _loads(measured: Sequence[Record]) -> list[float]:
    loads = [record.machine.get(_LOAD) for record in measured]
    return sorted(float(load) for load in loads if load is not None)


def _range(ordered: Sequence[str]) -> str:
    """The first and the last; one of them where they are the same."""
    return " to ".join(dict.fromkeys([*ordered[:1], *ordered[-1:]]))


def _all_packages(records: Sequence[Record]) -> list[str]:
    named = {name for record in records for name in record.machine}
    return sorted(named - {*_SAME, _DATE, _LOAD})


def _packages(measured: Sequence[Record], packages: Sequence[str]) -> list[str]:
    """The version of each package that these records say something of."""
    known = {
        name: version or "not installed"
        for record in measured
        for name, version in record.machine.items()
    }
    return [str(known.get(name, "")) for name in packages]

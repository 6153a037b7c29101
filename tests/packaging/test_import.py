"""What `import arcvq_lite` costs and pulls in, and that its names keep their word."""

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import arcvq_lite

HEAVY = ("matplotlib", "ipywidgets", "torchmetrics", "torchvision", "jsonargparse")
# (K, D), (B, D, *spatial), (N,) and the like, or a scalar.
SHAPE = r"\([A-Z]\w*,[^()]*\)|\(\)|[Ss]calar|shape"


def run_python(*arguments):
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def own_microseconds(report):
    """Time spent in arcvq_lite and in what it loads, without torch, from importtime.

    Lines come children first, indented by two spaces a level, each with its own time.
    """
    total = 0
    above = []
    for line in reversed(report.splitlines()):
        own, _, indented = line.removeprefix("import time:").split("|")
        name = indented.strip()
        level = (len(indented) - len(indented.lstrip()) - 1) // 2
        above = [*above[:level], name]
        if "arcvq_lite" in above and "torch" not in above:
            total += int(own)
    return total


def test_the_import_costs_little_beyond_torch():
    report = run_python("-X", "importtime", "-c", "import arcvq_lite").stderr
    lines = [line for line in report.splitlines() if line.startswith("import time:")]
    assert own_microseconds("\n".join(lines[1:])) < 300_000


def test_the_time_counted_is_that_of_the_package_alone():
    report = "\n".join(
        [
            "import time:       100 |        100 |     torch._C",
            "import time:      5000 |       5100 |   torch",
            "import time:         7 |          7 |     einops",
            "import time:        20 |         27 |   arcvq_lite.geometry",
            "import time:         3 |       5130 | arcvq_lite",
            "import time:       999 |        999 | site",
        ]
    )
    assert own_microseconds(report) == 30


def test_the_import_pulls_in_nothing_heavy():
    script = f"import sys, arcvq_lite; print(*[m for m in {HEAVY} if m in sys.modules])"
    assert run_python("-c", script).stdout.split() == []


def test_the_public_names_are_listed_once_and_shown_by_dir():
    names = arcvq_lite.__all__
    assert len(set(names)) == len(names)
    assert set(names) <= set(dir(arcvq_lite))


@pytest.mark.parametrize("name", arcvq_lite.__all__)
def test_every_public_name_is_there_and_explained(name):
    assert inspect.getdoc(getattr(arcvq_lite, name)), f"{name} has no docstring"


def what_is_called(thing):
    """A function itself; of a class, what its instances are called with."""
    if inspect.isfunction(thing):
        return [thing]
    own = (vars(thing).get(method) for method in ("forward", "__call__", "update"))
    return [method for method in own if method]


def handles_tensors(thing):
    annotations = [inspect.get_annotations(part) for part in what_is_called(thing)]
    if inspect.isclass(thing):
        annotations.append(inspect.get_annotations(thing))
    return "Tensor" in str(annotations).replace("dict[str, Tensor]", "")


@pytest.mark.parametrize("name", arcvq_lite.__all__)
def test_the_docstring_of_what_handles_tensors_names_their_shapes(name):
    thing = getattr(arcvq_lite, name)
    if handles_tensors(thing):
        texts = [inspect.getdoc(part) or "" for part in (thing, *what_is_called(thing))]
        assert re.search(SHAPE, "\n".join(texts)), f"{name} names no shape"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        arcvq_lite.no_such_name  # noqa: B018


def test_the_version_is_the_one_in_pyproject():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    assert tomllib.loads(text)["project"]["version"] == arcvq_lite.__version__

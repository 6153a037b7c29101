"""The verbs of start.py, and the Pythons that may run it."""

import ast
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

START = Path(__file__).parents[2] / "start.py"


@pytest.fixture
def started(start, monkeypatch):
    """What was set up, asked and at last handed over to, in order."""
    seen = []

    def hand_over(command):
        seen.append(command)
        return 3

    monkeypatch.setattr(start, "set_up", seen.append)
    monkeypatch.setattr(start, "ask", lambda *words: seen.append(list(words)))
    monkeypatch.setattr(start, "hand_over", hand_over)
    return seen


@pytest.mark.parametrize(
    "arguments",
    [(), ("lab",), ("--no-browser",), ("lab", "--no-browser", "--port", "8899")],
)
def test_reading_opens_the_first_chapter_and_passes_options_on(
    start, started, arguments
):
    assert start.main(list(arguments)) == 3
    extra, command = started
    options = [argument for argument in arguments if argument != "lab"]
    assert extra == "lab"
    assert command[: 3 + len(options)] == [
        str(start.PYTHON),
        "-m",
        "jupyterlab",
        *options,
    ]
    assert start.FIRST_CHAPTER in command


def test_reading_opens_the_notebook_asked_for_instead(start, started):
    start.main(["lab", "chapters/03_margins.ipynb"])
    assert "chapters/03_margins.ipynb" in started[-1]
    assert start.FIRST_CHAPTER not in started[-1]


def test_committed_notebooks_are_trusted_before_they_are_opened(start, started):
    chapter = start.ROOT / "chapters" / "00_start_here.ipynb"
    chapter.parent.mkdir()
    chapter.touch()
    start.main([])
    assert started[1] == [start.PYTHON, "-m", "nbformat.sign", chapter]


def test_the_site_is_made_by_the_program_with_what_that_needs(start, started):
    assert start.main(["site"]) == 3
    assert started == ["book", [str(start.PYTHON), "-m", "arcvq_lite", "book", "site"]]


def test_setting_up_for_development_stops_there(start, started, capsys):
    assert start.main(["setup"]) == 0
    assert started == ["dev"]
    assert str(start.PYTHON) in capsys.readouterr().out


def test_test_hands_the_parts_to_the_environment(start, started):
    assert start.main(["test", "unit", "types"]) == 3
    assert started == ["dev", [str(start.PYTHON), str(start.PROOF), "unit", "types"]]


def test_test_alone_means_every_part(start, started):
    start.main(["test"])
    assert started[-1][2:] == list(start.PARTS)


@pytest.mark.parametrize("status", [0, 1])
def test_what_is_handed_over_to_decides_the_status(status):
    script = (
        f"import sys; sys.path.insert(0, {str(START.parent)!r}); import start;"
        f"sys.exit(start.hand_over([sys.executable, '-c', 'exit({status})']))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == status


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (["tset"], "`test`"),
        (["sight"], "`site`"),
        (["test", "notbooks"], "`notebooks`"),
        (["zzz"], "lab"),
    ],
)
def test_a_misspelt_word_is_answered_before_anything_is_installed(
    start, started, capsys, arguments, nearest
):
    assert start.main(arguments) == 1
    assert nearest in capsys.readouterr().err
    assert started == []


def test_the_help_names_every_verb_and_part(start, capsys):
    assert start.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in (*start.VERBS, *start.PARTS))


def test_old_pythons_can_parse_it_far_enough_to_be_told():
    ast.parse(START.read_text("utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 0), (3, 14, 0)])
def test_a_python_out_of_range_is_told_in_one_line(monkeypatch, version):
    spec = importlib.util.spec_from_file_location("start", START)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit, match=r"needs Python 3\.11, 3\.12 or 3\.13") as left:
        spec.loader.exec_module(module)
    assert f"this is 3.{version[1]}" in left.value.code
    assert "\n" not in left.value.code


def test_the_range_is_the_one_in_pyproject(start):
    text = START.with_name("pyproject.toml").read_text("utf-8")
    wanted = tomllib.loads(text)["project"]["requires-python"]
    (_, oldest), (_, newest) = start.OLDEST, start.NEWEST
    assert wanted.replace(" ", "") == f">=3.{oldest},<3.{newest + 1}"


def test_it_needs_the_standard_library_alone():
    tree = ast.parse(START.read_text("utf-8"))
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or node.names[0].name for node in imports}
    assert names <= sys.stdlib_module_names

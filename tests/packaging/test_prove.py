"""tests/prove.py runs every part whatever fails, and its last line counts honestly."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def prove():
    return load("prove", ROOT / "tests" / "prove.py")


@pytest.fixture
def bare(prove, monkeypatch):
    """A machine with no browser, where we may install nothing and are not CI."""
    monkeypatch.setattr(prove.shutil, "which", lambda name: None)
    monkeypatch.delenv("ARCVQ_CHROMIUM", raising=False)
    monkeypatch.delenv("CI", raising=False)
    return prove


def give_parts(prove, monkeypatch, **verdicts):
    def part(verdict):
        def run():
            """Do one thing."""
            if verdict == "skipped":
                raise prove.NotRunError("skipped", "no browser")
            return verdict == "passed"

        return run

    parts = {name: part(verdict) for name, verdict in verdicts.items()}
    monkeypatch.setattr(prove, "PARTS", parts)
    return list(parts)


def test_a_failure_hides_no_later_part(prove, monkeypatch, capsys):
    parts = give_parts(prove, monkeypatch, a="passed", b="failed", c="passed")
    assert prove.main(parts) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "2 passed, 1 failed"


def test_what_was_skipped_is_counted_and_named(prove, monkeypatch, capsys):
    parts = give_parts(prove, monkeypatch, a="passed", b="skipped")
    assert prove.main(parts) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 passed, 0 failed, 1 skipped"
    assert lines[-2].endswith("no browser")


def test_every_part_is_one_that_start_offers_in_the_same_order(prove):
    start = load("start", ROOT / "start.py")
    assert tuple(prove.PARTS) == start.PARTS


def test_settings_are_handed_on_and_taken_away(prove, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    check = (
        "import os, sys;"
        "sys.exit('MPLBACKEND' in os.environ or os.environ['OMP_NUM_THREADS'] != '1')"
    )
    assert prove.python("-c", check, MPLBACKEND=None, OMP_NUM_THREADS="1")
    assert not prove.python("-c", check, OMP_NUM_THREADS="1")


def test_no_notebook_at_all_is_a_failure(prove, monkeypatch, tmp_path):
    monkeypatch.setattr(prove, "CHAPTERS", tmp_path)
    outcome = prove.run_part("notebooks")
    assert outcome.verdict == "failed"
    assert "arcvq book build" in outcome.note


def test_a_browser_is_found_by_its_variable_first(prove, monkeypatch):
    monkeypatch.setenv("ARCVQ_CHROMIUM", sys.executable)
    assert prove.find_browser() == sys.executable


def test_a_variable_that_names_no_program_is_a_failure(prove, monkeypatch):
    monkeypatch.setenv("ARCVQ_CHROMIUM", str(ROOT / "no-such-browser"))
    outcome = prove.run_part("browser")
    assert outcome.verdict == "failed"
    assert "ARCVQ_CHROMIUM" in outcome.note


@pytest.mark.parametrize(("ci", "verdict"), [("", "skipped"), ("true", "failed")])
def test_a_missing_browser_is_a_skip_by_hand_and_a_failure_in_ci(
    bare, monkeypatch, ci, verdict
):
    monkeypatch.setenv("CI", ci)
    outcome = bare.run_part("browser")
    assert outcome.verdict == verdict
    assert "ARCVQ_CHROMIUM" in outcome.note


def test_a_browser_is_installed_where_we_may(bare, monkeypatch):
    commands = []

    def install(command, **options):
        commands.append(command)
        if "install" in command:
            monkeypatch.setattr(bare, "find_browser", lambda: "/usr/bin/chromium")
        return 0

    monkeypatch.setattr(bare, "may_install", lambda: True)
    monkeypatch.setattr(bare.subprocess, "call", install)
    assert bare.install_browser() == "/usr/bin/chromium"
    assert [command[2] for command in commands] == ["update", "install"]


@pytest.mark.skipif(os.name == "nt", reason="CI's script is for a POSIX shell")
def test_ci_runs_the_readers_command_from_anywhere(tmp_path):
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    checkout = tmp_path / "checkout"
    (checkout / ".ci").mkdir(parents=True)
    (checkout / ".ci" / "run").write_bytes(script.read_bytes())
    (checkout / "start.py").write_text("import sys; sys.exit(f'got {sys.argv[1:]}')")
    command = ["bash", str(checkout / ".ci" / "run")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "got ['test']\n"

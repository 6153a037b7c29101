"""What start.py cannot mend it says in one line, with the next step."""

import subprocess
import sys
from types import SimpleNamespace

import pytest


def answer(stderr, code=1):
    return lambda *command: subprocess.CompletedProcess(command, code, "", stderr)


def test_a_python_without_venv_is_told_the_package(start, monkeypatch):
    monkeypatch.setattr(start, "ask", answer("python3: No module named venv"))
    monkeypatch.setattr(start.Path, "exists", lambda path: True)
    name = f"python3.{sys.version_info[1]}-venv"
    with pytest.raises(start.SetUpError, match=f"sudo apt install {name}"):
        start.make_environment(None)


def test_a_python_without_pip_is_told_the_package(start, monkeypatch):
    real = start.ask

    def without_pip(*command):
        if {"pip", "ensurepip"} & set(command):
            return subprocess.CompletedProcess(command, 1, "", "No module named pip")
        return real(*command)

    monkeypatch.setattr(start, "ask", without_pip)
    monkeypatch.setattr(start.Path, "exists", lambda path: False)
    with pytest.raises(start.SetUpError, match=r"venv with pip: .*python\.org"):
        start.make_environment(None)


@pytest.mark.parametrize(("platform", "needed"), [("linux", 8), ("darwin", 2)])
def test_a_small_disk_is_refused_before_anything_is_made(
    start, monkeypatch, capsys, platform, needed
):
    free = SimpleNamespace(free=(needed - 0.5) * 1e9)
    monkeypatch.setattr(start.shutil, "disk_usage", lambda path: free)
    monkeypatch.setattr(start.sys, "platform", platform)
    assert start.main(["setup"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{needed - 0.5} GB free" in line
    assert f"about {needed} GB" in line
    assert not start.VENV.exists()


def test_a_small_disk_suffices_where_torch_is_already(start, monkeypatch, tmp_path):
    free = SimpleNamespace(free=1.5e9)
    monkeypatch.setattr(start.shutil, "disk_usage", lambda path: free)
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "version.py").touch()
    start.check_disk(start.Environment("3.12.1", "python", tmp_path))


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("ERROR: OSError: [Errno 28] No space left on device", "disk is full"),
        ("WARNING: Retrying (Retry(total=4))\nERROR: No matching", "HTTPS_PROXY"),
        ("ERROR: No matching distribution found for torch", "no release for this"),
        ("ERROR: something else", "arcvq-install.log"),
    ],
)
def test_pip_that_fails_is_explained_in_one_line(
    start, monkeypatch, capsys, output, advice
):
    start.VENV.mkdir()
    script = f"import sys; print({output!r}); sys.exit(1)"
    real = subprocess.Popen

    def fails(command, **options):
        return real([sys.executable, "-c", script], **options)

    monkeypatch.setattr(start.subprocess, "Popen", fails)
    monkeypatch.setattr(start, "set_up", start.install)
    assert start.main(["setup"]) == 1
    written = capsys.readouterr()
    assert output.splitlines()[-1] in written.out
    (line,) = written.err.splitlines()
    assert advice in line


def test_pip_at_work_shows_a_sign_of_life(start, monkeypatch, capsys):
    class Pip:
        waits = 0

        def wait(self, timeout):
            self.waits += 1
            if self.waits < 3:
                raise subprocess.TimeoutExpired("pip", timeout)

    start.VENV.mkdir()
    start.LOG.write_text(
        "Collecting einops\n  Downloading einops (64 kB)\n\nWARNING: x\n"
    )
    start.watch(Pip())
    assert capsys.readouterr().out.count("Downloading einops (64 kB)") == 2

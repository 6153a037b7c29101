"""A start.py that works on a checkout of its own, without a network."""

import os
import subprocess
from types import SimpleNamespace

import pytest
from start_program import load_start


@pytest.fixture
def settle():
    """Give a start.py another checkout."""

    def settle(module, checkout):
        python = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        module.ROOT = checkout
        module.PYPROJECT = checkout / "pyproject.toml"
        module.VENV = checkout / ".venv"
        module.STAMP = module.VENV / module.STAMP.name
        module.LOG = module.VENV / module.LOG.name
        module.PYTHON = module.VENV / python

    return settle


@pytest.fixture
def start(tmp_path, settle):
    """A fresh start.py; its checkout holds a pyproject.toml and nothing else."""
    module = load_start()
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    settle(module, checkout)
    module.PYPROJECT.write_text("[project]\n")
    return module


@pytest.fixture
def installs(start, monkeypatch):
    """Each extra that pip was asked for. Environments are real, but without a pip."""
    asked = []
    real = start.ask

    def ask(*command):
        if "pip" in command:
            return subprocess.CompletedProcess(command, 0, "pip 25", "")
        return real(*command)

    monkeypatch.setattr(start, "ask", ask)
    monkeypatch.setattr(start, "install", asked.append)
    enough = SimpleNamespace(free=1e12)
    monkeypatch.setattr(start.shutil, "disk_usage", lambda path: enough)
    return asked

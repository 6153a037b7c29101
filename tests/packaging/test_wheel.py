"""The wheel holds the library alone, says what it needs, and works where installed."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


def run(*command, **options):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of an environment with the wheel, which borrows all else from here."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=os.name == "posix")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", wheel)
    packages = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"
    )
    borrowed = Path(packages.strip(), "borrowed.pth")
    borrowed.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def test_the_wheel_holds_every_file_of_the_library_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {n for n in archive.namelist() if ".dist-info/" not in n}
    sources = (ROOT / "arcvq_lite").rglob("*")
    kept = {
        path
        for path in sources
        if path.suffix in (".py", ".yaml") or path.name == "py.typed"
    }
    assert packed == {path.relative_to(ROOT).as_posix() for path in kept}


def test_the_wheel_requires_what_pyproject_lists(wheel):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = dict(project["optional-dependencies"])
    # These begin with the ones that they hold.
    extras["book"] = extras["lab"] + extras["book"][1:]
    extras["dev"] = extras["book"] + extras["scale"] + extras["dev"][2:]
    wanted = {Requirement(line) for line in project["dependencies"]}
    for extra, lines in extras.items():
        wanted |= {Requirement(f"{line}; extra == '{extra}'") for line in lines}
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    assert {Requirement(line) for line in metadata.get_all("Requires-Dist")} == wanted
    assert set(metadata.get_all("Provides-Extra")) == set(extras)


def test_every_module_imports_from_where_it_is_installed(installed, tmp_path):
    script = (
        "import importlib, pkgutil, arcvq_lite\n"
        "for module in pkgutil.walk_packages(arcvq_lite.__path__, 'arcvq_lite.'):\n"
        "    if module.name != 'arcvq_lite.__main__':\n"
        "        print(importlib.import_module(module.name).__file__)\n"
    )
    places = run(installed, "-I", "-c", script, cwd=tmp_path).splitlines()
    assert len(places) > 20
    assert all(Path(place).is_relative_to(installed.parents[1]) for place in places)


def test_the_installed_program_answers(installed, tmp_path):
    program = installed.with_name("arcvq.exe" if os.name == "nt" else "arcvq")
    assert "book build" in run(program, "--help", cwd=tmp_path)

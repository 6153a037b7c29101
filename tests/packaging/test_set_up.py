"""What start.py sets up: all that is missing, and that only once."""

import os
import re
import tomllib

import pytest
from start_program import START, load_start


def test_a_second_run_has_nothing_to_do(start, installs):
    start.set_up("lab")
    start.set_up("lab")
    assert installs == ["lab"]


def test_development_has_all_that_reading_needs_but_not_the_reverse(start, installs):
    start.set_up("lab")
    start.set_up("dev")
    start.set_up("lab")
    assert installs == ["lab", "dev"]


@pytest.mark.parametrize(
    ("wide", "narrow"), [("book", "lab"), ("dev", "lab"), ("dev", "book")]
)
def test_a_wider_installation_serves_a_narrower_use(start, installs, wide, narrow):
    start.set_up(wide)
    start.set_up(narrow)
    assert installs == [wide]


def test_an_extra_that_serves_another_holds_it():
    text = START.with_name("pyproject.toml").read_text("utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    for narrow, satisfying in load_start().SATISFIED_BY.items():
        for wide in satisfying:
            assert narrow in held_by(wide, extras)


def held_by(extra, extras):
    """The extras that installing one brings, itself among them."""
    inner = re.findall(r"arcvq-lite\[(\w+)\]", " ".join(extras[extra]))
    return {extra}.union(*(held_by(name, extras) for name in inner))


def test_a_changed_pyproject_is_noticed(start, installs):
    start.set_up("lab")
    start.PYPROJECT.write_text("[project]\ndependencies = ['einops']\n")
    start.set_up("lab")
    assert installs == ["lab", "lab"]


def test_a_moved_checkout_is_noticed(start, installs, settle, tmp_path):
    start.set_up("lab")
    elsewhere = tmp_path / "elsewhere"
    start.ROOT.rename(elsewhere)
    settle(start, elsewhere)
    start.set_up("lab")
    assert installs == ["lab", "lab"]


def test_another_python_in_the_environment_is_noticed(start, installs, monkeypatch):
    start.set_up("lab")
    found = start.inspect_environment()
    other = found._replace(version="3.99.0")
    monkeypatch.setattr(start, "inspect_environment", lambda: other)
    start.set_up("lab")
    assert installs == ["lab", "lab"]


def test_an_installation_that_was_cut_off_is_begun_again(start, installs, monkeypatch):
    def cut_off(extra):
        raise KeyboardInterrupt

    start.set_up("lab")
    start.PYPROJECT.write_text("[project]\nname = 'changed'\n")
    with monkeypatch.context() as patch:
        patch.setattr(start, "install", cut_off)
        with pytest.raises(KeyboardInterrupt):
            start.set_up("lab")
    # Even back at the first pyproject, what was cut off may have changed packages.
    start.PYPROJECT.write_text("[project]\n")
    start.set_up("lab")
    assert installs == ["lab", "lab"]


def test_an_environment_whose_python_is_gone_is_made_anew(start, installs):
    start.set_up("lab")
    remnant = start.inspect_environment().packages / "remnant.txt"
    remnant.touch()
    start.PYTHON.unlink()
    start.set_up("lab")
    assert not remnant.exists()
    assert installs == ["lab", "lab"]


def test_a_working_environment_keeps_its_packages(start, installs):
    start.set_up("lab")
    kept = start.inspect_environment().packages / "kept.txt"
    kept.touch()
    start.STAMP.unlink()
    start.set_up("lab")
    assert kept.exists()


def test_packages_without_their_last_file_are_forgotten(start, installs):
    start.set_up("lab")
    packages = start.inspect_environment().packages
    whole, half = packages / "a-1.dist-info", packages / "b-1.dist-info"
    for record in (whole, half):
        record.mkdir()
        (record / "METADATA").touch()
    (whole / "INSTALLER").touch()
    start.STAMP.unlink()
    start.set_up("lab")
    assert whole.is_dir()
    assert not half.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows' commands are not scripts")
def test_the_commands_of_a_moved_environment_find_their_python(start, installs):
    start.set_up("lab")
    moved, foreign = (start.PYTHON.with_name(name) for name in ("pytest", "tool"))
    moved.write_text("#!/old/place/.venv/bin/python3\nrun()\n")
    foreign.write_text("#!/bin/sh\necho\n")
    start.STAMP.unlink()
    start.set_up("lab")
    assert moved.read_text() == f"#!{start.PYTHON}\nrun()\n"
    assert foreign.read_text() == "#!/bin/sh\necho\n"

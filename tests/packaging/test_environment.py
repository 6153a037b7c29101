"""environment.yml names what pyproject.toml names, with the same lower bounds."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
# What conda-forge calls by another name than PyPI.
PYPI_NAMES = {
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "python-build": "build",
    "playwright-python": "playwright",
}
ITSELF = "--editable ."


def split_requirement(requirement):
    name, extras, bound = re.fullmatch(
        r"([A-Za-z0-9._-]+)(\[[a-z,]+\])?(.*)", requirement.replace(" ", "")
    ).groups()
    return name.lower() + (extras or ""), bound


def declared_in_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    listed = [
        *project["dependencies"],
        *(line for lines in extras.values() for line in lines),
    ]
    foreign = [line for line in listed if not line.startswith("arcvq-lite[")]
    return dict(map(split_requirement, foreign)) | {
        "python": project["requires-python"].replace(" ", "")
    }


def declared_in_environment():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    from_conda = [entry for entry in listed["dependencies"] if isinstance(entry, str)]
    from_pip = [entry for entry in listed["dependencies"] if isinstance(entry, dict)]
    requirements = from_conda + from_pip[0]["pip"]
    requirements.remove(ITSELF)
    requirements.remove("pip")
    named = map(split_requirement, requirements)
    return {PYPI_NAMES.get(name, name): bound for name, bound in named}


def test_both_lists_name_the_same_packages_with_the_same_bounds():
    assert declared_in_environment() == declared_in_pyproject()


def test_every_requirement_has_a_lower_bound():
    unbounded = [n for n, bound in declared_in_pyproject().items() if ">=" not in bound]
    assert unbounded == []


def test_the_environment_installs_the_work_tree_itself():
    text = (ROOT / "environment.yml").read_text("utf-8")
    assert f"- {ITSELF}\n" in text

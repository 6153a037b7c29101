"""What the README shows is so."""

import re
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_script_runs(capsys):
    (script,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    with torch.random.fork_rng():
        exec(compile(script, "README.md", "exec"), {})
    assert "torch.Size([8, 8, 8])" in capsys.readouterr().out


def test_its_links_land():
    links = re.findall(r"\]\(([^)]+)\)", README)
    missing = [
        link for link in links if "://" not in link and not (ROOT / link).exists()
    ]
    assert len(links) > 8
    assert not missing


def test_it_names_every_chapter_that_is_there():
    for notebook in ROOT.glob("chapters/*.ipynb"):
        assert f"chapters/{notebook.name}" in README

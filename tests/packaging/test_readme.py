"""What the README shows is so."""

import json
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


ROW = re.compile(
    r"^\| (?P<words>.+) \| (?P<psnr>.+) \| (?P<usage>.+) \| (?P<verdict>.+) "
    r"\| \[`(?P<claim>\w+)`\]\((?P<file>.+)\) \|$",
    flags=re.MULTILINE,
)


def shown(claim, measure, factor, digits):
    """A comparison as the README writes it: mean, low and high."""
    for found in claim["comparisons"]:
        if found["measure"] == measure:
            mean, low, high = (
                f"{factor * found[name]:+.{digits}f}"
                for name in ("mean", "low", "high")
            )
            return f"{mean} ({low} to {high})".replace("-", "−")
    return "–"


def test_its_results_are_those_of_the_reports():
    rows = list(ROW.finditer(README))
    assert len(rows) >= 8
    for row in rows:
        report = json.loads((ROOT / row["file"]).read_text(encoding="utf-8"))
        claim = report["claims"][row["claim"]]
        assert row["psnr"] == shown(claim, "psnr", 1, 2), row["words"]
        assert row["usage"] == shown(claim, "usage", 100, 0), row["words"]
        assert row["verdict"] == claim["verdict"].replace("_", " "), row["words"]

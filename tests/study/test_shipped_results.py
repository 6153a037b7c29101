"""The shipped studies are whole, and their reports say what the runs say."""

import json
from pathlib import Path

import pytest

from arcvq_lite.study.run_file import RunFiles

STUDIES = Path(__file__).parents[2] / "assets" / "results" / "study"
FOLDERS = sorted(path.parents[1] for path in STUDIES.glob("*/report/report.json"))


def test_there_are_some():
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_run_is_there_and_in_the_report(folder):
    report = json.loads((folder / "report" / "report.json").read_text("utf-8"))
    assert not report["missing"]
    for arm, told in report["arms"].items():
        assert told["seeds"] == report["seeds"]
        for place, seed in enumerate(told["seeds"]):
            run = RunFiles(folder, f"{arm}-seed{seed}").read_result()
            assert run is not None, f"{arm}, seed {seed}"
            for measure, summary in told["last"].items():
                assert run.history.final(measure) == summary["values"][place]

"""write_report: a study's page in Markdown and HTML, and the JSON behind it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from arcvq_lite.study.document import Plot, to_html, to_markdown
from arcvq_lite.study.findings import find
from arcvq_lite.study.finished_runs import read_runs
from arcvq_lite.study.options import StudyOptions
from arcvq_lite.study.page import VERDICTS, write_page
from arcvq_lite.written_aside import written_aside


@dataclass(frozen=True)
class WrittenReport:
    """What was written.

    Attributes:
        folder: with report.json, report.md, report.html and the pictures.
        lines: for the reader: a verdict a claim, and where the pages are.
    """

    folder: Path
    lines: tuple[str, ...]


def write_report(study: StudyOptions, folder: Path) -> WrittenReport:
    """Write what the finished runs of a study say.

    Args:
        study: whose claims are judged.
        folder: of the study; the report goes into its part `report`.

    Raises:
        OtherConfigurationError: if a run is of another configuration.
        FileNotFoundError: if no run is finished.
        ModuleNotFoundError: if matplotlib is missing.
    """
    findings = find(study, read_runs(study, folder))
    blocks = write_page(findings)
    text = json.dumps(findings, indent=1, ensure_ascii=False, allow_nan=False)
    target = folder / "report"
    target.mkdir(parents=True, exist_ok=True)
    files = {
        "report.json": f"{text}\n".encode(),
        "report.md": to_markdown(blocks).encode(),
        "report.html": to_html(blocks).encode(),
        **{f"{b.name}.png": b.png for b in blocks if isinstance(b, Plot)},
    }
    for name, content in files.items():
        with written_aside(target / name) as file:
            file.write(content)
    lines = [
        f"{name}: {VERDICTS[claim['verdict']]}. {claim['words']}"
        for name, claim in findings["claims"].items()
    ]
    lines.append(
        f"with {len(findings['seeds'])} seeds no comparison behind a verdict is surer "
        f"than {findings['most_confidence']:.1%}"
    )
    missing = findings["runs"]["missing"]
    if missing:
        lines.append(f"{missing} runs are missing; the page says which")
    return WrittenReport(target, (*lines, f"the pages are {target / 'report.html'}"))

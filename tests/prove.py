"""Run what proves the project, part by part, and say at the end what failed.

`start.py test` calls this with the environment's Python, after the set-up.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)


class NotRunError(Exception):
    """A part that could not start: how that counts, and what would help."""

    def __init__(self, verdict: str, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict


class Outcome(NamedTuple):
    """How one part ended."""

    part: str
    verdict: str
    seconds: float
    note: str = ""


def say(text: str) -> None:
    """Write a line at once, so that it stands before what the part writes."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def python(*arguments: str, **environment: str | None) -> bool:
    """Run this Python on `arguments`; an environment value of None removes it."""
    surroundings = {**os.environ, **environment}
    kept = {name: value for name, value in surroundings.items() if value is not None}
    command = [sys.executable, *arguments]
    return subprocess.call(command, cwd=ROOT, env=kept, stdin=subprocess.DEVNULL) == 0


def prove_format() -> bool:
    """Every file is laid out as ruff lays it out."""
    return python("-m", "ruff", "format", "--check", ".")


def prove_lint() -> bool:
    """No rule of the house is broken."""
    return python("-m", "ruff", "check", ".")


def prove_types() -> bool:
    """The library's types hold together."""
    return python("-m", "mypy")


def prove_unit() -> bool:
    """Unit, parity and property tests, one process a core and one thread a process."""
    processes = str(min(os.cpu_count() or 1, 8))
    arguments = ["-m", "pytest", "-m", "not browser", "tests"]
    # Tests that share something slow to make, such as the wheel, stay together.
    arguments += ["-n", processes, "--dist", "loadgroup"]
    return python(*arguments, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")


def prove_pairs() -> bool:
    """Each notebook is the one that its source builds."""
    return python("-m", "arcvq_lite", "book", "check")


def prove_notebooks() -> bool:
    """Each committed notebook runs, and shows again what it shows."""
    notebooks = sorted(str(path) for path in CHAPTERS.glob("*.ipynb"))
    if not notebooks:
        raise NotRunError("failed", "no notebook in chapters/: run `arcvq book build`")
    arguments = ["-m", "pytest", "--nbval", "--nbval-current-env", "-W", "default"]
    arguments += ["--nbval-cell-timeout", "300", "-p", "no:cacheprovider"]
    arguments += ["--nbval-sanitize-with", "tests/chapters/nbval_sanitize.cfg"]
    # The builder's own settings, under which the stored outputs arose; but threads
    # that wait do so asleep, or a busy machine makes training many times slower.
    return python(
        *arguments,
        *notebooks,
        MPLBACKEND=None,
        OMP_NUM_THREADS="2",
        OMP_WAIT_POLICY="PASSIVE",
        PYTHONHASHSEED="0",
        TQDM_DISABLE="1",
    )


def prove_bench() -> bool:
    """Three benchmarks' ratios are at most twice those that are stored."""
    # A part of its own: what is timed beside the unit tests' processes says nothing.
    command = ["-m", "arcvq_lite", "bench", "--quick", "--out", "build/bench"]
    return python(*command, "--against", "assets/results/bench")


def prove_browser() -> bool:
    """Chapters in a real JupyterLab and the site's pages: all run, moves and lands."""
    browser = find_browser() or install_browser()
    say(f"with {browser}")
    arguments = ["-m", "pytest", "-m", "browser", "tests/browser"]
    return python(*arguments, ARCVQ_CHROMIUM=browser, OMP_WAIT_POLICY="PASSIVE")


def find_browser() -> str | None:
    """The path of a Chromium: the one named in ARCVQ_CHROMIUM, or a usual one.

    Raises:
        NotRunError: ARCVQ_CHROMIUM names a file that is not there.
    """
    named = os.environ.get("ARCVQ_CHROMIUM")
    if named:
        if found := shutil.which(named):
            return found
        reason = f"ARCVQ_CHROMIUM={named} is no program: correct or unset it"
        raise NotRunError("failed", reason)
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def install_browser() -> str:
    """Install Debian's Chromium where we may; say what is missing where we may not."""
    if may_install():
        say("no Chromium found; installing Debian's")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "--yes", "chromium"]):
            command = ["apt-get", "--quiet=2", *arguments]
            subprocess.call(command, env=quiet, stdin=subprocess.DEVNULL)
        if found := find_browser():
            return found
    missing = (
        "no Chromium, Chrome or Edge was found: install one (Debian and Ubuntu:"
        " `sudo apt install chromium`), or set ARCVQ_CHROMIUM to the path of one"
    )
    in_ci = os.environ.get("CI", "").lower() in ("1", "true")
    raise NotRunError("failed" if in_ci else "skipped", missing)


def may_install() -> bool:
    """Whether we are root on a system with Debian's packages."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return is_root and shutil.which("apt-get") is not None


PARTS: dict[str, Callable[[], bool]] = {
    "format": prove_format,
    "lint": prove_lint,
    "types": prove_types,
    "unit": prove_unit,
    "pairs": prove_pairs,
    "notebooks": prove_notebooks,
    "bench": prove_bench,
    "browser": prove_browser,
}


def run_part(part: str) -> Outcome:
    """Run one part to its end, whatever happens in it."""
    begun = time.monotonic()
    note = ""
    try:
        verdict = "passed" if PARTS[part]() else "failed"
    except NotRunError as reason:
        verdict, note = reason.verdict, str(reason)
    return Outcome(part, verdict, time.monotonic() - begun, note)


def main(parts: list[str]) -> int:
    """Run the parts in order; 1 when one of them failed."""
    outcomes = []
    for number, part in enumerate(parts, start=1):
        sentence = (PARTS[part].__doc__ or "").splitlines()[0]
        say(f"\n=== {number}/{len(parts)} {part}: {sentence}")
        outcomes.append(run_part(part))
        say(f"--- {part} {describe(outcomes[-1])}")
    say("\n=== Summary")
    for outcome in outcomes:
        say(f"{outcome.part:>10}  {describe(outcome)}")
    say(closing_line(outcomes))
    return 1 if any(outcome.verdict == "failed" for outcome in outcomes) else 0


def describe(outcome: Outcome) -> str:
    """Verdict, seconds, and the reason where there is one."""
    text = f"{outcome.verdict:<7} {outcome.seconds:6.1f} s"
    return f"{text}  {outcome.note}" if outcome.note else text


def closing_line(outcomes: list[Outcome]) -> str:
    """How many parts passed, failed and were skipped."""
    verdicts = [outcome.verdict for outcome in outcomes]
    line = f"{verdicts.count('passed')} passed, {verdicts.count('failed')} failed"
    skipped = verdicts.count("skipped")
    return f"{line}, {skipped} skipped" if skipped else line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

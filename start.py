"""The commands of this book: read it, make its site, and prove that it works.

    python3 start.py                  set up, then open the first chapter in JupyterLab
    python3 start.py lab [options]    the same; the options go to JupyterLab
    python3 start.py site             set up, then make the book's web pages
    python3 start.py setup            set up everything for development, and stop
    python3 start.py test [part ...]  set up, then prove everything, or the parts named

The parts: format, lint, types, unit, pairs, notebooks, bench, browser.
Nothing but Python 3.11, 3.12 or 3.13 is needed; the rest is installed into .venv.
"""

import difflib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

OLDEST, NEWEST = (3, 11), (3, 13)
DOWNLOADS = "https://www.python.org/downloads/"
# Older Pythons can parse this file but not run what follows, so they stop here.
if not OLDEST <= sys.version_info[:2] <= NEWEST:
    fitting = [n for n in ("python3.13", "python3.12", "python3.11") if shutil.which(n)]
    remedy = f"try: {fitting[0]} start.py" if fitting else f"get one from {DOWNLOADS}"
    found = "{}.{}".format(*sys.version_info)
    sys.exit(f"start.py: needs Python 3.11, 3.12 or 3.13 and this is {found}; {remedy}")

ROOT = Path(__file__).resolve().parent
PYPROJECT = ROOT / "pyproject.toml"
PROOF = ROOT / "tests" / "prove.py"
VENV = ROOT / ".venv"
STAMP = VENV / "arcvq-stamp"
LOG = VENV / "arcvq-install.log"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
FIRST_CHAPTER = "chapters/00_start_here.ipynb"
PARTS = ("format", "lint", "types", "unit", "pairs", "notebooks", "bench", "browser")
# Each extra holds those before it: reading, making the site, development.
SATISFIED_BY = {"lab": ("lab", "book", "dev"), "book": ("book", "dev"), "dev": ("dev",)}


class SetUpError(Exception):
    """Something that the person at the keyboard can put right, said in one line."""


class Environment(NamedTuple):
    """What the interpreter in .venv says of itself."""

    version: str
    base: str
    packages: Path


def set_up(extra: str) -> None:
    """Make `.venv` hold the package with `extra`, doing only what is still to do."""
    found = inspect_environment()
    if found and is_finished(found, extra):
        return
    STAMP.unlink(missing_ok=True)
    check_disk(found)
    found = make_environment(found)
    forget_half_installed(found.packages)
    readdress_commands()
    install(extra)
    STAMP.write_text(fingerprint(found, extra), encoding="ascii")


def inspect_environment() -> Environment | None:
    """Ask the interpreter in `.venv`; None where there is none or it does not run."""
    question = (
        "import os, sys, sysconfig; packages = sysconfig.get_path('purelib');"
        "print(sys.version.split()[0], sys._base_executable, packages, sep='\\n');"
        "sys.exit(not os.path.isdir(packages))"
    )
    answer = ask(PYTHON, "-c", question)
    if answer.returncode:
        return None
    version, base, packages = answer.stdout.splitlines()
    return Environment(version, base, Path(packages))


def ask(*command: object) -> "subprocess.CompletedProcess[str]":
    """Run a command quietly; one that cannot even start counts as failed."""
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, "", str(error))


def fingerprint(found: Environment, extra: str) -> str:
    """Everything that an installation depends on, as one hash."""
    facts = (PYPROJECT.read_text(encoding="utf-8"), extra, found.version, str(ROOT))
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()


def is_finished(found: Environment, extra: str) -> bool:
    """Whether an installation that came to its end satisfies `extra`."""
    stamp = STAMP.read_text(encoding="ascii") if STAMP.is_file() else None
    return stamp in {fingerprint(found, wider) for wider in SATISFIED_BY[extra]}


def make_environment(found: Environment | None) -> Environment:
    """Create `.venv`, or repair it in place with the Python that made it."""
    say(f"{'Checking' if found else 'Creating'} {VENV}")
    maker = found.base if found else sys._base_executable
    clear = [] if found else ["--clear"]
    made = ask(maker, "-m", "venv", "--without-pip", *clear, VENV)
    if "No module named venv" in made.stderr:
        raise SetUpError(venv_advice())
    if made.returncode:
        reason = made.stderr.strip().splitlines()[-1:]
        raise SetUpError(f"{VENV} could not be made {reason}: delete it and run again")
    has_pip = ask(PYTHON, "-m", "pip", "--version").returncode == 0
    if not has_pip and ask(PYTHON, "-m", "ensurepip", "--default-pip").returncode:
        raise SetUpError(venv_advice())
    remade = inspect_environment()
    if remade is None:
        raise SetUpError(f"the Python in {VENV} does not run: delete it and run again")
    return remade


def venv_advice() -> str:
    """Which package brings venv and pip, by name on Debian's family."""
    remedy = f"install Python from {DOWNLOADS}"
    if Path("/etc/debian_version").exists():
        remedy = "run `sudo apt install python{}.{}-venv`".format(*sys.version_info)
    return f"this Python has no venv with pip: {remedy}"


def check_disk(found: Environment | None) -> None:
    """Refuse to start an installation that the disk cannot hold."""
    has_torch = found and (found.packages / "torch" / "version.py").is_file()
    needed = 1 if has_torch else 8 if sys.platform == "linux" else 2
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < needed:
        raise SetUpError(
            f"the disk has {free:.1f} GB free and the set-up needs about {needed} GB:"
            " free some space, or take CPU-only torch (see TROUBLESHOOTING.md)"
        )


def forget_half_installed(packages: Path) -> None:
    """Drop the records of packages whose installation was cut off.

    pip writes INSTALLER last. Without it files may be missing, so pip shall begin anew.
    """
    for record in packages.glob("*.dist-info"):
        if not (record / "INSTALLER").is_file():
            shutil.rmtree(record)


def readdress_commands() -> None:
    """Let the commands of an environment that was moved find their interpreter."""
    for command in PYTHON.parent.iterdir() if os.name == "posix" else ():
        address, newline, script = command.read_bytes().partition(b"\n")
        if address.startswith(b"#!/") and b"/.venv/bin/python" in address:
            command.write_bytes(f"#!{PYTHON}".encode() + newline + script)


def install(extra: str) -> None:
    """Install the work tree with `extra`, with a sign of life while pip works."""
    say(f"Installing what `{extra}` needs (some minutes the first time)")
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--no-input", "--progress-bar=off", "--editable", f".[{extra}]"]
    with LOG.open("wb") as log:
        pip = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            watch(pip)
        finally:
            pip.kill()
            pip.wait()
    if pip.returncode:
        log = log_lines()
        say("\n".join([line for line in log if line.startswith("ERROR")] or log[-9:]))
        raise SetUpError(install_advice("\n".join(log)))


def watch(pip: "subprocess.Popen[bytes]") -> None:
    """Say what pip is at: on one changing line, or every 15 s into a kept log."""
    live = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns - 1 if live else 100
    begun = time.monotonic()
    while True:
        try:
            pip.wait(timeout=1 if live else 15)
            break
        except subprocess.TimeoutExpired:
            busy = ("Collecting", "Downloading", "Installing")
            doing = [line for line in log_lines() if line.startswith(busy)] or [""]
            text = f"  {time.monotonic() - begun:4.0f} s  {doing[-1]}"[:width]
            say(text.ljust(width) if live else text, end="\r" if live else "\n")
    done = f"  done with pip after {time.monotonic() - begun:.0f} s"
    say(done.ljust(width) if live else done)


def log_lines() -> list[str]:
    """What pip has said so far, without blank lines."""
    text = LOG.read_text(encoding="utf-8", errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def install_advice(log: str) -> str:
    """The likely cause of pip's failure and what to do, in one line."""
    if "No space left on device" in log:
        return "the disk is full: free about 8 GB and run this again"
    if "Retrying (" in log:
        return "pip had no network; behind a proxy set HTTPS_PROXY, and run this again"
    if "No matching distribution" in log:
        return "a package has no release for this system; see TROUBLESHOOTING.md"
    return f"pip failed; all that it said is in {LOG}"


def lab(arguments: list[str]) -> int:
    """Open JupyterLab on the first chapter; the arguments are Jupyter's own."""
    set_up("lab")
    notebooks = sorted(ROOT.glob("chapters/*.ipynb"))
    if notebooks:
        # Jupyter hides the figures and sliders of a notebook that it does not trust.
        ask(PYTHON, "-m", "nbformat.sign", *notebooks)
    # Beside a browser, torch's threads must not spin while they wait for each other.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    command = [str(PYTHON), "-m", "jupyterlab", *arguments, "--allow-root"]
    chosen = any(argument.endswith(".ipynb") for argument in arguments)
    return hand_over(command if chosen else [*command, FIRST_CHAPTER])


def site(arguments: list[str]) -> int:
    """Make the book's web pages; the program says where they are."""
    set_up("book")
    return hand_over([str(PYTHON), "-m", "arcvq_lite", "book", "site", *arguments])


def develop(arguments: list[str]) -> int:
    """Set up for development, and stop."""
    set_up("dev")
    say(f"Ready. The environment's Python is {PYTHON}")
    return 0


def prove(parts: list[str]) -> int:
    """Run the parts named, or all of them, and pass on whether they succeeded."""
    for part in set(parts) - set(PARTS):
        raise SetUpError(unknown("part", part, PARTS))
    set_up("dev")
    return hand_over([str(PYTHON), str(PROOF), *(parts or PARTS)])


def hand_over(command: list[str]) -> int:
    """Let a command take this process's place, so that signals reach it."""
    os.chdir(ROOT)
    if os.name == "posix":
        os.execv(command[0], command)
    # Windows knows no such replacement: stay, and leave Ctrl+C to the command.
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def unknown(kind: str, word: str, known: tuple[str, ...]) -> str:
    """Say that a word is not known, and which one is nearest."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known are: {', '.join(known)}"
    return f"there is no {kind} `{word}`; {hint}"


def say(text: str, end: str = "\n") -> None:
    """Print at once, so that the order holds where output is kept."""
    print(text, end=end, flush=True)


def main(arguments: list[str]) -> int:
    """Do what the first word says; without one, or with an option first, read."""
    if arguments[:1] in (["-h"], ["--help"]):
        say(str(__doc__).strip())
        return 0
    has_verb = arguments and not arguments[0].startswith("-")
    verb, *rest = arguments if has_verb else ["lab", *arguments]
    try:
        if verb not in VERBS:
            raise SetUpError(unknown("verb", verb, tuple(VERBS)))
        return VERBS[verb](rest)
    except SetUpError as problem:
        print(f"start.py: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Run it again to go on.")
        return 130


VERBS = {"lab": lab, "site": site, "setup": develop, "test": prove}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

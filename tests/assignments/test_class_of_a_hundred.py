"""A hundred students of A1: right marks for all, and a kill changes nothing."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from a1_styles import RIGHT
from a1_wrong import WRONG

from arcvq_lite.check.assignments import ASSIGNMENTS

ROOT = Path(__file__).parents[2]
A1 = ASSIGNMENTS["a1"]
SOURCE = ROOT / "chapters" / "assignments" / "a1_margins.py"
POINTS = {task.function: task.points for task in A1.tasks}
STUB = "def {0}(*given):\n    raise NotImplementedError\n"
STYLES = {
    function: [each.source for each in RIGHT if each.function == function]
    for function in POINTS
}
# Each answers one task so that it must bring nothing, and leaves the others alone.
HOSTILE = {
    "ends": "import os\ndef {0}(*given):\n    os._exit(0)\n",
    "leaves": "import sys\ndef {0}(*given):\n    sys.exit(0)\n",
    "raises": "def {0}(*given):\n    raise BaseException('no')\n",
    "signals": "import os, signal\ndef {0}(*given):\n    os.kill(0, signal.SIGKILL)\n",
    "waits": "import time\ndef {0}(*given):\n    time.sleep(60)\n",
    "grows": "def {0}(*given):\n    return bytearray(1 << 36)\n",
    "asks": "def {0}(*given):\n    return input()\n",
    "cheats": "import arcvq_lite\ndef {0}(*given):\n    return arcvq_lite.margins\n",
    "object": "class C: pass\ndef {0}(*given):\n    return C()\n",
    "writes": "def {0}(*given):\n    open('/tmp/arcvq-was-here', 'w').write('x')\n",
}
SIZE, KILLED_AT, FROM_THE_BEGINNING = 100, 40, 10
NAMES = ("Zoë", "O'Brien, Pat", "<b>Bo", "=Eva", "李娜")


def full_file():
    """The reference solutions as a student would have written them."""
    return re.sub(
        r"^ *### (BEGIN|END) SOLUTION\n", "", SOURCE.read_text("utf-8"), flags=re.M
    )


def make_class(folder):
    """Files of a hundred students, and what each must get, by student and function."""
    draw = random.Random(0)
    wanted, texts = {}, {}

    def hand_in(student, text, marks):
        texts[student], wanted[student] = text, marks

    for number in range(SIZE // 10):
        hand_in(f"full {number:02}", full_file(), POINTS)
    for number in range(SIZE // 10):
        blank = "".join(map(STUB.format, POINTS))
        hand_in(f"empty {number:02}", blank, dict.fromkeys(POINTS, 0))
    hand_in("broken", "def class_cosines(:\n", dict.fromkeys(POINTS, 0))
    hand_in("nul", "x = '\0'", dict.fromkeys(POINTS, 0))
    hand_in("notebook", '{"cells": [', dict.fromkeys(POINTS, 0))
    for number, source in enumerate(HOSTILE.values()):
        function = list(POINTS)[number % len(POINTS)]
        text = f"{full_file()}\n# %%\n{source.format(function)}"
        hand_in(f"hostile {number:02}", text, POINTS | {function: 0})
    for number in range(SIZE - len(wanted)):
        marks, pieces = {}, []
        for function, points in POINTS.items():
            kind = draw.choice(("right", "wrong", "empty", "empty"))
            mistakes = [each for each in WRONG if each.function == function]
            if kind == "right":
                pieces.append(draw.choice(STYLES[function]))
                marks[function] = points
            elif kind == "wrong" and mistakes:
                mistake = draw.choice(mistakes)
                pieces.append(mistake.source)
                marks[function] = mistake
            else:
                pieces.append(STUB.format(function))
                marks[function] = 0
        student = NAMES[number] if number < len(NAMES) else f"partly {number:02}"
        hand_in(student, "\n\n# %%\n".join(pieces), marks)
    folder.mkdir()
    for student, text in texts.items():
        own = folder / student
        own.mkdir()
        suffix = "ipynb" if student == "notebook" else "py"
        (own / f"a1_margins.{suffix}").write_text(text, "utf-8")
    return wanted


def command(folder, out, *more):
    words = ["grade", "a1", str(folder), "--out", str(out), "--time", "6"]
    return [sys.executable, "-m", "arcvq_lite", *words, *more]


def everything(out):
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def check_marks(results, wanted):
    wrong = []
    for student, marks in wanted.items():
        for task in results[student]["tasks"]:
            function, parts = task["function"], task["parts"]
            outcomes = [part["outcome"] for part in parts]
            got = sum(part["points"] for part in parts if part["outcome"] == "right")
            mark = marks[function]
            right = (
                got == mark
                if isinstance(mark, int)
                else got < POINTS[function] and outcomes[mark.part] == "wrong"
            )
            if not right:
                wrong.append((student, function, outcomes, parts[0]["sentence"]))
    assert wrong == []


@pytest.mark.slow
def test_a_hundred_are_graded_rightly_and_a_kill_costs_nothing(tmp_path):
    wanted = make_class(tmp_path / "in")
    out = tmp_path / "out"
    killed = subprocess.Popen(command(tmp_path / "in", out), stdout=subprocess.DEVNULL)
    while len(list((out / "results").glob("*.json"))) < KILLED_AT:
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    known = len(list((out / "results").glob("*.json")))
    assert KILLED_AT <= known < SIZE

    again = subprocess.run(
        command(tmp_path / "in", out), capture_output=True, text=True, check=True
    )
    assert f"graded now: {SIZE - known}, known before: {known}" in again.stdout
    files = [path.read_bytes() for path in (out / "results").glob("*.json")]
    results = {read["student"]: read for read in map(json.loads, files)}
    assert len(results) == SIZE
    check_marks(results, wanted)
    assert not Path("/tmp/arcvq-was-here").exists()

    # Those of whom the killed run may have had half, from the beginning, one by one.
    some = tmp_path / "some"
    some.mkdir()
    for student in sorted(wanted)[:: SIZE // FROM_THE_BEGINNING]:
        os.rename(tmp_path / "in" / student, some / student)
    subprocess.run(
        command(tmp_path / "some", tmp_path / "fresh", "--jobs", "1"),
        capture_output=True,
        check=True,
    )
    whole, fresh = everything(out), everything(tmp_path / "fresh")
    own = [name for name in fresh if name.startswith("students/")]
    assert len(own) == FROM_THE_BEGINNING
    assert all(fresh[name] == whole[name].replace(b"in/", b"some/") for name in own)
    last = subprocess.run(
        command(tmp_path / "some", tmp_path / "fresh"), capture_output=True, check=True
    )
    assert b"graded now: 0, known before: %d" % FROM_THE_BEGINNING in last.stdout
    assert everything(tmp_path / "fresh") == fresh

"""Functions come out of notebooks without plots, and a mistake costs only itself."""

import json

import pytest

from arcvq_lite.check.task import Question
from arcvq_lite.grading.cells import MOST_CHARACTERS, UnreadableError, read_cells
from arcvq_lite.grading.source_units import find_units
from arcvq_lite.grading.written_answers import find_answers


def notebook(*sources, kind="code", **more):
    cells = [{"cell_type": kind, "source": source} for source in sources]
    return json.dumps({"nbformat": 4, "cells": cells} | more).encode()


def found_in(*sources, functions=("f",)):
    return find_units(read_cells("x.ipynb", notebook(*sources)).cells, functions)


def run(source):
    """What the statements define, where each fails by itself."""
    names = {}
    for unit in source.units:
        try:
            exec(compile(unit.text, unit.where, "exec"), names)
        except Exception:
            continue
    return names


def test_plots_checks_prints_and_magics_are_left_out():
    source = found_in(
        "%matplotlib inline\nimport math\n!ls -l\nmath?",
        "SCALE = 2.0\nprint(SCALE)\nplot = draw()",
        "def f(x):\n    return SCALE * math.sqrt(x)\ncheck.f(f)\nraise SystemExit",
        "for step in range(10**9):\n    f(step)",
        "if __name__ == '__main__':\n    f = None",
        "%%bash\nrm -rf /",
    )
    assert [unit.text.split("\n")[0] for unit in source.units] == [
        "import math",
        "SCALE = 2.0",
        "def f(x):",
    ]
    assert run(source)["f"](4.0) == 4.0
    assert source.broken == ()
    assert [unit.where for unit in source.units][1:] == [
        "cell 2, line 1",
        "cell 3, line 1",
    ]


def test_only_what_the_functions_reach_is_run():
    source = found_in(
        "history = train()\nWIDE = 3\nhalf = lambda x: x / 2",
        "def g(x):\n    history = [x]\n    return half(history[0]) + WIDE",
        "def f(x):\n    return g(x)",
    )
    kept = " ".join(unit.text for unit in source.units)
    assert "train" not in kept
    assert run(source)["f"](2) == 4


@pytest.mark.parametrize(
    "setting",
    [
        "T = [0]\nT[0] = 5",
        "T = [1]\nT[0] += 4",
        "class C:\n    pass\nC.v = 5\nT = [C.v]",
        "from math import *\nT = [floor(5.1)]",
        "try:\n    import nothing_like_it\n    T = [1]\nexcept ImportError:\n"
        "    print('no')\n    T = [5]",
        "if True:\n    T = [5]\n    print(T)\nelse:\n    T = [2]",
        "import contextlib\nwith contextlib.nullcontext():\n    T = [5]",
        "a = 2; b = 3; T = [a + b]",
        "(n := 5)\nT = [5]",
        "T: list = [5]",
        "%%time\nT = [5]",
    ],
)
def test_whatever_makes_a_constant_is_kept(setting):
    source = found_in(setting, "def f():\n    return T[0]")
    assert run(source)["f"]() == 5


def test_a_broken_cell_costs_only_itself():
    source = found_in("def f(:\n  return 1", "def g():\n    return 2", functions="fg")
    names = run(source)
    assert "f" not in names
    assert names["g"]() == 2
    assert source.broken[0].startswith("Cell 1, line 1: this is not Python (")


def test_a_cell_that_fails_costs_only_what_needs_it():
    source = found_in(
        "import no_such_module\nA = 1\nB = no_such_module.x",
        "def f():\n    return A\ndef g():\n    return B",
        functions="fg",
    )
    names = run(source)
    assert names["f"]() == 1
    assert "B" not in names


def test_later_definitions_win_and_a_broken_later_one_does_not():
    assert run(found_in("def f():\n    return 1", "def f():\n    return 2"))["f"]() == 2
    later = found_in("def f():\n    return 1", "def f(:\n    return 2")
    assert run(later)["f"]() == 1
    assert run(found_in("def f():\n    return 1", "def f(a, a): 1"))["f"]() == 1


def test_annotations_of_the_future_hold_for_later_cells():
    source = found_in(
        "from __future__ import annotations", "def f(x: Unknown): return 1"
    )
    assert run(source)["f"](0) == 1


def test_decorators_and_unicode_lines_are_cut_where_they_end():
    text = "é = 'ü'; ß = 2\n@wrap\ndef f():\n    return ß\nprint(f())"
    source = found_in("def wrap(g):\n    return g", text)
    assert run(source)["f"]() == 2
    assert source.units[-1].text == "@wrap\ndef f():\n    return ß\n"


def test_percent_cells_break_alone_and_lines_are_the_files():
    text = (
        "# ---\n# jupyter: {}\n# ---\n\n# %% [markdown]\n# # Title\n\n# %%\ndef g(:\n"
        '\n# %% task="f"\ndef f():\n    return 7\n'
    )
    file = read_cells("a1.py", text.replace("\n", "\r\n").encode())
    source = find_units(file.cells, ["f"])
    assert run(source)["f"]() == 7
    assert source.units[0].where == "line 12"
    assert source.broken[0].startswith("Line 9: ")


@pytest.mark.parametrize("name", ["x.py", "x.ipynb"])
@pytest.mark.parametrize(
    ("encoding", "remark"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("latin-1", "Latin-1"),
        ("utf-16", "UTF-16"),
        ("utf-32", "UTF-32"),
    ],
)
def test_encodings_are_read_and_told(name, encoding, remark):
    text = "def f():\n    return 'é'\n"
    if name == "x.ipynb":
        cells = [{"cell_type": "code", "source": text}]
        text = json.dumps({"cells": cells}, ensure_ascii=False)
    file = read_cells(name, text.encode(encoding))
    assert run(find_units(file.cells, ["f"]))["f"]() == "é"
    assert [remark in told for told in file.remarks] == [True] * bool(remark)


def test_formats_3_and_5_are_read():
    cells = [
        {"cell_type": "heading", "source": ["Title"]},
        {"cell_type": "code", "input": ["def f():\n", "    return 3"]},
    ]
    third = json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}).encode()
    assert run(find_units(read_cells("x.ipynb", third).cells, ["f"]))["f"]() == 3
    fifth = notebook("def f():\n    return 5", nbformat=5, future=[1])
    assert run(find_units(read_cells("x.ipynb", fifth).cells, ["f"]))["f"]() == 5


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.py", b"", "empty"),
        ("x.py", b"def f():\0", "NUL bytes"),
        ("x.ipynb", b'{"cells": [', "not a whole notebook"),
        ("x.ipynb", b"[1]", "not a notebook"),
        ("x.ipynb", b'{"nbformat": 9}', "version 9"),
        ("x.ipynb", b'{"cells": 3, "nbformat": 4}', "no cells"),
        ("x.ipynb", b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        ("x.ipynb", b'{"a": ' + b"1" * 5000 + b"}", "not a whole notebook"),
        ("x.ipynb", notebook(17), "cell 1 is not text"),
        ("x.ipynb", notebook("a\0b"), "NUL"),
        ("x.ipynb", notebook("x" * (MOST_CHARACTERS + 1)), "characters"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(name, content, sentence):
    with pytest.raises(UnreadableError, match=sentence):
        read_cells(name, content)


def test_outputs_cost_nothing():
    huge = [{"output_type": "stream", "text": "y" * 2 * MOST_CHARACTERS}]
    cells = [{"cell_type": "code", "source": "def f(): return 1", "outputs": huge}]
    file = read_cells("x.ipynb", json.dumps({"cells": cells}).encode())
    assert run(find_units(file.cells, ["f"]))["f"]() == 1


@pytest.mark.parametrize(
    "text",
    ["(" * 5000 + ")" * 5000, "-" * 200_000 + "1", "x" + ".a" * 100_000, "1" * 10_000],
)
def test_monstrous_code_is_broken_and_no_more(text):
    source = found_in(
        f"y = {text}\ndef f(): return y", "def g(): return 2", functions="g"
    )
    assert run(source)["g"]() == 2


WHY = Question("why", "Why it collapses", 5, 10, ((5, "because"),))
HOW = Question("how", "How to cure it", 5, 10, ((5, "so"),))


def answers(*cells):
    held = json.dumps({"cells": list(cells)}).encode()
    return find_answers(read_cells("x.ipynb", held).cells, [WHY, HOW])


def markdown(source, question=None):
    metadata = {"question": question} if question else {}
    return {"cell_type": "markdown", "source": source, "metadata": metadata}


def test_an_answer_is_its_cell_and_what_was_added_below():
    found = answers(
        markdown("## Question 1. Why it collapses\nSay why."),
        markdown("First.", "why"),
        markdown("Second."),
        markdown("## Question 2. How to cure it"),
        markdown("*Your answer.*", "how"),
    )
    assert found == {"why": "First.\n\nSecond.", "how": ""}


def test_an_answer_is_found_by_its_heading_where_names_are_lost():
    found = answers(
        markdown("## Question 1. Why it *collapses*\nSay why."),
        markdown("Norms."),
        {"cell_type": "code", "source": "1"},
        markdown("not this"),
    )
    assert found == {"why": "Say why.\nNorms.", "how": ""}


@pytest.mark.parametrize("quotes", ["", '"""'])
def test_an_answer_in_a_percent_file(quotes):
    body = '"""\nIt <b>is</b> so.\n"""' if quotes else "# It <b>is</b> so."
    text = f'# %% [markdown] question="why"\n{body}\n\n# %%\nx = 1\n'
    found = find_answers(read_cells("x.py", text.encode()).cells, [WHY])
    assert found == {"why": "It <b>is</b> so."}

"""Students' copies: nothing of a solution in them, all that is needed to work."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import jupytext
import nbformat
import pytest

from arcvq_lite.book.check import check
from arcvq_lite.book.execute import run_cells
from arcvq_lite.book.notebook_file import parse
from arcvq_lite.book.release import release, stale_copies, student_copies
from arcvq_lite.book.source import METADATA, read_source
from arcvq_lite.book.student_text import student_text
from arcvq_lite.book.tree import Chapter
from arcvq_lite.check.assignments import ASSIGNMENTS
from arcvq_lite.check.task import Assignment, Part, Question, Task

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "chapters" / "assignments"
EVERY = pytest.mark.parametrize("name", ASSIGNMENTS)
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)


def source_of(name: str) -> Path:
    (path,) = FOLDER.glob(f"{name}_*.py")
    return path


def copies_of(name: str) -> tuple[str, nbformat.NotebookNode]:
    """The file and the notebook that students get."""
    copies = student_copies(ASSIGNMENTS[name], root=ROOT)
    text = {path.suffix: content.decode() for path, content in copies.items()}
    return text[".py"], parse(text[".ipynb"])


def test_every_copy_is_the_one_that_its_source_gives() -> None:
    problems = list(stale_copies(root=ROOT))
    assert problems == [], "\n".join(problems)


@EVERY
def test_nothing_of_a_solution_is_in_a_copy(name: str) -> None:
    source = source_of(name).read_text(encoding="utf-8")
    solutions = SOLUTION.findall(source)
    answers = len(ASSIGNMENTS[name].tasks) + len(ASSIGNMENTS[name].questions)
    assert len(solutions) == answers
    text, notebook = copies_of(name)
    shown = {" ".join(line.split()) for line in text.splitlines()}
    for cell in notebook.cells:
        shown |= {" ".join(line.split()) for line in cell.source.splitlines()}
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    for line in "".join(solutions).splitlines():
        words = " ".join(line.removeprefix("# ").split())
        assert len(words) < 12 or words not in shown, line
    assert "SOLUTION" not in text + json.dumps(notebook)


@EVERY
def test_a_copy_has_every_stub_and_what_it_is_worth(name: str) -> None:
    assignment = ASSIGNMENTS[name]
    text, notebook = copies_of(name)
    stubs = {
        cell.metadata.task: cell.source
        for cell in notebook.cells
        if "task" in cell.metadata
    }
    assert list(stubs) == [task.function for task in assignment.tasks]
    assert all(
        source.endswith("\n    raise NotImplementedError") for source in stubs.values()
    )
    assert text.count("# *Your answer.*\n") == len(assignment.questions)
    assert notebook.metadata == METADATA
    for task in assignment.tasks:
        stars = "●" * task.difficulty + "○" * (3 - task.difficulty)
        line = f"\n#\n# *{task.points} points · {stars} · {task.minutes} minutes*\n"
        assert f". {task.title}{line}" in text
    for question in assignment.questions:
        line = f"\n#\n# *{question.points} points · {question.minutes} minutes ·"
        assert f". {question.title}{line}" in text


@EVERY
def test_notebook_and_file_of_a_copy_say_the_same(name: str) -> None:
    text, notebook = copies_of(name)
    cells = jupytext.reads(text, fmt="py:percent").cells
    assert [cell.source for cell in cells] == [cell.source for cell in notebook.cells]


# nbgrader's schema 3: its keys and their types, and nothing beside them.
KEYS = {
    "schema_version": int,
    "grade_id": str,
    "grade": bool,
    "solution": bool,
    "locked": bool,
    "task": bool,
    "points": int,
}


@EVERY
def test_the_marking_is_valid_in_nbgraders_schema(name: str) -> None:
    assignment = ASSIGNMENTS[name]
    _, notebook = copies_of(name)
    nbformat.validate(notebook)
    marked = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    entries = [cell.metadata.nbgrader for cell in marked]
    for cell, entry in zip(marked, entries, strict=True):
        assert all(type(entry[key]) is KEYS[key] for key in entry)
        assert KEYS.keys() - entry.keys() <= {"points"}
        assert entry.schema_version == 3
        assert re.fullmatch(r"[a-zA-Z0-9_\-]+", entry.grade_id)
        assert entry.grade == ("points" in entry)
        assert entry.locked != entry.solution
        assert not entry.task
        # A markdown cell is graded and a solution, or neither.
        assert cell.cell_type == "code" or (entry.grade and entry.solution)
    names = [entry.grade_id for entry in entries]
    assert len(set(names)) == len(names)
    assert sum(entry.get("points", 0) for entry in entries) == assignment.points
    for task in assignment.tasks:
        stub = names.index(task.function)
        assert names[stub + 1] == f"check_{task.function}"
        assert entries[stub + 1].points == task.points


def what_checks_say(notebook: nbformat.NotebookNode) -> list[str]:
    return [
        "".join(output.data["text/plain"])
        for cell in notebook.cells
        if cell.source.startswith("check.")
        for output in cell.outputs
    ]


@pytest.mark.slow
@EVERY
def test_an_untouched_copy_runs_and_says_not_attempted(
    name: str, tmp_path: Path
) -> None:
    _, notebook = copies_of(name)
    run_cells(notebook, name, tmp_path)
    said = what_checks_say(notebook)
    assert said == ["✗ Not attempted yet."] * len(ASSIGNMENTS[name].tasks)


@pytest.mark.slow
@EVERY
def test_the_source_with_its_solutions_runs_to_full_marks(
    name: str, tmp_path: Path
) -> None:
    notebook = read_source(Chapter(source_of(name)))
    run_cells(notebook, name, tmp_path)
    said = what_checks_say(notebook)
    assert len(said) == len(ASSIGNMENTS[name].tasks)
    assert all(words.startswith("✓") for words in said), said


SMALL = Assignment(
    "a9",
    "Small",
    3,
    (Task("twice", "Twice", 1, 5, (Part(60, "doubles", lambda *_: None),)),),
    (Question("why", "Why", 40, 5, ((40, "because"),)),),
)
GOOD = """\
# %% [markdown]
# ## Task 1. Twice
#
# Double it.

# %% task="twice"
def twice(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% [markdown]
# ## Question 1. Why

# %% [markdown] question="why"
# ### BEGIN SOLUTION
# Because.
# ### END SOLUTION
"""


def test_a_source_becomes_exactly_this() -> None:
    assert (
        student_text(GOOD, SMALL, "a9.py")
        == """\
# %% [markdown]
# ## Task 1. Twice
#
# *60 points · ●○○ · 5 minutes*
#
# Marked in parts: doubles (60).
#
# Double it.

# %% task="twice"
def twice(x):
    raise NotImplementedError

# %% [markdown]
# ## Question 1. Why
#
# *40 points · 5 minutes · read by a person*

# %% [markdown] question="why"
# *Your answer.*
"""
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("    ### END SOLUTION\n", ""), "line 11: the solution of line 8 has no end"),
        (("    ### BEGIN SOLUTION\n", ""), "line 9: END where the other mark is due"),
        (("return 2 * x", "### BEGIN SOLUTION"), "line 9: BEGIN where the other mark"),
        (("return 2 * x", "pass  # END SOLUTION"), "line 9: 'pass  # END SOLUTION'"),
        (
            ("return 2 * x", "## end solution"),
            "line 9: '## end solution' is not a mark",
        ),
        (("Double it", "### BEGIN  SOLUTION"), "line 4: .* is not a mark"),
        (("# ### END SOLUTION\n", ""), "line 16: this solution has no end"),
        ((' task="twice"', ""), "line 8: a solution in a cell that is no task's"),
        (('task="twice"', 'task="thrice"'), r"task='thrice' is not one of \['twice'\]"),
        (('question="why"', 'question="how"'), r"'how' is not one of \['why'\]"),
        (("# %% task", "# %% tusk"), "line 8: a solution in a cell"),
        (
            ("1. Twice", "1. Thrice"),
            "'## Task 1. Thrice' stands where the task 'Twice'",
        ),
        (("## Question 1. Why", "Why"), "Question 'Why' has no heading"),
        (
            (GOOD[GOOD.index("# %% task") : GOOD.index("# %% [markdown]\n# ## Q")], ""),
            "0 cells have task='twice'",
        ),
        (
            (
                "    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION\n",
                "    return None\n",
            ),
            "the cell with task='twice' has no solution between marks",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_source_out_of_order_is_refused(change: tuple[str, str], words: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(ValueError, match=f"^a9.py.*{words}"):
        student_text(GOOD.replace(*change), SMALL, "a9.py")


def test_a_released_tree_is_whole_and_every_fault_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "chapters" / "assignments"
    folder.mkdir(parents=True)
    for name in ASSIGNMENTS:
        path = source_of(name)
        (folder / path.name).write_bytes(path.read_bytes())
    first, *_ = ASSIGNMENTS
    missing = [f"run `arcvq book release {name}`" for name in ASSIGNMENTS]
    found = list(stale_copies(root=tmp_path))
    assert all(remedy in " ".join(found) for remedy in missing)
    written = release(root=tmp_path)
    assert len(written) == 2 * len(ASSIGNMENTS)
    before = {path: path.read_bytes() for path in written}
    assert not list(stale_copies(root=tmp_path))
    assert release([first, first], root=tmp_path) == written[:2]
    assert {path: path.read_bytes() for path in written} == before

    (folder / "student" / "a0_stray.py").touch()
    edit(written[1], lambda text: text + "\n")
    name = source_of(first).stem
    assert [fault for fault in check(root=tmp_path) if "student" in fault] == [
        f"chapters/assignments/student/{name}.py is stale: "
        f"run `arcvq book release {first}`",
        "chapters/assignments/student/a0_stray.py is no student's copy: delete it",
    ]
    edit(folder / f"{name}.py", lambda text: text.replace("### END SOLUTION", ""))
    with pytest.raises(ValueError, match=rf"^chapters/assignments/{name}.py, line \d+"):
        release(root=tmp_path)
    with pytest.raises(ValueError, match="no assignment 'a0'; known: "):
        release(["a0"], root=tmp_path)


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

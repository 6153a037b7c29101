"""Assignments become what students get: a notebook and a file, without the solutions.

Both are made from ``chapters/assignments/aN_name.py`` alone, and from the assignment's
definition in ``arcvq_lite.check``, which holds points, stars and minutes. The notebook
carries nbgrader's metadata (schema 3), so that a course which uses nbgrader can collect
and mark it; nothing here needs nbgrader.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from arcvq_lite.book.notebook_file import serialise, write_aside
from arcvq_lite.book.source import parse_source
from arcvq_lite.book.student_text import student_text
from arcvq_lite.check.assignments import ASSIGNMENTS
from arcvq_lite.check.task import Assignment


def release(names: Sequence[str] = (), *, root: Path) -> list[Path]:
    """Write students' copies; two releases give the same bytes.

    Args:
        names: ``"a1"`` each; every assignment when empty.
        root: Top of the working tree, see ``tree.find_root``.

    Returns:
        The files written.

    Raises:
        ValueError: An unknown assignment, or a source that is not in order, with the
            file and the line; nothing is written then.
    """
    for name in names:
        if name not in ASSIGNMENTS:
            raise ValueError(
                f"there is no assignment {name!r}; known: {[*ASSIGNMENTS]}"
            )
    copies: dict[Path, bytes] = {}
    for name in dict.fromkeys(names or ASSIGNMENTS):
        copies |= student_copies(ASSIGNMENTS[name], root=root)
    for path, content in copies.items():
        path.parent.mkdir(exist_ok=True)
        write_aside(content, path)
    return list(copies)


def stale_copies(*, root: Path) -> Iterator[str]:
    """What is wrong with the students' copies, one sentence each, with what to do."""
    folder = root / "chapters" / "assignments" / "student"
    known = set()
    for assignment in ASSIGNMENTS.values():
        try:
            copies = student_copies(assignment, root=root)
        except ValueError as error:
            yield str(error)
            known |= set(folder.glob(f"{assignment.name}_*"))
            continue
        known |= set(copies)
        for path, content in copies.items():
            if not path.is_file() or path.read_bytes() != content:
                state = "stale" if path.is_file() else "missing"
                yield (
                    f"{path.relative_to(root)} is {state}: "
                    f"run `arcvq book release {assignment.name}`"
                )
    for path in sorted(set(folder.glob("*.*")) - known):
        yield f"{path.relative_to(root)} is no student's copy: delete it"


def student_copies(assignment: Assignment, *, root: Path) -> dict[Path, bytes]:
    """The notebook and the file that students get, by where they belong.

    Args:
        assignment: Which one.
        root: Top of the working tree.

    Raises:
        ValueError: The source is missing or not in order.
    """
    folder = root / "chapters" / "assignments"
    sources = sorted(folder.glob(f"{assignment.name}_*.py"))
    if len(sources) != 1:
        raise ValueError(
            f"{folder.relative_to(root)} should hold one {assignment.name}_name.py, it "
            f"holds {[path.name for path in sources]}"
        )
    (source,) = sources
    where = str(source.relative_to(root))
    text = student_text(source.read_text(encoding="utf-8"), assignment, where)
    notebook = parse_source(source.stem, text)
    _add_marking(notebook, assignment, where)
    copy = folder / "student" / source.name
    return {
        copy.with_suffix(".ipynb"): serialise(notebook).encode(),
        copy: text.encode(),
    }


def _add_marking(notebook: NotebookNode, assignment: Assignment, where: str) -> None:
    """Write nbgrader's metadata into the cells of answers and checks."""
    checks = {
        f"check.{task.function}({task.function})": task for task in assignment.tasks
    }
    worth = {question.name: question.points for question in assignment.questions}
    for cell in notebook.cells:
        if "task" in cell.metadata:
            marking = _marking(cell.metadata["task"], solution=True)
        elif "question" in cell.metadata:
            name = cell.metadata["question"]
            marking = _marking(name, solution=True, points=worth[name])
        elif cell.source in checks:
            task = checks.pop(cell.source)
            marking = _marking(f"check_{task.function}", points=task.points)
        else:
            continue
        cell.metadata["nbgrader"] = marking
    for source in checks:
        raise ValueError(f"{where}: no cell consists of `{source}`, below its stub")


def _marking(
    grade_id: str, *, solution: bool = False, points: int | None = None
) -> dict[str, Any]:
    """One cell's entry: an answer, a check worth points, or an answer worth points."""
    marking: dict[str, Any] = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": points is not None,
        "solution": solution,
        "locked": not solution,
        "task": False,
    }
    if points is not None:
        marking["points"] = points
    return marking

"""A chapter that keeps every rule, for spoiling one thing at a time."""

from pathlib import Path

from bibliography import works
from nbformat import NotebookNode
from nbformat.v4 import new_output
from reading import Cell, Chapter

CARD = """# 03 · Margins

| | |
|---|---|
| **You will be able to** | add a margin |
| **Before you start** | [chapter 00](00_start_here.ipynb) |
| **Data** | digits |
| **Time** | 50 minutes to read, 30 seconds to run |
| **Widget** | the margin $m$ |
| **The claim** | A margin asks for more. |"""

PREDICT = """### Predict, then drag

1. What becomes of a point at $m = 0.5$?
2. Which border moves?"""

EXERCISE = """### Exercise {n} · A margin in degrees

*Difficulty ●○○ · 10 minutes*

Write `radians(degrees)`."""

QUESTION = """**{n}.** Which way does the border move?

<details><summary>Answer</summary>

Towards the class's own arrow.

</details>"""

FOLDED = {"tags": ["solution"], "jupyter": {"source_hidden": True}}
PLAYER = [new_output("display_data", {"text/html": "<figure data-frames=''>"})]
PICTURE = [new_output("display_data", {"text/html": "<figure>"})]

NOTATION = r"""
| $m$ | the margin | radians | 03 |
| $\psi$ | SphereFace's logit | | 03 |
"""

REFERENCES = f"## References\n\n- {works()['deng2019arcface'].reference}, the margin."


def printed(text: str) -> list[NotebookNode]:
    return [new_output("stream", name="stdout", text=text)]


def sample_chapter(folder: Path) -> Chapter:
    """A chapter of 64 cells in a folder that holds the chapter it links to."""
    (folder / "00_start_here.ipynb").touch()
    (folder / "notation.md").write_text(NOTATION, encoding="utf-8")
    parts = [
        ("markdown", CARD, {}, []),
        ("markdown", "## A circle\n\nA **margin** is an angle.", {}, []),
        ("code", "import torch\n\nm = 0.1  # normalised, in radians", {}, []),
        ("markdown", "## The border", {}, []),
        ("code", "torch.testing.assert_close(m, 0.1)", {}, []),
        ("markdown", "## The gradient", {}, []),
        *[("markdown", "A thought, and a figure.", {}, [])] * 23,
        ("code", "Picture(circle)", {"tags": ["cover"]}, PICTURE),
        *[("code", "Picture(curve)", {}, PICTURE)] * 3,
        ("markdown", r"A margin (Deng et al. 2019) in $\psi$.", {}, []),
        ("markdown", PREDICT, {}, []),
        ("code", "figure", {}, PLAYER),
        ("code", "assert figure.set(m=0.5)", {"tags": ["moves-sliders"]}, []),
        ("markdown", "## Experiment · does it help?", {}, []),
        ("markdown", "A baseline, and a negative control.", {}, []),
        ("markdown", "## Interpretation and limits", {}, []),
        ("markdown", "The paper, the official code and ours.", {}, []),
        ("markdown", "## Exercises", {}, []),
        *[part for n in (1, 2, 3) for part in _exercise(n)],
        ("markdown", "## Quiz\n\n" + QUESTION.format(n=1), {}, []),
        *[("markdown", QUESTION.format(n=n), {}, []) for n in range(2, 7)],
        ("markdown", "## Summary", {}, []),
        ("markdown", REFERENCES, {}, []),
        ("markdown", "## Next\n\nThe sphere, at <https://example.org>.", {}, []),
    ]
    cells = (Cell(number, *part) for number, part in enumerate(parts, start=1))
    return Chapter("03_margins", folder, tuple(cells))


def _exercise(n: int) -> list[tuple]:
    return [
        ("markdown", EXERCISE.format(n=n), {"tags": ["exercise"]}, []),
        (
            "code",
            "def radians(degrees):\n    return None\n\n\ncheck.radians(radians)",
            {"tags": ["exercise"]},
            printed("not yet: radians returns nothing\n"),
        ),
        ("code", "check.radians(torch.deg2rad)", FOLDED, printed("✓ right\n")),
    ]

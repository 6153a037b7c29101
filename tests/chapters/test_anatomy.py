"""Every chapter keeps the form of the book; for authors, this is the form.

A chapter is ``chapters/NN_name.py``, jupytext's ``py:percent``; its notebook is built
by ``arcvq book build NN``. It begins with exactly these lines, then its card::

    # ---
    # jupyter:
    #   kernelspec:
    #     display_name: Python 3
    #     language: python
    #     name: python3
    # ---

    # %% [markdown]
    # # 03 · Margins: CosFace, SphereFace, ArcFace
    #
    # | | |
    # |---|---|
    # | **You will be able to** | add an angular margin and say what it demands |
    # | **Before you start** | tensors; [chapter 00](00_start_here.ipynb) |
    # | **Data** | scikit-learn's digits, on your disk already |
    # | **Time** | 50 minutes to read, 30 seconds to run |
    # | **Widget** | the margin $m$, from 0 to 1 radian |
    # | **The claim** | A margin makes every class demand … |

The card has these six fields in this order, a line each. Text may stand between title
and table, or after the table.

*Sections.* A heading begins a cell of its own. Three or more ``## …`` sections hold the
rounds of idea, equation, shapes and code; then come ``## Experiment …`` (its text says
"baseline" and "negative control"), ``## Interpretation and limits`` (says "paper",
"official code" and "ours"), ``## Exercises``, ``## Quiz``, ``## Summary``,
``## References`` and ``## Next``, and nothing after them.

*Parity.* At least one code cell calls ``torch.testing.assert_close(``, comparing what
was built in view with the library.

*Widget.* Questions, figure, moves, in this order::

    # %% [markdown]
    # ### Predict, then drag
    #
    # 1. What becomes of a point on its own arrow at $m = 0.5$?
    # 2. At which $m$ …?

    # %%
    margin_figure = SliderFigure(draw_margin, …)
    margin_figure

    # %% tags=["moves-sliders"]
    caption = margin_figure.set(margin=0.5)
    assert "0.5" in caption

Two questions or more, each ending its line in "?"; the figure is its cell's value; the
``moves-sliders`` cell moves every slider and asserts what changed.

*Exercises.* Three to five, numbered from 1, under ``## Exercises``; the text, the
reader's own cell, the folded solution::

    # %% [markdown] tags=["exercise"]
    # ### Exercise 1 · A margin in degrees
    #
    # *Difficulty ●○○ · 10 minutes*
    #
    # Write `margin_in_radians(degrees)` …

    # %% tags=["exercise"]
    def margin_in_radians(degrees):
        return None  # your line here


    check.margin_in_radians(margin_in_radians)

    # %% tags=["solution"] jupyter={"source_hidden": true}
    def margin_in_radians_solution(degrees):
        return degrees * torch.pi / 180


    check.margin_in_radians(margin_in_radians_solution)

Difficulty is ●○○, ●●○ or ●●●. A checker raises on no answer, however wrong: what it
prints or returns holds "✓" when the answer is right and none when it is not, so the
built solution shows "✓" and the unfinished exercise does not.

*Quiz.* Six to ten questions under ``## Quiz``, in one cell or several::

    **1.** Which way does a margin move the decision border?

    <details><summary>Answer</summary>

    Towards the class's own arrow, by $m$ radians.

    </details>

*Size.* 60 to 110 cells, none empty; code cells at most 15 lines, blank ones counted, of
at most 79 characters. Lines of markdown are free.

*Code.* Plain Python without ``%``, ``!``, a trailing ``;``, ``id(`` or ``interact``;
imports from the standard library, torch, torchvision, numpy, einops, matplotlib,
sklearn and arcvq_lite; nothing downloaded or installed (``load_images`` takes
``"photos"`` or ``"digits"``). Nothing on stderr, no error output (a failure is shown by
``try`` and ``print``), no memory address. A cell whose text depends on training asserts
its range and carries ``nbval-ignore-output``.

*Prose*, in markdown and comments: none of the fillers in ``prose_rules.FILLERS``;
British spelling, but "quantize", "quantization" and titles under References stay; a
term is bold once, where it is defined; at most six list items outside predictions,
exercises, quiz and references; relative links land on a file (chapters as ``.ipynb``),
others are https; a picture has alternative text.

*Numbers.* A decimal in prose, or a number with a unit (%, dB, °, rad, nats, bits), was
printed by a cell above it, stands in code or mathematics above it, belongs to a
paragraph with a citation, or to a ``assets/results/*.json`` that its cell links to.

*Citations.* "(Deng et al. 2019)" where the idea is, and one item under References that
begins with the work's line as ``assets/references.bib`` gives it.

*Notation.* Every letter of an equation has its row in ``chapters/notation.md``, which
names the chapters that use it.

*Figures.* Five to twelve, one of them tagged ``cover``: the chapter's thumbnail.

*Tags* in use: ``nbval-ignore-output``, ``moves-sliders``, ``cover``,
``exercise``, ``solution``, ``hide-input``.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import citation_rules
import code_rules
import form_rules
import notation_rules
import number_rules
import prose_rules
import pytest
import question_rules
from reading import Chapter, read_chapter

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "chapters").glob("[0-9][0-9]_*.py"))

Rule = Callable[[Chapter], Iterator[str]]
RULES: tuple[Rule, ...] = (
    form_rules.card,
    form_rules.size,
    form_rules.sections,
    form_rules.evidence,
    form_rules.parity,
    form_rules.figures,
    form_rules.widget,
    form_rules.tags,
    question_rules.exercises,
    question_rules.quiz,
    code_rules.length,
    code_rules.plain_python,
    code_rules.imports,
    code_rules.calls,
    code_rules.outputs,
    prose_rules.fillers,
    prose_rules.spelling,
    prose_rules.bold,
    prose_rules.lists,
    prose_rules.links,
    citation_rules.citations,
    citation_rules.references,
    notation_rules.notation_is_listed,
    notation_rules.notation_is_used,
    number_rules.numbers,
)

chapter_of = cache(read_chapter)


def test_there_are_chapters() -> None:
    assert SOURCES, f"no NN_name.py in {ROOT / 'chapters'}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_chapter_keeps_the_rule(source: Path, rule: Rule) -> None:
    problems = list(rule(chapter_of(source)))
    told = "\n".join(f"{source.stem}, {problem}" for problem in problems)
    assert not problems, f"{rule.__doc__}\n{told}"

"""Each rule of the anatomy finds what it is for, and nothing in a sound chapter."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import citation_rules
import code_rules
import form_rules
import notation_rules
import number_rules
import prose_rules
import pytest
import question_rules
from reading import Cell, Chapter
from sample import FOLDED, PREDICT, QUESTION, REFERENCES, printed, sample_chapter
from test_anatomy import RULES, Rule

LISTED = REFERENCES.partition("\n\n")[2]


@pytest.fixture
def sample(tmp_path: Path) -> Chapter:
    return sample_chapter(tmp_path)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sound_chapter_has_no_problems(sample: Chapter, rule: Rule) -> None:
    assert list(rule(sample)) == []


def find(chapter: Chapter, start: str) -> int:
    return next(
        i for i, cell in enumerate(chapter.cells) if cell.text.startswith(start)
    )


def with_cell(chapter: Chapter, place: int, **change: Any) -> Chapter:
    cells = list(chapter.cells)
    cells[place] = replace(cells[place], **change)
    return replace(chapter, cells=tuple(cells))


def respelt(chapter: Chapter, old: str, new: str) -> Chapter:
    """The chapter with a piece of one cell's text replaced, where it first occurs."""
    place = next(i for i, cell in enumerate(chapter.cells) if old in cell.text)
    text = chapter.cells[place].text.replace(old, new, 1)
    return with_cell(chapter, place, text=text)


@pytest.mark.parametrize(
    ("rule", "old", "new", "problem"),
    [
        (form_rules.card, "# 03 · ", "# 3: ", "'# 03 · Title'"),
        (form_rules.card, "| **Data** | digits |\n", "", "lacks the row '| **Data**"),
        (form_rules.card, "**Time** | 50 m", "**Time** |  | 50 m", "**Time**"),
        (form_rules.card, "| **Data** |", "| **Code** | a |\n| **Data** |", "'Code'"),
        (form_rules.sections, "## Summary", "## In short", "the last sections are"),
        (form_rules.sections, "## The border", "The border", "2 sections before"),
        (form_rules.sections, "## Experiment", "## Trial", "'## Experiment'"),
        (
            form_rules.sections,
            "A thought",
            "A thought\n\n## More",
            "must begin a cell of its own",
        ),
        (form_rules.evidence, "negative control", "control", "say 'negative control'"),
        (form_rules.evidence, "official code", "code", "not say 'official code'"),
        (form_rules.parity, "torch.testing.assert_close", "print", "no parity cell"),
        (form_rules.widget, "?\n2.", ".\n2.", "fewer than two questions"),
        (form_rules.widget, "### Predict, then", "### Now", "no cell '### Predict, t"),
        (form_rules.widget, "assert figure", "figure", "asserts what the move"),
        (question_rules.exercises, "e 2 · A", "e 4 · A", "'### Exercise 2 · Title'"),
        (question_rules.exercises, "●○○", "●○", "lacks the line '*Difficulty"),
        (question_rules.exercises, "check.radians(radians)", "radians", "calls check."),
        (question_rules.exercises, "check.radians(torch", "(torch", "no solution call"),
        (question_rules.exercises, "### Exercise 3", "#### Three", "2 exercises, 3 to"),
        (question_rules.quiz, "**2.**", "**3.**", "numbered [1, 3, 3, 4, 5, 6]"),
        (question_rules.quiz, "**6.**", "Then:", "5 quiz questions"),
        (question_rules.quiz, "</details>", "", "question 1 has not exactly one"),
        (question_rules.quiz, "move?", "move.", "question 1 asks nothing"),
        (code_rules.length, "import torch", "import torch\n" * 15, "18 lines"),
        (code_rules.length, "m = 0.1  #", "m = 0.1  #" + " " * 60, "line 3 has 9"),
        (code_rules.plain_python, "import torch", "!ls", "no plain Python"),
        (code_rules.plain_python, "import torch", "%time 1", "no plain Python"),
        (code_rules.plain_python, "assert_close(m, 0.1)", "close();", "ends in ';'"),
        (code_rules.imports, "import torch", "import pandas", "imports pandas"),
        (code_rules.imports, "import torch", "from urllib import request", "urllib"),
        (code_rules.calls, "import torch", "id(m)", "calls id"),
        (code_rules.calls, "import torch", "MNIST(download=True)", "told to download"),
        (code_rules.calls, "import torch", "a.load_images('mnist')", "'mnist') is not"),
        (code_rules.calls, "normalised", "pip install", "installing or fetching"),
        (prose_rules.fillers, "A thought", "Note\nthat a thought", "'Note that' says"),
        (prose_rules.fillers, "normalised", "simply", "'simply' says nothing"),
        (prose_rules.spelling, "A thought", "Colors and thought", "'Colors' is spelt"),
        (prose_rules.spelling, "normalised", "normalized", "'normalized' is spelt"),
        (prose_rules.spelling, "A thought", "Unnormalized", "spelt normalis…"),
        (prose_rules.bold, "A thought", "A **Margin**", "'margin' was bold in cell 2"),
        (prose_rules.lists, "A thought", "- a\n" * 7, "7 list items, 6 are allowed"),
        (prose_rules.links, "A thought", "[x](gone.ipynb)", "'gone.ipynb' leads now"),
        (prose_rules.links, "A thought", "[x](http://a.org)", "leads nowhere"),
        (prose_rules.links, "A thought", "![](00_start_here.ipynb)", "no alternative"),
        (citation_rules.citations, "A thought", "Roe and Doe (2019)", "not in assets/"),
        (citation_rules.citations, "A thought", "Lloyd 1982", "not listed under"),
        (citation_rules.references, "(Deng et al. 2019)", "", "nowhere cited"),
        (citation_rules.references, "ArcFace: A", "Arcface: A", "is no line of assets"),
        (citation_rules.references, "- Deng", f"{LISTED}\n- Deng", "listed twice"),
        (notation_rules.notation_is_listed, "A thought", r"$\Xi_q$", "uses q, which"),
        (notation_rules.notation_is_used, r"$\psi$", "it", r"lists \psi for 03, which"),
        (number_rules.numbers, "A thought", "0.7 nats", "shows the number 0.7"),
        (number_rules.numbers, "A thought", "Of them 68 % are", "shows the number 68"),
        (number_rules.numbers, "A thought", "It has 23 dB", "shows the number 23"),
    ],
)
def test_a_spoiled_text_is_found(
    sample: Chapter, rule: Rule, old: str, new: str, problem: str
) -> None:
    problems = list(rule(respelt(sample, old, new)))
    assert any(problem in found for found in problems), problems


@pytest.mark.parametrize(
    ("rule", "start", "change", "problem"),
    [
        (form_rules.card, "# 03", {"kind": "code"}, "first cell is the card"),
        (form_rules.size, "## The border", {"text": " \n"}, "is empty"),
        (form_rules.widget, "figure", {"outputs": []}, "shows a SliderFigure"),
        (form_rules.widget, "assert figure", {"metadata": {}}, "is tagged moves-slid"),
        (form_rules.figures, "figure", {"outputs": []}, "4 figures, 5 to 12 are"),
        (form_rules.figures, "Picture(cir", {"metadata": {}}, "the cells [], one is"),
        (form_rules.tags, "figure", {"metadata": {"tags": ["skip"]}}, "'skip' is none"),
        (
            form_rules.tags,
            "check.radians",
            {"metadata": {"tags": ["solution"]}},
            "a solution is folded",
        ),
        (question_rules.exercises, "### Ex", {"metadata": {}}, "the tag exercise"),
        (question_rules.exercises, "def r", {"outputs": printed("✓")}, "already count"),
        (question_rules.exercises, "check.r", {"outputs": printed("no")}, "say ✓"),
        (question_rules.exercises, "check.r", {"outputs": []}, "say ✓"),
        (question_rules.exercises, "def r", {"metadata": FOLDED}, "no cell tagged ex"),
        (
            code_rules.outputs,
            "figure",
            {"outputs": printed("<Line2D at 0x7f00deadbeef>")},
            "shows a memory address",
        ),
    ],
)
def test_a_spoiled_cell_is_found(
    sample: Chapter, rule: Rule, start: str, change: dict[str, Any], problem: str
) -> None:
    problems = list(rule(with_cell(sample, find(sample, start), **change)))
    assert any(problem in found for found in problems), problems


def test_a_short_chapter_and_a_long_one_are_found(sample: Chapter) -> None:
    short = replace(sample, cells=sample.cells[:59])
    long = replace(sample, cells=sample.cells * 2)
    assert list(form_rules.size(short)) == ["59 cells, 60 to 110 are wanted"]
    assert len(list(form_rules.size(long))) == 1


def test_every_violation_names_its_cell(sample: Chapter) -> None:
    spoiled = respelt(sample, "A thought", "Obviously a thought")
    assert list(prose_rules.fillers(spoiled)) == [
        "cell 7 ('Obviously a thought, and a figure.'): 'Obviously' says nothing"
    ]


def test_code_and_mathematics_are_not_prose() -> None:
    text = (
        "The `color` of $center$\n\n```python\n**gray**\n```\n\n[x](color.md) $$color$$"
    )
    cell = Cell(1, "markdown", text)
    assert list(prose_rules.spelling(Chapter("03_x", Path(), (cell,)))) == []


def test_predictions_and_quiz_may_be_lists(sample: Chapter) -> None:
    longer = PREDICT + "\n3. Why?" * 9
    spoiled = respelt(sample, PREDICT, longer)
    spoiled = respelt(spoiled, QUESTION.format(n=2), "- a\n" * 9)
    assert list(prose_rules.lists(spoiled)) == []


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("23.4 dB", "23.42"),
        ("67 %", "0.672"),
        ("67 %", "usage 67%"),
        ("24,500.0", "24_500"),
        ("0.55", "$0.9 - 0.35 = 0.55$"),
    ],
)
def test_a_number_is_held_to_what_was_shown(claim: str, evidence: str) -> None:
    (found,) = number_rules.claims_in(f"It has {claim} here.")
    assert any(found.is_met_by(value) for value in number_rules.values_in(evidence))


def test_a_number_is_not_met_by_fewer_digits_nor_by_its_neighbour() -> None:
    (found,) = number_rules.claims_in("It has 23.42 dB.")
    assert not any(found.is_met_by(value) for value in (23.4, 23.43, 0.2342))


def test_what_counts_things_claims_no_result() -> None:
    assert list(number_rules.claims_in("In 400 steps, 64 patches, chapter 08.")) == []


def test_a_setting_may_be_announced_before_its_code(sample: Chapter) -> None:
    announced = respelt(sample, "A **margin** is", "A **margin** of 0.1 rad is")
    assert list(number_rules.numbers(announced)) == []


def test_letters_of_mathematics_are_told_from_words() -> None:
    mathematics = r"\hat z_i = \text{unit}(\alpha\mathbb{R}) \operatorname{sg}"
    assert notation_rules.symbols_of(mathematics) == {"z", "i", r"\alpha", "R"}

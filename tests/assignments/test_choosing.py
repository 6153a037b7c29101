"""Of several files of one student the rule chooses one, and says why."""

import pytest
from test_submissions import ANSWER, folder, graded, notebook, packed, text_of

from arcvq_lite.grading import archive


@pytest.mark.parametrize(
    ("files", "chosen", "since"),
    [
        # The number of the try goes before the date.
        (
            {"a1.py": ("one", 2026), "a1 (2).py": ("two", 2025)},
            "two",
            "it has the highest number; not a1.py",
        ),
        # The date decides between files of other names.
        (
            {"final.py": ("one", 2026), "work.py": ("two", 2025)},
            "one",
            "it was changed last; not work.py",
        ),
        # One that is named as the assignment goes before one that is not.
        (
            {"plots.py": ("one", 2026), "a1_margins.py": ("two", 2025)},
            "two",
            "it has a1 in its name; not plots.py",
        ),
        # A notebook goes before its copy of the same second.
        (
            {"a1.py": ("one", 2026), "a1.ipynb": (notebook("two"), 2026)},
            "two",
            "it is a notebook; not a1.py",
        ),
        # "a10" is not "a1".
        (
            {"a10.py": ("one", 2025), "x.py": ("two", 2026)},
            "two",
            "it was changed last; not a10.py",
        ),
        (
            {
                "a1-1.py": ("one", 2001),
                "a1-2.py": ("two", 2000),
                "x.py": ("three", 2026),
            },
            "two",
            "it has the highest number and has a1 in its name; not a1-1.py, x.py",
        ),
    ],
)
def test_of_several_files_the_rule_chooses_one(tmp_path, files, chosen, since):
    dated = {
        f"anna/{name}": (content, (year, 1, 1, 0, 0, 0))
        for name, (content, year) in files.items()
    }
    other = {"ben/a1.py": ANSWER}
    (tmp_path / "c.zip").write_bytes(packed({**dated, **other}))
    students, _ = graded(tmp_path / "c.zip")
    assert sorted(students) == ["anna", "ben"]
    assert text_of(students["anna"]).strip() == chosen
    assert f"was graded, since {since}." in students["anna"].choice[0]


def test_files_of_other_kinds_are_named_and_are_no_choice(tmp_path):
    files = {"anna/a1.py": ANSWER, "anna/notes.pdf": b"%PDF", "ben/a1.py": ANSWER}
    students, _ = graded(folder(tmp_path / "in", files))
    assert students["anna"].choice == ("Not read: notes.pdf.",)
    assert students["ben"].choice == ()


def test_where_nothing_can_be_graded_nothing_was_chosen(tmp_path):
    files = {"anna/notes.pdf": b"%PDF", "anna/photo.jpg": b"\xff", "ben/a1.py": ANSWER}
    students, _ = graded(folder(tmp_path / "in", files))
    assert students["anna"].content == archive.UNWANTED
    assert students["anna"].choice == ()

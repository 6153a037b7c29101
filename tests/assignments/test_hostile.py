"""Hostile submissions end with the right mark, and nothing of them is left."""

import os

import pytest
from hostile import HOSTILE
from surroundings import course_in
from tiny_task import HONEST, Unit, said_of

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="submissions are run apart by forks"
)
FULL = [None, None]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    with course_in(tmp_path_factory.mktemp("course")) as course:
        if not course.nursery.protections.complete:
            pytest.skip("this machine lacks means that some mischief is denied by")
        yield course


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_it_gets_the_marks_that_its_answers_are_worth(course, hostile):
    before = course.traces()
    said = said_of(course.nursery, course.units(hostile))
    assert course.traces() == before
    assert before["processes"] == before["marked"] == 1
    if hostile.right:
        assert said == FULL
    else:
        assert None not in said


def test_whoever_comes_afterwards_is_graded_right(course):
    assert said_of(course.nursery, HONEST) == FULL
    assert None not in said_of(course.nursery, [Unit("double = abs")])


def test_two_dozen_kinds_of_mischief_are_tried():
    names = {hostile.name for hostile in HOSTILE}
    assert len(names) == len(HOSTILE) >= 24

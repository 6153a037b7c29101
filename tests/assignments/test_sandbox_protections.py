"""What is denied where a machine lacks some of the means, and what is said of it."""

import os

import pytest
from hostile import HOSTILE
from surroundings import course_in
from tiny_task import HONEST, Unit, said_of

from arcvq_lite.check.verdict import WrongAnswerError
from arcvq_lite.grading.kernel import IS_LINUX
from arcvq_lite.grading.landlock import landlock_version
from arcvq_lite.grading.means import MEANS, protections_from
from arcvq_lite.grading.nursery import Nursery
from arcvq_lite.grading.remote_examinee import StartedProgramError

linux = pytest.mark.skipif(not IS_LINUX, reason="these means are Linux's")
BY_NAME = {hostile.name: hostile for hostile in HOSTILE}
ALWAYS = (
    "loops for ever",
    "takes memory",
    "leaves ten processes",
    "leaves daemons",
    "leaves by os._exit",
    "makes everything equal",
    "writes garbage everywhere",
    "imports the solution",
    "reads the environment",
)
ALONE = {
    (): ALWAYS,
    ("landlock",): (
        "reads the solution",
        "imports the solution past the refusal",
        "looks into its parents",
        "looks into its parent's memory",
        "writes a file outside",
        "links out of its folder",
        "moves a file out",
        "runs a program",
    ),
    ("filter",): (
        "looks into its parent's memory",
        "links out of its folder",
        "runs a program",
        "connects",
        "kills its parent",
    ),
    ("namespaces", "mounts", "proc"): (
        "reads the solution",
        "imports the solution past the refusal",
        "writes a file outside",
        "moves a file out",
        "connects",
        "kills its parent",
        "ends the nursery",
        "leaves daemons",
    ),
}


@linux
@pytest.mark.slow
@pytest.mark.parametrize("means", ALONE, ids=lambda means: "+".join(means) or "none")
def test_each_of_the_means_denies_its_part_alone(means, tmp_path):
    with course_in(tmp_path, means) as course:
        if set(means) - set(course.nursery._found):
            pytest.skip(f"this machine has not all of {means}")
        for name in ALONE[means]:
            before = course.traces()
            said = said_of(course.nursery, course.units(BY_NAME[name]))
            assert (name, course.traces()) == (name, before)
            if BY_NAME[name].right:
                assert (name, said) == (name, [None, None])
            else:
                assert None not in said, name


@linux
@pytest.mark.slow
def test_without_any_means_the_nursery_itself_can_be_ended_and_starts_again(tmp_path):
    with course_in(tmp_path, ()) as course:
        for name in ("kills its parent", "ends the nursery"):
            before = course.traces()
            # Its answer may still arrive before it goes with the nursery.
            said_of(course.nursery, course.units(BY_NAME[name]))
            assert said_of(course.nursery, HONEST) == [None, None]
            assert course.traces() == before
        assert not course.nursery.protections.complete


def test_the_page_says_what_is_denied_by_what():
    told = protections_from(frozenset(MEANS), {}, 7).sentences()
    assert len(told) == 10
    assert not [sentence for sentence in told if "NOT" in sentence]


def test_the_page_says_what_is_not_denied_and_why():
    lacking = dict.fromkeys(MEANS, "the container forbids it")
    protections = protections_from(frozenset(), lacking, 0)
    open_to = [each.against for each in protections.each if not each.held]
    assert "reaching a network" in open_to
    assert "writing files outside an empty folder" in open_to
    assert not protections.complete
    told = protections.sentences()
    assert (
        "Reaching a network: NOT denied here. Not to be had: namespaces (the container "
        "forbids it), a filter on system calls (the container forbids it)."
    ) in told


@pytest.mark.parametrize(
    ("user", "found", "advised"), [(0, (), True), (0, ("user",), False), (7, (), False)]
)
def test_whoever_grades_as_root_is_advised_against_it(
    monkeypatch, user, found, advised
):
    monkeypatch.setattr(os, "getuid", lambda: user)
    advice = protections_from(frozenset(found), {}, 7).advice
    assert ("grade as an ordinary user" in advice) is advised


def test_old_versions_of_landlock_deny_less():
    found = frozenset({"landlock"})
    held = {
        version: sum(each.held for each in protections_from(found, {}, version).each)
        for version in (1, 4, 6)
    }
    assert held[1] < held[4] < held[6]


@linux
def test_the_version_of_landlock_is_a_number():
    assert 0 <= landlock_version() < 100


def test_protections_are_known_only_while_the_nursery_is_open():
    with pytest.raises(RuntimeError, match="not open"):
        _ = Nursery().protections
    assert os.environ.get("ARCVQ_TEST_VARIABLE") is None


@linux
def test_a_program_that_was_not_started_is_named():
    starts = ("subprocess.run(['ls', '-l'])", "subprocess.Popen('/bin/ls')")
    odd = "def double(x):\n    raise PermissionError(1, 'no', 'ls')\n"
    with Nursery() as nursery:
        if not nursery.protections.complete:
            pytest.skip("this machine does not deny everything")
        for start in starts:
            text = f"import subprocess\ndef double(x):\n    return {start}\n"
            with (
                nursery.admit([Unit(text)]) as examinee,
                pytest.raises(StartedProgramError) as told,
            ):
                examinee.call("double", 1)
            assert told.value.program == "ls"
            assert "tried to start a program (ls)" in str(told.value)
        with (
            nursery.admit([Unit(odd)]) as examinee,
            pytest.raises(WrongAnswerError, match="raised PermissionError"),
        ):
            examinee.call("double", 1)

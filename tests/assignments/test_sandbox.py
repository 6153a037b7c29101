"""A submission in processes of its own answers as it would in a notebook."""

import math
import os
import signal
from functools import partial

import pytest
import torch
from tiny_task import HONEST, Unit, said_of, sentences

from arcvq_lite.check.examinee import InPlaceExaminee, NotAttemptedError
from arcvq_lite.check.task import Part
from arcvq_lite.check.verdict import WrongAnswerError
from arcvq_lite.grading.errors import NurseryError, UnsupportedSystemError
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.nursery import Nursery
from arcvq_lite.grading.sitting import UnexaminedError, examine_part

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="submissions are run apart by forks"
)
FUNCTIONS = """
import math, os, random, signal, tempfile
import numpy, torch

def same(*things, **named): return [*things, named]
def nothing(): return None
def stub(x): raise NotImplementedError
def fails(x): return torch.ones(2, 3) @ torch.ones(2)
def scalar(x): return (x ** 2).sum()
def several(x, y): return {"a": x * y, "b": (x.detach(), 3)}
def constant(x): return torch.ones(3)
def of_numpy(x): return numpy.float64(x)
def odd(x): return {1, 2}
def spoil(x): return x.fill_(7)
not_callable = 3

def save(text, path, room):
    with open(path, "w") as file:
        file.write(text)
        file.flush()
def save_carefully(text, path):
    try:
        save(text, path + ".part", 0)
    except OSError:
        return "no room"
    os.replace(path + ".part", path)
def load(path): return open(path).read()
def folder(): return [os.getcwd(), tempfile.gettempdir(), os.listdir(".")]
def count(of=[0]):
    of[0] += 1
    return of[0]
def leave(status): os._exit(status)
def loop():
    while True: pass
def draw(): return [random.random(), torch.rand(2)]
"""
LIMITS = Limits(seconds_a_call=6, memory_mb=512)


@pytest.fixture(scope="module")
def nursery():
    with Nursery(LIMITS) as nursery:
        yield nursery


@pytest.fixture
def examinee(nursery):
    with nursery.admit([Unit(FUNCTIONS)]) as examinee:
        yield examinee


def in_place(folder):
    functions = {}
    exec(FUNCTIONS, functions)
    return InPlaceExaminee(functions, folder)


CALLS = [
    ("same", (1, 2.5, None, "é", (True, [math.inf]), torch.ones(2, 2)), {"k": -0.0}),
    ("nothing", (), {}),
    ("stub", (1,), {}),
    ("fails", (1,), {}),
    ("odd", (1,), {}),
    ("not_callable", (), {}),
]


def outcome(call):
    try:
        return repr(call())
    except WrongAnswerError as wrong:
        return f"{isinstance(wrong, NotAttemptedError)} {wrong}"


def test_a_call_ends_as_it_does_in_a_notebook(examinee, tmp_path):
    for name, arguments, options in CALLS:
        asked = [in_place(tmp_path), examinee]
        calls = [partial(each.call, name, *arguments, **options) for each in asked]
        assert outcome(calls[0]) == outcome(calls[1])


def test_gradients_are_those_of_a_notebook(examinee, tmp_path):
    x, y = torch.randn(3), torch.randn(3)
    asked = [
        ("scalar", [x], [0], None),
        ("several", [x, y], [1, 0], {"a": torch.randn(3)}),
        ("constant", [x], [0], torch.ones(3)),
        ("several", [x, y], [0], None),
        ("constant", [x], [0], None),
    ]
    for name, arguments, positions, upstream in asked:
        said = [
            outcome(
                partial(
                    each.differentiate,
                    name,
                    arguments,
                    with_respect_to=positions,
                    upstream=upstream,
                )
            )
            for each in (in_place(tmp_path), examinee)
        ]
        assert said[0] == said[1]


def test_an_argument_is_a_copy(examinee):
    x = torch.zeros(2)
    assert torch.equal(examinee.call("spoil", x), torch.full((2,), 7.0))
    assert torch.equal(x, torch.zeros(2))


def test_numbers_of_numpy_are_numbers(examinee):
    assert type(examinee.call("of_numpy", 0.5)) is float


def test_a_missing_function_is_told_with_what_went_wrong_before(nursery):
    units = [Unit("import nowhere", "cell 2, line 1"), *HONEST]
    with nursery.admit(units) as examinee:
        assert sentences(examinee) == [None, None]
        with pytest.raises(
            NotAttemptedError, match=r"no function halve.*cell 2, line 1"
        ):
            examinee.call("halve", 1)


def test_the_solutions_cannot_be_imported_and_it_is_said_why(nursery):
    units = [Unit("def f():\n    import arcvq_lite.losses")]
    with (
        nursery.admit(units) as examinee,
        pytest.raises(WrongAnswerError, match="since the solutions are in it"),
    ):
        examinee.call("f")


def test_every_part_has_an_empty_folder(examinee):
    examinee.open_part()
    first = examinee.folder
    examinee.call("save", "one", str(first / "a"), 0)
    assert (first / "a").read_text("utf-8") == "one"
    examinee.open_part()
    assert list(examinee.folder.iterdir()) == []
    here, temporary, _ = examinee.call("folder")
    assert examinee.folder.is_relative_to(here)
    assert examinee.folder.is_relative_to(temporary)


def test_the_kernel_ends_a_write_where_there_is_no_space(examinee):
    examinee.open_part()
    path = str(examinee.folder / "a")
    assert examinee.call_short_of_space(1000, "save", "x" * 500, path, 0)
    assert not examinee.call_short_of_space(1000, "save", "x" * 5000, path, 0)
    assert os.path.getsize(path) == 1000
    examinee.call("save_carefully", "before", path)
    assert not examinee.call_short_of_space(1000, "save_carefully", "x" * 5000, path)
    assert examinee.call("load", path) == "before"
    examinee.call("save", "x" * 5000, path, 0)
    with pytest.raises(NotAttemptedError):
        examinee.call_short_of_space(10, "stub", 1)


def test_a_process_that_ended_is_followed_by_another(examinee):
    with pytest.raises(WrongAnswerError, match=r"ended its process \(exit status 3\)"):
        examinee.call("leave", 3)
    with pytest.raises(WrongAnswerError, match=r"ended its process \(exit status 0\)"):
        examinee.call("leave", 0)
    assert examinee.call("count") == 1
    assert examinee.call("count") == 2


def test_draws_are_the_same_in_every_process(nursery):
    drawn = []
    for _ in range(2):
        with nursery.admit([Unit(FUNCTIONS)]) as examinee:
            drawn.append(repr(examinee.call("draw")))
    assert drawn[0] == drawn[1]


@pytest.mark.slow
def test_what_loops_for_ever_costs_its_time_once():
    limits = Limits(seconds_a_call=1, seconds_to_load=3, seconds_a_submission=600)
    with Nursery(limits) as nursery:
        with nursery.admit([Unit(FUNCTIONS)]) as examinee:
            said = "Your function did not return within 1 s."
            for _ in range(2):
                with pytest.raises(WrongAnswerError, match=said):
                    examinee.call("loop")
            assert len(examinee._barred) == 1
            assert examinee._ward is None
            assert examinee.call("count") == 1
        loading = [Unit("while True: pass"), *HONEST]
        said = "What you handed in did not return within 3 s."
        assert said_of(nursery, loading) == [said, said]
        assert said_of(nursery, HONEST) == [None, None]


def test_a_submission_has_so_many_seconds_in_all(nursery):
    with nursery.admit([Unit(FUNCTIONS)]) as examinee:
        examinee._seconds = 0.01
        with pytest.raises(WrongAnswerError):
            examinee.call("loop")
        with pytest.raises(WrongAnswerError, match="have used up 300 s in all"):
            examinee.call("count")


def test_a_test_that_fails_in_a_way_of_its_own_gives_no_points(nursery):
    part = Part(
        points=1,
        shows="adds",
        examine=lambda examinee, generator: examinee.call("nothing") + 1,
    )
    with (
        nursery.admit([Unit(FUNCTIONS)]) as examinee,
        pytest.raises(UnexaminedError, match="TypeError"),
    ):
        examine_part(part, examinee, seed=0)


def test_a_part_is_asked_the_same_questions_by_a_seed_and_others_by_another(nursery):
    asked = []
    part = Part(
        points=1,
        shows="",
        examine=lambda examinee, generator: asked.append(
            (torch.rand(1, generator=generator).item(), torch.rand(1).item())
        ),
    )
    state = torch.random.get_rng_state()
    with nursery.admit(HONEST) as examinee:
        for seed in (1, 1, 2):
            examine_part(part, examinee, seed=seed)
    assert asked[0] == asked[1] != asked[2]
    assert torch.equal(torch.random.get_rng_state(), state)


def test_control_characters_do_not_reach_the_page(nursery):
    units = [Unit("def f(): raise ValueError('\\x1b[2Jfull marks\\x07')")]
    with (
        nursery.admit(units) as examinee,
        pytest.raises(WrongAnswerError) as caught,
    ):
        examinee.call("f")
    assert str(caught.value).isprintable()


def test_the_nursery_starts_again_when_it_was_ended(nursery):
    os.kill(nursery._line.process, signal.SIGKILL)
    with nursery.admit(HONEST) as examinee, pytest.raises(NurseryError):
        examinee.call("double", 1)
    assert said_of(nursery, HONEST) == [None, None]


def test_a_system_without_forks_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.delattr(os, "fork")
    with pytest.raises(UnsupportedSystemError, match="in a Linux container"):
        Nursery().__enter__()


@pytest.mark.parametrize("name", ["memory_mb", "seconds_a_call", "processes"])
def test_limits_are_positive(name):
    with pytest.raises(ValueError, match=f"{name}=0"):
        Limits(**{name: 0})

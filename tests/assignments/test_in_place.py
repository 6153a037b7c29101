"""A notebook's functions, asked in its own process."""

import math
import threading
from pathlib import Path

import pytest
import torch

from arcvq_lite.check.examinee import InPlaceExaminee, NotAttemptedError
from arcvq_lite.check.in_place import in_place
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError

resource = pytest.importorskip("resource", reason="no limits on this system")


def asked(folder: Path, **functions: object) -> InPlaceExaminee:
    return InPlaceExaminee(functions, folder)


def test_a_function_cannot_reach_the_tests_tensors(tmp_path: Path) -> None:
    def spoil(tensors, options):
        tensors[0].zero_()
        options["x"].zero_()
        return tensors, options

    given, option = torch.ones(3), torch.ones(2)
    asked(tmp_path, f=spoil).call("f", [given], {"x": option})
    assert given.all()
    assert option.all()


def test_gradients_follow_the_structure_that_came_back(tmp_path: Path) -> None:
    def f(x, y, name):
        return {"sum": x + 3 * y, "pair": (x * y, name, y.detach())}

    x, y = torch.tensor([2.0, 5.0]), torch.tensor([1.0, 4.0])
    upstream = {"sum": torch.ones(2), "pair": (None, None, torch.ones(2))}
    reply, (to_x, to_y) = asked(tmp_path, f=f).differentiate(
        "f", [x, y, "name"], with_respect_to=[0, 1], upstream=upstream
    )
    assert reply["pair"][1] == "name"
    assert not reply["sum"].requires_grad
    assert to_x.tolist() == [1, 1]
    assert to_y.tolist() == [3, 3]


def test_a_scalar_needs_no_upstream_and_what_is_apart_has_no_gradient(
    tmp_path: Path,
) -> None:
    examinee = asked(tmp_path, f=lambda x, y: (x**2).sum(), g=lambda x: 3.0)
    x, y = torch.tensor([2.0, 5.0]), torch.tensor(1.0)
    value, gradients = examinee.differentiate("f", [x, y], with_respect_to=[0, 1])
    assert value == 29
    assert gradients[0].tolist() == [4, 10]
    assert gradients[1] is None
    assert examinee.differentiate("g", [x], with_respect_to=[0]) == (3.0, [None])


@pytest.mark.parametrize(
    ("function", "upstream", "words"),
    [
        (lambda x: x, None, r"single number, shape \(\), not \(2,\)"),
        (lambda x: x.sum(), torch.ones(2), r"tensor of shape \(2,\), not \(\)"),
        (lambda x: x, (torch.ones(2), None), "Return 2 things"),
        (lambda x: x, {"loss": torch.ones(2)}, "a dict with the keys"),
        (lambda x: x.mul_(2), torch.ones(2), "in-place operation"),
        (lambda x: object(), torch.ones(2), "of shape"),
        (lambda x: {1: x}, None, "of the type dict"),
    ],
)
def test_a_reply_of_another_form_is_told_so(
    tmp_path: Path, function: object, upstream: object, words: str
) -> None:
    examinee = asked(tmp_path, f=function)
    with pytest.raises(WrongAnswerError, match=words):
        examinee.differentiate(
            "f", [torch.ones(2)], with_respect_to=[0], upstream=upstream
        )


def test_what_is_missing_or_a_stub_is_not_attempted(tmp_path: Path) -> None:
    def stub():
        raise NotImplementedError

    for examinee in (asked(tmp_path), asked(tmp_path, f=stub)):
        with pytest.raises(NotAttemptedError):
            examinee.call("f")
        with pytest.raises(NotAttemptedError):
            examinee.call_short_of_space(10, "f")


def test_a_full_disk_is_felt_and_then_forgotten(tmp_path: Path) -> None:
    def write(path, length):
        with open(path, "wb", buffering=0) as file:
            assert file.write(b"x" * length) == length

    examinee = asked(tmp_path, write=write)
    path = str(examinee.folder / "file")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert examinee.call_short_of_space(1000, "write", path, 900)
    assert not examinee.call_short_of_space(1000, "write", path, 5000)
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == before
    examinee.call("write", path, 5000)


def test_a_full_disk_can_be_had_in_any_thread(tmp_path: Path) -> None:
    found: list[bool] = []
    examinee = asked(tmp_path, f=lambda: 1)
    thread = threading.Thread(
        target=lambda: found.append(examinee.call_short_of_space(10, "f"))
    )
    thread.start()
    thread.join()
    assert found == [True]


def needs_two(examinee, generator):
    number = float(torch.rand((), generator=generator))
    if not math.isclose(examinee.call("twice", number), 2 * number, rel_tol=1e-6):
        raise WrongAnswerError("Twice, not once.")


def needs_text(examinee, generator):
    if examinee.call("twice", "a") != "aa":
        raise WrongAnswerError("Text too.")


TWICE = in_place(
    Task(
        "twice",
        "Twice",
        1,
        5,
        (Part(3, "a number", needs_two), Part(2, "a text", needs_text)),
    )
)


def test_the_first_wrong_part_speaks_and_praise_names_all() -> None:
    assert TWICE.__name__ == "twice"
    assert repr(TWICE(lambda x: x)) == "✗ Part 1: Twice, not once."
    assert repr(TWICE(lambda x: 2.0 * x)).startswith("✗ Part 2: Your function raised")
    assert repr(TWICE(lambda x: x + x)) == "✓ All right: a number; a text."


def test_under_nbgrader_what_is_wrong_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert TWICE(lambda x: x + x).passed
    with pytest.raises(AssertionError, match="Twice, not once"):
        TWICE(lambda x: x)

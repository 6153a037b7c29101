"""Imports in the library run one way, so files are read after those below them."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "arcvq_lite"

# The library's floors. A room imports from floors below its own, never across or up.
FLOORS = (
    (
        "bessel",
        "kept_memory",
        "layout",
        "margins",
        "processor",
        "schedules",
        "top_k",
        "transport",
        "usage",
        "written_aside",
    ),
    ("margin_blocks",),
    (
        "adversarial",
        "geometry",
        "heads",
        "losses",
        "metrics",
        "prior",
        "von_mises_fisher",
    ),
    ("quantizers",),
    ("models",),
    ("perceptual",),
    ("objective",),
    ("updates",),
    ("training",),
)
GROUND = {*FLOORS[0], "geometry"}
LIBRARY = {room for floor in FLOORS for room in floor}
# Rooms at the side of the house, each with all that it may import.
SIDES = {
    "arguments": set(),
    "verb": set(),
    "data": {"written_aside"},
    "evaluation": {*LIBRARY, "data"},
    "check": LIBRARY,
    "viz": GROUND,
    "widgets": {"viz"},
    "book": {"bench", "check", "processor", "viz"},
    "grading": {"check", "data", "viz", "written_aside", "processor"},
    "installation": {"data"},
    "study": {*LIBRARY, "data", "evaluation", "viz"},
    "bench": {*LIBRARY, "book", "data", "evaluation", "viz", "widgets"},
    "cli": {
        *LIBRARY,
        "arguments",
        "bench",
        "book",
        "data",
        "evaluation",
        "grading",
        "installation",
        "study",
        "verb",
    },
    "__main__": {"cli"},
    "__init__": {*LIBRARY, "data", "evaluation"},
}

# What a floor takes from a room at the side: the trainer reads images.
BESIDE = {"training": {"data"}}


def rooms():
    return sorted({room_of(path) for path in PACKAGE.rglob("*.py")})


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def allowed(room):
    if room in SIDES:
        return SIDES[room] | {room}
    height = next(h for h, floor in enumerate(FLOORS) if room in floor)
    below = {room for floor in FLOORS[:height] for room in floor}
    return below | BESIDE.get(room, set()) | {room}


def imported_modules(source):
    """Dotted names of everything imported in a file, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if module == "arcvq_lite":
                yield from (f"{module}.{alias.name}" for alias in node.names)
            else:
                yield module


def rooms_entered(source):
    for module in imported_modules(source):
        package, _, rest = module.partition(".")
        if package == "arcvq_lite":
            yield rest.partition(".")[0]


def test_every_room_has_its_place():
    assert set(rooms()) <= LIBRARY | set(SIDES)


@pytest.mark.parametrize("room", rooms())
def test_a_room_imports_only_what_it_may(room):
    paths = [path for path in PACKAGE.rglob("*.py") if room_of(path) == room]
    entered = {
        (path.name, entered)
        for path in paths
        for entered in rooms_entered(path.read_text("utf-8"))
        if entered != "__version__"
    }
    wrong = {pair for pair in entered if pair[1] not in allowed(room)}
    assert wrong == set()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.name)
def test_no_file_imports_a_chapter_or_a_test_or_by_a_relative_name(path):
    modules = list(imported_modules(path.read_text("utf-8")))
    strangers = ("chapters", "tests", "start", "")
    wrong = [module for module in modules if module.partition(".")[0] in strangers]
    assert wrong == []


def test_no_file_needs_a_file_that_needs_it():
    """Also where two rooms use each other: the book shows benchmarks of the book."""
    files = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    needs = {
        name: {*imported_modules(path.read_text("utf-8"))} & {*files} - {name}
        for name, path in files.items()
    }
    assert needs["arcvq_lite.book.site"]
    TopologicalSorter(needs).prepare()  # which raises where there is a circle


def test_the_order_is_seen_in_every_spelling_of_an_import():
    source = (
        "import arcvq_lite.models.vqvae\n"
        "from arcvq_lite import training\n"
        "def late():\n    from arcvq_lite.viz.style import INK\n"
    )
    assert set(rooms_entered(source)) == {"models", "training", "viz"}

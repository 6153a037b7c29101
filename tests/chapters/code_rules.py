"""The code of a chapter: short cells of plain Python that need nothing from outside."""

import ast
import re
import sys
from collections.abc import Iterator

from reading import Cell, Chapter

from arcvq_lite.book.outputs import find_fault

LIBRARIES = {
    "arcvq_lite",
    "einops",
    "matplotlib",
    "numpy",
    "sklearn",
    "torch",
    "torchvision",
}
# Modules of the standard library that fetch, install or run other programs.
REACHING_OUT = {"ensurepip", "ftplib", "http", "pip", "socket", "subprocess", "urllib"}
OFFLINE_IMAGES = {"digits", "photos"}


def length(chapter: Chapter) -> Iterator[str]:
    """At most 15 lines of at most 79 characters."""
    for cell in chapter.code:
        lines = cell.text.splitlines()
        if len(lines) > 15:
            yield cell.says(f"{len(lines)} lines, 15 are allowed")
        for number, line in enumerate(lines, start=1):
            if len(line) > 79:
                yield cell.says(f"line {number} has {len(line)} characters, not ≤ 79")


def plain_python(chapter: Chapter) -> Iterator[str]:
    """No magics and no shell; no trailing semicolon, which nbval misreads."""
    for cell in chapter.code:
        if _parse(cell) is None:
            yield cell.says("is no plain Python: no %, ! or ? in a chapter")
        if cell.text.rstrip().endswith(";"):
            yield cell.says("ends in ';': end with the figure or a name instead")


def imports(chapter: Chapter) -> Iterator[str]:
    """Only the standard library and what the package itself installs."""
    allowed = (sys.stdlib_module_names | LIBRARIES) - REACHING_OUT
    for cell in chapter.code:
        for name in _imported(cell):
            if name.partition(".")[0] not in allowed:
                yield cell.says(f"imports {name}, which a chapter may not")


def _imported(cell: Cell) -> Iterator[str]:
    for node in _nodes(cell):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module or "."


def calls(chapter: Chapter) -> Iterator[str]:
    """Nothing is downloaded, run beside Python, or dependent on an address."""
    for cell in chapter.code:
        for node in _nodes(cell):
            if isinstance(node, ast.Call) and (fault := _fault_of(node)):
                yield cell.says(fault)
        if re.search(r"\b(pip|conda|wget|curl)\b", cell.text):
            yield cell.says("speaks of installing or fetching")


def _fault_of(call: ast.Call) -> str | None:
    name = ast.unparse(call.func)
    if name in {"id", "eval", "exec", "input", "interact", "os.system", "os.popen"}:
        return f"calls {name}"
    if any(word.arg == "download" for word in call.keywords):
        return f"{name} is told to download"
    if name.rpartition(".")[2] == "load_images" and call.args:
        first = call.args[0]
        if isinstance(first, ast.Constant) and first.value not in OFFLINE_IMAGES:
            return f"load_images({first.value!r}) is not an offline data set"
    return None


def outputs(chapter: Chapter) -> Iterator[str]:
    """No error, nothing on stderr, no address."""
    for cell in chapter.code:
        for output in cell.outputs:
            if fault := find_fault(output):
                yield cell.says(fault)


def _nodes(cell: Cell) -> Iterator[ast.AST]:
    tree = _parse(cell)
    return ast.walk(tree) if tree else iter(())


def _parse(cell: Cell) -> ast.Module | None:
    try:
        return ast.parse(cell.text)
    except SyntaxError:
        return None

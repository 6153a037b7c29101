"""The functions of a notebook, without its plots, as statements that run on their own.

What a submission's functions need is kept: imports, definitions of functions and
classes, and assignments of constants, and of these only what the assignment's
functions reach. Plots, checks, prints, magics, loops and `if __name__ == "__main__"`
are left out, so nothing is trained or drawn while marks are made.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arcvq_lite.grading.cells import Cell

# With these a function may reach any name, so that everything is kept.
_REACHES_ALL = {"globals", "eval", "exec"}
# Cell magics whose cell is Python all the same.
_TRANSPARENT_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
# A line that IPython would take, such as "%time f()", "!ls", "f?" or "x = %pwd".
_MAGIC = re.compile(r"^\s*[%!?]|\?\s*$|=\s*[%!]", re.MULTILINE)
_DEFINITION = re.compile(r"\s*(?:async\s+)?def\s+(\w+)")
_SHOWN = 60  # characters of a line
_FUTURE = "from __future__ import annotations\n"
_KEPT = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
)
_BRANCHING = (ast.If, ast.Try, ast.With)


@dataclass(frozen=True)
class SourceUnit:
    """One statement, to be run by itself, so that its failure costs nothing else.

    Args:
        text: Python.
        where: it stands in what was handed in, such as "cell 5, line 3".
    """

    text: str
    where: str


@dataclass(frozen=True)
class Source:
    """What is run of a submission.

    Args:
        units: in the order of the file; later definitions win.
        broken: sentences on what could not be parsed, and so is lost.
        lost: where functions stand in what could not be parsed, by their names.
        left_out: how many statements are not run.
    """

    units: tuple[SourceUnit, ...]
    broken: tuple[str, ...]
    lost: Mapping[str, str]
    left_out: int


@dataclass(frozen=True)
class _Statement:
    unit: SourceUnit
    defines: frozenset[str]
    uses: frozenset[str]


def find_units(cells: Iterable[Cell], functions: Iterable[str]) -> Source:
    """The statements that functions are made of.

    Args:
        cells: of a submission; markdown is passed over.
        functions: names that are looked for.
    """
    kept: list[_Statement] = []
    broken: list[str] = []
    lost: dict[str, str] = {}
    total, future = 0, ""
    for cell in cells:
        if cell.kind != "code":
            continue
        parsed = _parse(cell)
        if isinstance(parsed, str):
            broken.append(parsed)
            lost |= _definitions(cell)
            continue
        text, statements = parsed
        total += len(statements)
        for node, segment in _segments(text, statements):
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                future = _FUTURE  # holds for what follows, as in a notebook
                continue
            found = _examine(node, segment, cell.where(node.lineno), future)
            if isinstance(found, str):
                broken.append(found)
            elif found is not None:
                kept.append(found)
    units = _reached(kept, set(functions))
    return Source(tuple(units), tuple(broken), lost, total - len(units))


def _definitions(cell: Cell) -> dict[str, str]:
    """Where functions seem to begin in a cell that is not Python."""
    return {
        found[1]: cell.where(number)
        for number, line in enumerate(cell.text.split("\n"), 1)
        if (found := _DEFINITION.match(line))
    }


def _parse(cell: Cell) -> tuple[str, list[ast.stmt]] | str:
    """A cell's text and statements, or a sentence on why there are none."""
    text = cell.text
    if text.lstrip().startswith("%%"):
        magic, _, rest = text.lstrip().partition("\n")
        if magic.split()[0] not in _TRANSPARENT_MAGICS:
            return "", []
        blank = "\n" * (text.count("\n") - rest.count("\n"))
        text = blank + rest
    try:
        return text, ast.parse(text).body
    except SyntaxError as error:
        line, said = error.lineno or 1, error.msg
    except (ValueError, RecursionError, MemoryError):
        return _unparsed(cell, 1, "it is nested too deeply")
    if not _MAGIC.search(text):
        return _unparsed(cell, line, said)
    try:
        text = _without_magics(text)
        return text, ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _unparsed(cell, line, said)


def _unparsed(cell: Cell, line: int, said: str) -> str:
    lines = cell.text.split("\n")
    shown = lines[line - 1].strip()[:_SHOWN] if line <= len(lines) else ""
    return (
        f"{cell.where(line).capitalize()}: this is not Python ({said})"
        f"{f': {shown}' if shown else ''}. Nothing of the cell is used."
    )


def _without_magics(text: str) -> str:
    """The text with calls of IPython where `%`, `!` and `?` stood."""
    from IPython.core.inputtransformer2 import TransformerManager

    manager: Any = TransformerManager  # IPython leaves it without types
    transformed: str = manager().transform_cell(text)
    return transformed


def _segments(
    text: str, statements: Sequence[ast.stmt]
) -> Iterator[tuple[ast.stmt, str]]:
    """Each statement with its own text, decorators included."""
    lines = text.split("\n")
    for node in statements:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(d.lineno for d in decorators)]) - 1
        last = (node.end_lineno or node.lineno) - 1
        own = [line.encode() for line in lines[first : last + 1]]
        own[-1] = own[-1][: node.end_col_offset]
        if not decorators:
            own[0] = own[0][node.col_offset :]
        yield node, b"\n".join(own).decode()


def _examine(
    node: ast.stmt, segment: str, where: str, future: str
) -> _Statement | str | None:
    """What a statement defines and uses; None if left out, a sentence if broken."""
    if isinstance(node, _BRANCHING):
        if _is_main_guard(node) or not _keep_definitions(node):
            return None
        segment = ast.unparse(node)
    elif not isinstance(node, _KEPT):
        return None
    text = f"{future}{segment}\n"
    try:
        table = symtable.symtable(text, where, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"{where.capitalize()}: this is not Python ({error})."
    defines, uses = _names(table)
    return _Statement(
        SourceUnit(text, where),
        frozenset(defines | _changed_in_place(node)),
        frozenset(uses),
    )


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(part, ast.Name) and part.id == "__name__"
        for part in ast.walk(node.test)
    )


def _keep_definitions(node: ast.AST) -> bool:
    """Take out of a branching statement what is left out elsewhere.

    Returns:
        Whether a definition is left in it.
    """
    found = False
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if not block:
            continue
        kept = []
        for inner in block:
            if isinstance(inner, _BRANCHING):
                if not _keep_definitions(inner):
                    continue
            elif not isinstance(inner, (*_KEPT, ast.Raise)):
                continue
            found = found or not isinstance(inner, ast.Raise)
            kept.append(inner)
        setattr(node, name, kept or [ast.Pass()])
    for handler in getattr(node, "handlers", []):
        found = _keep_definitions(handler) or found
    return found


def _names(table: symtable.SymbolTable) -> tuple[set[str], set[str]]:
    """Global names that a statement defines, and those that it uses."""
    defines: set[str] = set()
    uses: set[str] = set()
    tables = [table]
    while tables:
        inner = tables.pop()
        tables += inner.get_children()
        for symbol in inner.get_symbols():
            if inner is not table and not symbol.is_global():
                continue
            if symbol.is_assigned() or symbol.is_imported():
                defines.add(symbol.get_name())
            if symbol.is_referenced():
                uses.add(symbol.get_name())
    return defines, uses


def _changed_in_place(node: ast.stmt) -> set[str]:
    """Names whose objects a statement changes; "*" where it may define any name."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return set()
    roots = set()
    for part in ast.walk(node):
        if isinstance(part, ast.alias) and part.name == "*":
            roots.add("*")
        if isinstance(part, (ast.Attribute, ast.Subscript)) and isinstance(
            part.ctx, ast.Store
        ):
            inner: ast.expr = part
            while isinstance(inner, (ast.Attribute, ast.Subscript)):
                inner = inner.value
            if isinstance(inner, ast.Name):
                roots.add(inner.id)
    return roots


def _reached(kept: Sequence[_Statement], wanted: set[str]) -> list[SourceUnit]:
    """The statements that define what is wanted, and what those need in turn."""
    chosen: set[int] = set()
    grew = True
    while grew:
        grew = False
        for place, statement in enumerate(kept):
            if place in chosen:
                continue
            everything = "*" in statement.defines or wanted & _REACHES_ALL
            if everything or statement.defines & wanted:
                chosen.add(place)
                wanted |= statement.uses
                grew = True
    return [statement.unit for place, statement in enumerate(kept) if place in chosen]

"""The definitions in a notebook, without running it.

A notebook is a record of work, not a module: running it would run the analysis, draw its figures and start its clusters.
Of its code only this is executed, in the order of the cells:

- imports;
- definitions of functions and classes;
- assignments to plain names whose value is built from literals, operators, imported names and names assigned before, and
  by calls of classes that are defined in the notebook (``thresholds = Thresholds(pt=2.0)``).

Everything else is left out: lines that start with ``%`` or ``!``, cells that start with ``%%``, calls, loops, plots.
"""

from __future__ import annotations

import ast
import builtins
import json
from collections.abc import Iterator
from pathlib import Path

from columnar_af.errors import ConfigError

DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_VALUES = (
    ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.BinOp, ast.UnaryOp, ast.BoolOp,
    ast.Compare, ast.Subscript, ast.Slice, ast.JoinedStr, ast.FormattedValue, ast.Starred, ast.Call, ast.keyword,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip


def notebook_source(path: Path) -> str:
    """The code cells of a notebook as one text, magics and shell lines commented out.

    Raises:
        ConfigError: The file is not a notebook, or its language is not Python.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        language = notebook.get("metadata", {}).get("kernelspec", {}).get("language", "python")
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{path} is not a Jupyter notebook of format 4: {error!r}"
        raise ConfigError(msg, advice="save it again from Jupyter") from error
    if language != "python":
        msg = f"the notebook {path} is written in {language}, not in Python"
        raise ConfigError(msg, advice="give a notebook with a Python kernel")
    return "\n\n".join(_without_magics("".join(cell["source"])) for cell in cells)


def _without_magics(source: str) -> str:
    lines = source.splitlines()
    if _is_python(source):  # a line of a text may begin with % as well
        return source
    if source.lstrip().startswith("%%"):
        return "\n".join(f"# {line}" for line in lines)
    return "\n".join(f"# {line}" if line.lstrip().startswith(("%", "!", "?")) else line for line in lines)


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def definitions_of(source: str, origin: str) -> str:
    """The part of ``source`` that only defines things, one line lower than before; other lines are blank.

    The first line is for ``from __future__ import``, which a notebook may have in any cell and a module only there.

    Args:
        source: Python source.
        origin: Where it comes from, for messages.

    Raises:
        ConfigError: It is not valid Python.
    """
    try:
        body = ast.parse(source, origin).body
    except SyntaxError as error:
        msg = f"{origin}: the code cells are not valid Python: {error.msg}: {(error.text or '').strip()}"
        raise ConfigError(msg, advice="correct the cell, or comment it out") from error
    lines = source.splitlines()
    kept = [""] * len(lines)
    features: set[str] = set()
    for statement in _definitions(body):
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            features.update(alias.name for alias in statement.names)
            continue
        first = (
            min([statement.lineno, *(line.lineno for line in getattr(statement, "decorator_list", []))]) - 1
        )
        kept[first : statement.end_lineno] = lines[first : statement.end_lineno]
    future = f"from __future__ import {', '.join(sorted(features))}" if features else ""
    return "\n".join([future, *kept, ""])


def _definitions(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    constants = set(vars(builtins))
    callables: set[str] = set()
    for statement in body:
        if isinstance(statement, DEFINITIONS):
            constants.update(_defined_names(statement))
            if isinstance(statement, ast.ClassDef):
                callables.add(statement.name)
            yield statement
        elif (name := _assigned_name(statement)) is not None:
            value = statement.value  # type: ignore[attr-defined]  # both kinds of assignment have it
            if _is_constant(value, constants, callables):
                constants.add(name)
                yield statement


def _defined_names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in statement.names]
    return [statement.name] if isinstance(statement, ast.FunctionDef | ast.ClassDef) else []


def _assigned_name(statement: ast.stmt) -> str | None:
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=name)])
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr())
        ):
            return name
    return None


def _is_constant(value: ast.expr, constants: set[str], callables: set[str]) -> bool:
    called = {id(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)}
    for node in ast.walk(value):
        if not isinstance(node, _VALUES):
            return False
        if id(node) in called:
            if not (isinstance(node, ast.Name) and node.id in callables):
                return False
        elif (
            isinstance(node, ast.Name)
            and node.id not in constants | callables
            and not hasattr(builtins, node.id)
        ):
            return False
    return True

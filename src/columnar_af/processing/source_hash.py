"""A hash of an analysis: the source of a processor, of what it uses, and the values of its parameters.

It is the same in every process and on every machine, and changes when a cut, a helper function or a parameter changes;
comments, docstrings and formatting do not count. Code of installed packages is not part of it: provenance keeps their
versions.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import pickle
import sys
import textwrap
import threading
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import lru_cache, partial
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from columnar_af.processing.local_modules import is_local
from columnar_af.processing.running_code import code_text, is_as_in_file

_WITHOUT_VALUE = (
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
    type(threading.Lock()),
    type(threading.RLock()),
)
"""What classes and objects hold that has no value of its own: the places of slots, and locks."""

_PLAIN = (str, int, float, complex, bool, bytes, type(None), range, slice)


MAX_PATH = 4096
"""Characters of the longest path of Linux (PATH_MAX); a longer text names no file."""


OF_THE_SYSTEM = ("/proc/", "/sys/", "/dev/")
"""What looks like a file there tells of the moment, and is no input of an analysis."""


@dataclass(frozen=True)
class SourceRecord:
    """What an analysis consists of.

    Attributes:
        digest: SHA-256, hexadecimal, of everything.
        definitions: Name of each class, function and module of its own -> hash of its source, to say what changed.
        files: Paths of the existing files that its parameters, globals and constants name: its corrections.
        untold: Types of values whose contents cannot be told, so that the hash does not know of them.
    """

    digest: str
    definitions: Mapping[str, str]
    files: tuple[Path, ...] = ()
    untold: tuple[str, ...] = ()


def source_record(processor: Any) -> SourceRecord:
    """What ``processor``, a class or an instance, consists of."""
    digest = hashlib.sha256()
    walk = _Walk(own_module=(processor if isinstance(processor, type) else type(processor)).__module__)
    for part in walk.of(processor):
        digest.update(part.encode(errors="surrogatepass") + b"\0")
    files = sorted({Path(text) for text in walk.texts if _names_a_file(text)})
    return SourceRecord(digest.hexdigest(), dict(walk.definitions), tuple(files), tuple(sorted(walk.untold)))


def source_hash(processor: Any) -> str:
    """SHA-256, hexadecimal, of the source and the parameters of ``processor``, a class or an instance."""
    return source_record(processor).digest


def _names_a_file(text: str) -> bool:
    if not 0 < len(text) < MAX_PATH or "\0" in text or "\n" in text or text.startswith(OF_THE_SYSTEM):
        return False
    try:
        return Path(text).is_file()
    except OSError:  # a name that is too long for this file system
        return False


class _Walk:
    """Visits all that a processor consists of and tells it as texts in a fixed order; each definition once."""

    def __init__(self, own_module: str) -> None:
        self.own_module = own_module
        self.told: set[int] = set()
        """Identities of definitions and modules that were visited."""
        self.around: set[int] = set()
        """Identities of the values that the walk is in; one that holds itself is not entered again."""
        self.definitions: dict[str, str] = {}
        """Name of a definition -> hash of its source."""
        self.texts: set[str] = set()
        """All texts and paths that were met; some may name files."""
        self.untold: set[str] = set()
        """Types of the values that were met and cannot be told."""

    def of(self, value: Any) -> Iterator[str]:
        if isinstance(value, str | PurePath):
            self.texts.add(str(value))
        if isinstance(value, _PLAIN):
            yield repr(value)
        elif id(value) in self.told | self.around:
            yield "as before"
        elif isinstance(value, types.ModuleType | type | types.FunctionType):
            self.told.add(id(value))
            yield from self._module(value) if isinstance(value, types.ModuleType) else self._definition(value)
        else:
            self.around.add(id(value))
            yield from self._visit(value)
            self.around.remove(id(value))

    def _visit(self, value: Any) -> Iterator[str]:
        if isinstance(value, Mapping):
            yield from self._pairs({repr(key): item for key, item in value.items()})
        elif isinstance(value, set | frozenset):
            yield from ("set", *sorted(repr(item) for item in value))
        elif isinstance(value, list | tuple):
            yield from (type(value).__name__, str(len(value)))
            for item in value:
                yield from self.of(item)
        else:
            yield from self._object(value)

    def _module(self, module: types.ModuleType) -> Iterator[str]:
        yield f"module {module.__name__}"
        if self._own(module.__name__):
            yield self._source(module, module.__name__)
            for item in list(vars(module).values()):
                if isinstance(item, types.ModuleType | type | types.FunctionType):
                    yield from self.of(item)

    def _own(self, module_name: str | None) -> bool:
        module = sys.modules.get(module_name or "")
        return module_name == self.own_module or (module is not None and is_local(module))

    def _definition(self, definition: type | types.FunctionType) -> Iterator[str]:
        yield definition.__qualname__
        if not self._own(definition.__module__):
            return
        name = f"{definition.__module__}.{definition.__qualname__}"
        if isinstance(definition, type):
            yield self._source(definition, f"class {name}")
            yield from self._class(definition)
        else:
            yield self._source(definition, name)
            yield from self._captured(definition)

    def _source(self, definition: Any, name: str) -> str:
        source = _source(definition)
        self.definitions[name] = hashlib.sha256(source.encode(errors="surrogatepass")).hexdigest()
        return source

    def _class(self, definition: type) -> Iterator[str]:
        for base in definition.__mro__[1:]:
            yield from self.of(base)
        for name, value in sorted(vars(definition).items()):
            function = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
            if isinstance(function, types.FunctionType):
                yield name
                # once more, because a class typed into a notebook has no source in Python 3.11
                yield self._source(function, f"{definition.__module__}.{definition.__qualname__}.{name}")
                yield from self._captured(function)
            elif not name.startswith(("__", "_abc_")):
                yield from self._pairs({name: value})

    def _captured(self, function: types.FunctionType) -> Iterator[str]:
        """What a function uses, and each function that it wraps; a wrapper passes for what it wraps, so its code is told here."""
        while isinstance(wrapped := getattr(function, "__wrapped__", None), types.FunctionType):
            module = function.__globals__.get("__name__")
            if own := self._own(module):
                yield self._source(function.__code__, f"{module}.{function.__code__.co_qualname}")
            yield from self._used(function, its_globals=own)
            function = wrapped
        yield from self._used(function)

    def _used(self, function: types.FunctionType, *, its_globals: bool = True) -> Iterator[str]:
        """Defaults, and the values of the globals and of the outer variables that a function uses."""
        yield from self.of(function.__defaults__)
        yield from self.of(function.__kwdefaults__)
        if its_globals:
            yield from self._globals(function)
        yield from self._pairs(dict(inspect.getclosurevars(function).nonlocals))

    def _globals(self, function: types.FunctionType) -> Iterator[str]:
        """The values of the globals that a function uses; the texts in it are kept."""
        self.texts |= _texts_in(function.__code__)
        names = _names_in(function.__code__).intersection(function.__globals__)
        yield from self._pairs({name: function.__globals__[name] for name in names})

    def _pairs(self, values: Mapping[str, Any]) -> Iterator[str]:
        for name in sorted(values):
            yield name
            yield from self.of(values[name])

    def _object(self, value: Any) -> Iterator[str]:
        yield f"{type(value).__module__}.{type(value).__qualname__}"
        yield from self.of(type(value))
        if isinstance(value, Enum):
            yield value.name
        elif is_dataclass(value):
            yield from self._pairs({field.name: getattr(value, field.name) for field in fields(value)})
        elif isinstance(value, np.ndarray | np.generic):
            yield f"{value.dtype} {value.shape} {hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}"
        elif isinstance(value, partial):
            yield from self.of([value.func, value.args, value.keywords])
        elif callable(inner := getattr(value, "py_func", None)):  # a function that numba compiles
            yield from self.of(inner)
        elif isinstance(value, _WITHOUT_VALUE):
            yield getattr(value, "__name__", "")
        elif (state := _own_state(value)) is not None:
            yield from self.of(state)
        elif isinstance(getattr(value, "__dict__", None), dict):
            yield from self._pairs(vars(value))
        else:
            yield self._pickled(value)

    def _pickled(self, value: Any) -> str:
        try:
            return hashlib.sha256(pickle.dumps(value, protocol=4)).hexdigest()
        except Exception:  # noqa: BLE001  # objects raise what they like when they refuse to be pickled; their type is in already
            self.untold.add(f"{type(value).__module__}.{type(value).__qualname__}")
            return "cannot be told"


def _own_state(value: Any) -> Any | None:
    """What a type says itself that it is sent to workers with, as corrections and loggers do; None where it says nothing."""
    own = {name for base in type(value).__mro__[:-1] for name in vars(base)}
    try:
        if "__getstate__" in own:
            return value.__getstate__()
        if own & {"__reduce__", "__reduce_ex__"}:
            made = value.__reduce_ex__(4)
            return made if isinstance(made, str) else list(made[:3])
    except Exception:  # noqa: BLE001  # objects raise what they like when they refuse to be pickled
        return None
    return None


def _names_in(code: types.CodeType) -> set[str]:
    """Names in a function and in the functions and comprehensions within it."""
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*map(_names_in, inner))


def _texts_in(code: types.CodeType) -> set[str]:
    """Texts that a function and the functions within it hold as constants."""
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    own = {constant for constant in code.co_consts if isinstance(constant, str)}
    return own.union(*map(_texts_in, inner))


def _source(definition: Any) -> str:
    code = definition if isinstance(definition, types.CodeType) else getattr(definition, "__code__", None)
    if isinstance(code, types.CodeType) and not is_as_in_file(code):
        return code_text(code)  # the file was edited since it was imported: its source is that of other code
    try:
        return _without_comments(inspect.getsource(definition))
    except (OSError, TypeError, SyntaxError):
        # typed into an interpreter, generated as by dataclasses, or a lambda in the middle of an expression
        return code_text(code) if isinstance(code, types.CodeType) else definition.__name__


@lru_cache(maxsize=1024)
def _without_comments(source: str) -> str:
    """The syntax tree of a source, without docstrings: what comments and formatting do not change."""
    tree = ast.parse(textwrap.dedent(source))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [statement for statement in body if not _is_text(statement)]
    return ast.dump(tree)


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a text that nobody uses: a docstring."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)

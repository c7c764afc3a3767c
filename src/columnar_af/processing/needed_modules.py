"""Which modules a pickle needs: those that it names, and those that the functions in it import when they run."""

from __future__ import annotations

import dis
import io
import pickle
import types
from collections.abc import Callable, Iterator
from typing import Any


def needed_modules(data: bytes) -> tuple[str, ...]:
    """Names of the modules that loading and running a pickle of cloudpickle imports, sorted.

    An import in a ``try`` or ``with`` block of a function is not counted: the function has its own answer where it fails.
    A relative import keeps its dots: it cannot work in a function that travels by value.

    Args:
        data: The pickle; it is loaded once.
    """
    recorder = _Recorder(io.BytesIO(data))
    recorder.load()
    return tuple(sorted(recorder.modules - {"builtins", "__main__", "__builtin__"}))


class _Recorder(pickle.Unpickler):
    """Loads a pickle and notes the modules behind it."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.modules: set[str] = set()

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """The object of a name, with two functions of cloudpickle replaced by ones that take notes."""
        found = super().find_class(module_name, global_name)
        self.modules.add(module_name)
        if module_name == "cloudpickle.cloudpickle" and global_name == "subimport":
            return self._noting_import(found)
        if module_name == "cloudpickle.cloudpickle" and global_name == "_builtin_type":
            return self._noting_code(found)
        return found

    def _noting_import(self, subimport: Callable[[str], Any]) -> Callable[[str], Any]:
        def note(name: str) -> Any:
            self.modules.add(name)
            return subimport(name)

        return note

    def _noting_code(self, builtin_type: Callable[[str], Any]) -> Callable[[str], Any]:
        def note_code(*arguments: Any) -> types.CodeType:
            code = types.CodeType(*arguments)
            self.modules.update(imports_of(code))
            return code

        return lambda name: note_code if name == "CodeType" else builtin_type(name)


def imports_of(code: types.CodeType) -> Iterator[str]:
    """Names of the modules that a function imports unconditionally when it runs."""
    bytecode = dis.Bytecode(code)
    guarded = [(entry.start, entry.end) for entry in getattr(bytecode, "exception_entries", ())]
    instructions = list(bytecode)
    for index, instruction in enumerate(instructions):
        if instruction.opname != "IMPORT_NAME":
            continue
        if any(start <= instruction.offset < end for start, end in guarded):
            continue
        level = instructions[index - 2].argval  # IMPORT_NAME follows the level and the names, both constants
        yield "." * level + instruction.argval

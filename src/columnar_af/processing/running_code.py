"""Running code: whether a function still is what its file says.

A file that is edited after it was imported, as in a long notebook session, has the source of other code than that which runs.
Were its source taken for the code's, old results would later pass for those of the new source.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path


def code_text(code: types.CodeType) -> str:
    """What a code object does, as a text that is the same in every process of one version of Python."""
    constants = (
        code_text(constant)
        if isinstance(constant, types.CodeType)
        else repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)
        for constant in code.co_consts
    )
    return " ".join([code.co_code.hex(), *code.co_names, *constants])


def is_as_in_file(code: types.CodeType) -> bool:
    """Whether the file of a code object has the same code at the same place; true where there is no such file."""
    path = Path(code.co_filename)
    try:
        status = path.stat()
        in_file = _code_in(path, status.st_mtime_ns, status.st_size)
    except (
        OSError,
        ValueError,
        SyntaxError,
    ):  # typed into a notebook; half edited, which the import will tell
        return not path.is_file()
    return in_file.get((code.co_qualname, code.co_firstlineno)) == code_text(code)


@lru_cache(maxsize=256)
def _code_in(path: Path, changed: int, size: int) -> dict[tuple[str, int], str]:
    """(Qualified name, first line) -> text, of each code object in a file as it was at a time."""
    del changed, size  # they name the version of the file
    top = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    return {(code.co_qualname, code.co_firstlineno): code_text(code) for code in _all_in(top)}


def _all_in(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _all_in(constant)

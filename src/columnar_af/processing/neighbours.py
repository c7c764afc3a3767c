"""Neighbours: modules beside a processor's file, which it imports by name.

Python keeps an imported module under its name. The processor of another folder would silently get the ``helper`` of the first
one, and one whose helper was edited meanwhile would run the old code under the hash of the new one.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from columnar_af.processing.local_modules import is_local

_imported: dict[str, tuple[Path, str]] = {}
"""Module that a processor has imported from beside its file -> its file, and the hash of its source at that time."""

_added: list[str] = []
"""Folders that were added to ``sys.path`` here."""


@contextmanager
def importable(folders: Sequence[Path]) -> Iterator[None]:
    """Import from folders within the block, anew what is not what was imported before.

    The folders stay importable, behind all others, so that a neighbour called ``hist.py`` does not hide the package hist,
    but before those of other processors.
    """
    _forget_others(folders)
    _put_first(folders)
    before = set(sys.modules)
    try:
        yield
    finally:
        for name in sys.modules.keys() - before:
            file = _file_of(name)
            if (
                file is not None
                and is_local(sys.modules[name])
                and any(folder in file.parents for folder in folders)
            ):
                _imported[name] = (file, _digest(file))


def is_as_imported(name: str) -> bool:
    """Whether the file of a module says what it said when the module was imported here."""
    return name not in _imported or _digest(_imported[name][0]) == _imported[name][1]


def _put_first(folders: Sequence[Path]) -> None:
    ours = [str(folder) for folder in folders]
    new = [folder for folder in ours if folder in _added or folder not in sys.path]
    _added[:] = [*new, *(folder for folder in _added if folder not in new and folder in sys.path)]
    sys.path[:] = [folder for folder in sys.path if folder not in _added] + _added


def _forget_others(folders: Sequence[Path]) -> None:
    """Forget modules that would now be imported from another file, or that are not what their file says now."""
    stale = {
        name.partition(".")[0]
        for name, (file, digest) in _imported.items()
        if _is_stale(name, file, digest, folders)
    }
    for name in [name for name in _imported if name.partition(".")[0] in stale]:
        if _file_of(name) == _imported.pop(name)[0]:
            del sys.modules[name]
    if stale:
        importlib.invalidate_caches()


def _is_stale(name: str, file: Path, digest: str, folders: Sequence[Path]) -> bool:
    top = name.partition(".")[0]
    homes = [home for folder in folders for home in (folder / top / "__init__.py", folder / f"{top}.py")]
    home = next((home for home in homes if home.is_file()), None)  # where it would be imported from now
    is_there = home is None or home == file or (home.name == "__init__.py" and home.parent in file.parents)
    return not is_there or _digest(file) != digest


def _file_of(name: str) -> Path | None:
    file = getattr(sys.modules.get(name), "__file__", None)
    return Path(file).resolve() if isinstance(file, str) else None


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""

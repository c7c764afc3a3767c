"""Paths of input files: local or remote, with a tree behind a colon, with wildcards."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from columnar_af.errors import FilesetError

_REMOTE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_WITH_TREE = re.compile(r"^(?P<path>.+\.root):(?P<tree>[^:]+)$")


def is_remote(path: str) -> bool:
    """Whether ``path`` is a URL, which uproot opens as it is."""
    return bool(_REMOTE.match(path))


def split_tree(text: str) -> tuple[str, str | None]:
    """Path and tree of ``path.root:path/of/tree``; the tree is None where none is named."""
    match = _WITH_TREE.match(text)
    return (match["path"], match["tree"]) if match else (text, None)


def resolve(path: str, folder: str) -> str:
    """``path`` as uproot shall open it: URLs as they are, local paths absolute, relative ones starting at ``folder``.

    Args:
        path: Path or URL; ``~`` is the home folder.
        folder: Local folder or URL.

    Raises:
        FilesetError: No file can have this name.
    """
    if "\0" in path:
        msg = f"no file can be named {path!r}, with a zero byte in it"
        raise FilesetError(msg, advice="correct the path")
    if is_remote(path):
        return path
    path = str(Path(path).expanduser())
    if is_remote(folder):
        return path if Path(path).is_absolute() else f"{folder.rstrip('/')}/{path}"
    return os.path.normpath(Path(folder).absolute() / path)


def expand(path: str) -> list[str]:
    """The files that a resolved path stands for: itself, or what its wildcards match, sorted by name.

    A path that exists is never read as a pattern, so that files with brackets in their names can be given.

    Raises:
        FilesetError: The wildcards match nothing, stand in a URL, or the path is a folder.
    """
    if is_remote(path):
        if "*" in path:
            msg = f"wildcards in a URL are not expanded: {path}"
            raise FilesetError(msg, advice="list the files one by one")
        return [path]
    if Path(path).is_dir():
        msg = f"expected a file, and this is a folder: {path}"
        raise FilesetError(msg, advice=f"to take all files in it, write {path}/*.root")
    if not glob.has_magic(path) or Path(path).exists():
        return [path]
    matches = sorted(match for match in glob.glob(path, recursive=True) if Path(match).is_file())  # noqa: PTH207  # the pattern is absolute
    if not matches:
        msg = f"no file matches {path}"
        raise FilesetError(msg, advice="check the pattern and the folder that it starts from")
    return matches


def identity(path: str) -> str:
    """What two paths of the same file have in common: the path without links, or the URL."""
    return path if is_remote(path) else os.path.realpath(path)

"""The folder of a result: what is in it, what it may replace, and how it takes its place in one step."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from columnar_af.errors import OutputError

SUMMARY = "summary.json"
HISTOGRAMS_JSON = "histograms.json"
HISTOGRAMS_ROOT = "histograms.root"
FIGURES = "figures"
FITS = "fits"

MADE_FROM_RESULT = (SUMMARY, HISTOGRAMS_JSON, HISTOGRAMS_ROOT, FIGURES, FITS)
"""What belongs to one result and goes when another takes its place; other files in the folder stay."""

FORMAT = "columnar-af result"
"""Value of ``format`` in ``summary.json``: how a folder is known to be a result."""


def ensure_replaceable(directory: Path) -> None:
    """Refuse a folder that a result must not take the place of; to be called before the work starts, too.

    Raises:
        OutputError: Where ``directory`` is a file, or a folder with contents that is no result.
    """
    if not directory.exists():
        return
    if not directory.is_dir():
        msg = f"cannot write a result to {directory}: it is a file, expected a folder or nothing"
        raise OutputError(msg, advice="name another folder")
    if any(directory.iterdir()) and not _is_result(directory):
        msg = f"cannot write a result to {directory}: the folder holds something that is no result of columnar-af"
        raise OutputError(msg, advice="name another folder, or empty this one")


def _is_result(directory: Path) -> bool:
    try:
        summary = json.loads((directory / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(summary, dict) and summary.get("format") == FORMAT


@contextmanager
def replacing(directory: Path) -> Iterator[Path]:
    """A new folder to write into, which takes the place of ``directory`` when the block ends well.

    Files of other origin in ``directory`` stay; when the block raises, everything is as it was.

    Raises:
        OSError: What the file system refuses.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{directory.name}.new-", dir=directory.parent))
    try:
        yield new
        mask = os.umask(0)
        os.umask(mask)
        new.chmod(0o777 & ~mask)  # mkdtemp makes it private; a result is as readable as any file of its maker
        _take_place(new, directory)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _take_place(new: Path, directory: Path) -> None:
    """Put ``new`` where ``directory`` is; at every moment one of the two is whole."""
    if not directory.exists():
        new.rename(directory)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{directory.name}.old-", dir=directory.parent))
    directory.rename(old)  # onto an empty folder, which rename replaces
    try:
        new.rename(directory)
    except OSError:
        old.rename(directory)
        raise
    _move_others(old, directory)
    shutil.rmtree(old)


def _move_others(old: Path, directory: Path) -> None:
    for path in old.iterdir():
        if path.name not in MADE_FROM_RESULT:
            path.rename(directory / path.name)

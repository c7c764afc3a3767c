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
YIELDS, EXPORT, LIMITS = "yields", "export", "limits"
JOURNAL = "journal"
"""Folder with the ledger and the partial results of the run that writes here; see ``processing/journal``."""

MADE_FROM_RESULT = (SUMMARY, HISTOGRAMS_JSON, HISTOGRAMS_ROOT, FIGURES, FITS, YIELDS, EXPORT, LIMITS)
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
    if any(directory.iterdir()) and not (_is_result(directory) or _has_journal(directory)):
        msg = f"cannot write a result to {directory}: the folder holds something that is no result of columnar-af"
        raise OutputError(msg, advice="name another folder, or empty this one")


def _is_result(directory: Path) -> bool:
    try:
        summary = json.loads((directory / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(summary, dict) and summary.get("format") == FORMAT


def _has_journal(directory: Path) -> bool:
    """Whether a run has begun here, and was perhaps ended before it had a result."""
    return (directory / JOURNAL / "lock").is_file()


@contextmanager
def replacing(directory: Path) -> Iterator[Path]:
    """A new folder to write into, which takes the place of ``directory`` when the block ends well.

    Files of other origin in ``directory`` stay; when the block raises, everything is as it was. A folder with a journal
    stays where it is, because a run is at work in it, and only the files of the result are replaced.

    Raises:
        OSError: What the file system refuses.
    """
    if _has_journal(directory):
        with _replacing_files(directory) as new:
            yield new
        return
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


@contextmanager
def _replacing_files(directory: Path) -> Iterator[Path]:
    for left_over in directory.glob(".new-*"):  # of a run that was killed here
        shutil.rmtree(left_over, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=directory))
    try:
        yield new
        # The summary goes first and comes last: at no moment the folder passes for a result with parts of another one.
        (directory / SUMMARY).unlink(missing_ok=True)
        for made in (FIGURES, FITS):
            shutil.rmtree(directory / made, ignore_errors=True)
        for path in sorted(new.iterdir(), key=lambda path: path.name == SUMMARY):
            path.replace(directory / path.name)
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

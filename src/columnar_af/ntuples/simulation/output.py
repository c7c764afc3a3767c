"""Where a simulation writes: the output folder, files that appear whole or not at all, and the truth beside them.

A file is written under a temporary name in its own folder and renamed when it is complete, so that nobody ever reads
half a file, and a run that fails (no space left, Ctrl-C) leaves nothing of itself behind.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from columnar_af.errors import ConfigError, OutputError

TRUTH_FILE = "truth.json"
"""Name of the truth beside the simulated files."""

LAYOUTS = ("t3m-ds-phi-pi/", "t3m-tau3mu/", "t3m-measurement", "loopsusy", "histfitter")
"""What ``layout`` in a truth file of ours begins with: how it is known to be one."""

PART_SUFFIX = ".part"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def check_counts(events: int, files: int) -> None:
    """Refuse a sample without events, without files, or with fewer events than files.

    Args:
        events: Events of the whole sample.
        files: Files to spread them over.

    Raises:
        ConfigError: A count is zero or negative, or some file would stay empty.
    """
    for name, value in (("--events", events), ("--files", files)):
        if value < 1:
            msg = f"{name} is {value}; a simulated sample needs at least 1"
            raise ConfigError(msg, advice=f"give {name} a positive number")
    if files > events:
        msg = f"{events} events cannot fill {files} files; every file needs at least one event"
        raise ConfigError(msg, advice=f"ask for at most {events} files, or for more events")


def share_events(events: int, files: int) -> tuple[int, ...]:
    """Number of events of each file: as equal as they can be, the first files take one more."""
    share, rest = divmod(events, files)
    return tuple(share + (number < rest) for number in range(files))


def prepare_output(directory: Path, overwrite: bool) -> None:
    """Make the output folder, and take away what an earlier simulation wrote there.

    With ``overwrite`` only files that the earlier run lists in its truth file are removed; anything else in the folder
    stays.

    Args:
        directory: Folder that the sample goes to; made with its parents when missing.
        overwrite: Accept a folder that is not empty.

    Raises:
        OutputError: The folder is not empty and ``overwrite`` is off, it holds a truth file that is none of ours, or it
            cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        present = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        msg = f"cannot use {directory} as output folder: {error.strerror}"
        raise OutputError(msg, advice="name a folder that can be written with -o") from error
    if not present:
        return
    if not overwrite:
        msg = f"the output folder {directory} is not empty: it holds {present[0]} and {len(present) - 1} more"
        raise OutputError(msg, advice="choose another folder with -o, or add --overwrite")
    _remove_former_sample(directory)


def _remove_former_sample(directory: Path) -> None:
    """Remove the files that the truth file lists, the truth file, and parts that a killed run left."""
    truth = directory / TRUTH_FILE
    listed = _files_of(truth) if truth.exists() else []
    try:
        for name in [*listed, truth.name]:
            (directory / name).unlink(missing_ok=True)
        for part in directory.glob(f".*{PART_SUFFIX}"):
            part.unlink()
    except OSError as error:
        msg = f"cannot remove the former sample in {directory}: {error.strerror or error}"
        raise OutputError(msg, advice="choose another folder with -o") from error


def _files_of(truth: Path) -> list[str]:
    """Names of the files of the sample that a truth file of ours tells of."""
    try:
        record = json.loads(truth.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        record = None
    if isinstance(record, dict) and str(record.get("layout")).startswith(LAYOUTS):
        files = record.get("files")
        if isinstance(files, list) and all(_is_name(name) for name in files):
            return files
    msg = f"{truth} was not written by a simulation of columnar-af, or is damaged: the former sample is not known"
    raise OutputError(msg, advice="choose another folder with -o, or remove that file yourself")


def _is_name(name: object) -> bool:
    """Whether this is the name of a file in the same folder."""
    return (
        isinstance(name, str) and "\0" not in name and name not in {"", "..", "."} and Path(name).name == name
    )


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``, and rename it to ``path`` when the body has succeeded.

    Args:
        path: The file that shall exist, whole, afterwards.

    Yields:
        The path to write to.

    Raises:
        OutputError: Writing failed; nothing is left behind.
    """
    part = path.with_name(f".{path.name}{PART_SUFFIX}")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _output_error(path: Path, error: OSError) -> OutputError:
    if error.errno in NO_SPACE:
        msg = f"no space left on the device of {path.parent} while writing {path.name}"
        return OutputError(msg, advice="free some space, or write elsewhere with -o; nothing was left behind")
    msg = f"cannot write {path}: {error.strerror or error}"
    return OutputError(msg, advice="check that the folder exists and can be written")


@contextmanager
def all_or_nothing(paths: Iterable[Path]) -> Iterator[None]:
    """Remove ``paths`` when the body fails, so that no sample stays with a part of its files."""
    complete = False
    try:
        yield
        complete = True
    finally:
        if not complete:
            for path in paths:
                path.unlink(missing_ok=True)


def write_truth(directory: Path, truth: Mapping[str, Any]) -> Path:
    """Write the truth file.

    Args:
        directory: Folder of the sample.
        truth: Plain values; ``files`` must list the names of the sample's files.

    Returns:
        Path of the file written.
    """
    path = directory / TRUTH_FILE
    with atomic_file(path) as part:
        part.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return path

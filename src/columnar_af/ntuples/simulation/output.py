"""Where a simulation writes: the output folder, files that appear whole or not at all, and the truth beside them.

A sample is written into a hidden folder in its own one, and moved out when it is complete, so that nobody ever reads half a
sample, a run that fails (no space left, Ctrl-C) leaves nothing of itself behind, and a former sample stays until then.
"""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from columnar_af.errors import ConfigError, OutputError

TRUTH_FILE = "truth.json"
"""Name of the truth beside the simulated files."""

LAYOUTS = ("t3m-ds-phi-pi/", "t3m-tau3mu/", "t3m-measurement", "loopsusy", "histfitter")
"""What ``layout`` in a truth file of ours begins with: how it is known to be one."""

NEW = ".new-"
"""Beginning of the name of the folder that a sample is written into."""

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


@contextmanager
def sample_folder(directory: Path, overwrite: bool) -> Iterator[Path]:
    """A new folder to write a sample into, whose files are moved to ``directory`` when the body has succeeded.

    With ``overwrite`` a former sample is taken away then: the files that its truth file lists; anything else in the folder
    stays, and so does the former sample when the body fails.

    Args:
        directory: Folder that the sample goes to; made with its parents when missing.
        overwrite: Accept a folder that is not empty.

    Raises:
        OutputError: The folder is not empty and ``overwrite`` is off, it holds a truth file that is none of ours, or the
            disk refuses.
    """
    former = _former_sample(directory, overwrite)
    try:
        new = Path(tempfile.mkdtemp(prefix=NEW, dir=directory))
    except OSError as error:
        raise _unusable(directory, error) from error
    try:
        yield new
        _take_place(new, directory, former)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _former_sample(directory: Path, overwrite: bool) -> list[str]:
    """Names of the files of the sample that is there, after a check that it may be replaced."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        present = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        raise _unusable(directory, error) from error
    if present and not overwrite:
        msg = f"the output folder {directory} is not empty: it holds {present[0]} and {len(present) - 1} more"
        raise OutputError(msg, advice="choose another folder with -o, or add --overwrite")
    # A run that was killed while it moved its files has left their list in its own folder.
    truths = [directory / TRUTH_FILE, *directory.glob(f"{NEW}*/{TRUTH_FILE}")]
    return [name for truth in truths if truth.exists() for name in _files_of(truth)]


def _unusable(directory: Path, error: OSError) -> OutputError:
    msg = f"cannot use {directory} as output folder: {error.strerror}"
    return OutputError(msg, advice="name a folder that can be written with -o")


def _take_place(new: Path, directory: Path, former: list[str]) -> None:
    """Put the files of a new sample where those of the former one are.

    The truth file goes first and comes last: at no moment the folder passes for a sample with files of another one.
    """
    names = sorted((path.name for path in new.iterdir()), key=lambda name: name == TRUTH_FILE)
    try:
        (directory / TRUTH_FILE).unlink(missing_ok=True)
        for name in set(former) - set(names):
            (directory / name).unlink(missing_ok=True)
        for name in names:
            (new / name).replace(directory / name)
        for left_over in directory.glob(f"{NEW}*"):  # of runs that were killed; ours is empty by now
            shutil.rmtree(left_over, ignore_errors=True)
        for part in directory.glob(f".*{PART_SUFFIX}"):  # of a former release
            part.unlink()
    except OSError as error:
        msg = f"cannot replace the former sample in {directory}: {error.strerror or error}"
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

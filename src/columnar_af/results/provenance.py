"""Provenance: what a result was made from, with what, where and when."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from columnar_af.redaction import redacted

PACKAGES = (
    "columnar-af", "coffea", "awkward", "uproot", "numpy", "numba", "hist", "boost-histogram", "vector",
    "dask", "distributed", "dask-awkward",
)  # fmt: skip
"""Packages whose versions can change a result; one that is not installed is left out."""

GIT_TIMEOUT_S = 10
"""A repository on a hanging network file system must not hold up a result; chosen, not measured."""


@dataclass(frozen=True)
class InputRecord:
    """An input tree as it was read.

    Attributes:
        dataset: Name of the dataset.
        file: Path or URL.
        tree: Path of the tree in the file.
        uuid: UUID of the file, as ROOT wrote it.
        entries: Entries of the tree.
    """

    dataset: str
    file: str
    tree: str
    uuid: str
    entries: int


@dataclass(frozen=True)
class GitState:
    """The state of the repository that holds the processor.

    Attributes:
        commit: Hash of the commit.
        dirty: Whether a tracked file differed from it.
        diff_hash: SHA-256, hexadecimal, of what ``git diff HEAD`` prints; empty where nothing does, or git failed. Two runs
            of the same commit with the same hash ran the same tracked files.
    """

    commit: str
    dirty: bool
    diff_hash: str = ""


@dataclass(frozen=True)
class Provenance:
    """What a result was made from, with what, where and when.

    Attributes:
        processor: Name of the processor.
        processor_hash: Hash of its source.
        parameters: Parameters of the run (chunk size, options, thresholds), plain values.
        files: The input trees.
        versions: Package -> version.
        git: State of the processor's repository; None where it is in none, or git is not installed.
        host: ``system``, ``release``, ``machine``, ``cpus`` of the machine that drove the run. No names of people.
        started, finished: UTC times in ISO 8601.
        command: The command line, word by word.
    """

    processor: str = ""
    processor_hash: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[InputRecord, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    git: GitState | None = None
    host: Mapping[str, Any] = field(default_factory=dict)
    started: str = ""
    finished: str = ""
    command: tuple[str, ...] = ()

    @classmethod
    def collect(
        cls,
        *,
        processor: str,
        processor_hash: str,
        files: Iterable[InputRecord],
        started: datetime,
        finished: datetime | None = None,
        processor_path: Path | None = None,
        parameters: Mapping[str, Any] | None = None,
        command: Sequence[str] | None = None,
    ) -> Provenance:
        """The provenance of a run on this machine.

        Args:
            processor: Name of the processor.
            processor_hash: Hash of its source.
            files: The input trees.
            started: When the run was called; aware of its time zone.
            finished: When it ended; now by default.
            processor_path: The file that holds the processor, to find its git repository.
            parameters: Parameters of the run.
            command: Words of the command line; this process's by default.
        """
        return cls(
            processor=processor,
            processor_hash=processor_hash,
            parameters=redacted(dict(parameters or {})),
            files=tuple(files),
            versions=installed_versions(),
            git=None if processor_path is None else git_state(processor_path),
            host=host_kind(),
            started=started.astimezone(UTC).isoformat(),
            finished=(finished or datetime.now(UTC)).astimezone(UTC).isoformat(),
            command=tuple(redacted(list(sys.argv if command is None else command))),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``summary.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Provenance:
        """The inverse of :meth:`to_json`."""
        git = record["git"]
        return cls(
            **{
                **record,
                "files": tuple(InputRecord(**file) for file in record["files"]),
                "git": None if git is None else GitState(**git),
                "command": tuple(record["command"]),
            }
        )


def installed_versions() -> dict[str, str]:
    """Versions of python and of the packages in :data:`PACKAGES` that are installed."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def host_kind() -> dict[str, Any]:
    """What kind of machine this is: system, release, machine and number of CPUs."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "cpus": os.cpu_count() or 1,
    }


def git_state(path: Path) -> GitState | None:
    """Commit and dirtiness of the repository that holds ``path``.

    Returns:
        None where there is no repository, no git, or the repository ignores the file (an environment inside a checkout:
        its commit says nothing about an installed package). A file that is not tracked makes the state dirty.
    """
    folder = path if path.is_dir() else path.parent
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None or _git(folder, "check-ignore", "--quiet", str(path.absolute())) is not None:
        return None
    untracked = _git(folder, "ls-files", "--error-unmatch", str(path.absolute())) is None
    changed = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    diff = _git(folder, "diff", "--no-ext-diff", "--no-color", "--binary", "HEAD") if changed else None
    digest = hashlib.sha256(diff.encode()).hexdigest() if diff else ""
    return GitState(commit, untracked or changed, digest)


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True, text=True, errors="replace", timeout=GIT_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None

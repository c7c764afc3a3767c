"""The journal in the folder of a result: ``DIR/journal`` with ``ledger.jsonl``, ``partials/`` and ``lock``.

The ledger only grows, run after run. Its records have a ``kind``: ``run`` (a run begins; its ingredients), ``planned``
(a chunk and its key), ``done``, ``failed``, ``skipped`` (what became of it), ``reused`` (its partial result was there), and
``finished`` (the totals). A partial result is a file named by its key, and counts only if its hash is that of the ledger.
Nothing in the folder is executed when it is read.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from columnar_af.errors import OutputError
from columnar_af.processing.journal.lines import LineWriter, read_lines
from columnar_af.processing.journal.lock import HeldLock, locked
from columnar_af.processing.journal.partial_format import decode
from columnar_af.redaction import redacted
from columnar_af.results.result_folder import JOURNAL, ensure_replaceable

LEDGER = "ledger.jsonl"
PARTIALS = "partials"
LOCK = "lock"

FORMAT = "columnar-af ledger"
VERSION = 1
"""Version of the records; to be raised when an older reader would misread them."""

_NONE = type(None)
_COMMON: Mapping[str, Any] = {"run": str, "number": int}
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "run": {"run": str, "format": str, "version": int, "resume": bool, "request": dict, "ingredients": dict},
    "planned": {
        **_COMMON, "key": (str, _NONE), "dataset": str, "file": str, "tree": str, "start": int, "stop": int,
        "uuid": str, "metadata": dict,
    },
    "done": {**_COMMON, "key": (str, _NONE), "host": str, "columns": list, "partial": (dict, _NONE)},
    "finished": {"run": str},
}  # fmt: skip
"""Kind of record -> what its readers rely on; of other kinds only :data:`_COMMON`."""

_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class RunRecord:
    """What the ledger tells of one run.

    Attributes:
        begin: Its ``run`` record.
        planned: Chunk number -> its ``planned`` record.
        fates: Chunk number -> the last record of what became of it; a chunk that is missing here was not reached.
        finished: Its ``finished`` record; None where the run was ended.
    """

    begin: Mapping[str, Any]
    planned: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    fates: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    finished: dict[str, Any] = field(default_factory=dict)

    @property
    def missing(self) -> list[int]:
        """Numbers of the chunks that were planned and are not done."""
        done = {number for number, fate in self.fates.items() if fate["kind"] in ("done", "reused")}
        return sorted(self.planned.keys() - done)


@dataclass(frozen=True)
class LedgerFile:
    """The ledger as it is on the disk.

    Attributes:
        runs: Its runs, the oldest first.
        done: Key -> the last ``done`` record with it.
        damaged: Numbers of the lines that do not check and were passed over.
    """

    runs: tuple[RunRecord, ...] = ()
    done: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    damaged: tuple[int, ...] = ()


def read_ledger(directory: Path) -> LedgerFile:
    """The ledger in the folder of a result; an empty one where there is none.

    Raises:
        OutputError: It cannot be read, or a newer release wrote it.
    """
    path = directory / JOURNAL / LEDGER
    lines = read_lines(path)
    runs: dict[str, RunRecord] = {}
    done: dict[str, Mapping[str, Any]] = {}
    for record in lines.records:
        try:
            _take(record, runs, done)
        except (KeyError, TypeError) as error:
            msg = f"cannot read {path}: a record of kind {record.get('kind')!r} lacks {error}"
            raise OutputError(
                msg, advice="run with the release that wrote it, or name another folder"
            ) from error
    return LedgerFile(tuple(runs.values()), done, lines.damaged)


def _take(record: Mapping[str, Any], runs: dict[str, RunRecord], done: dict[str, Mapping[str, Any]]) -> None:
    kind = record["kind"]
    if kind == "run" and (record["format"] != FORMAT or record["version"] != VERSION):
        msg = f"the ledger is {record['format']!r}, version {record['version']}; this release reads {VERSION}"
        raise OutputError(msg, advice="use the release that wrote it, or name another folder")
    for name, expected in _FIELDS.get(kind, _COMMON).items():
        if not isinstance(record[name], expected):
            raise TypeError(name)
    if kind == "run":
        runs[record["run"]] = RunRecord(record)
    if kind == "done" and record["key"] is not None:
        done[record["key"]] = record
    run = runs.get(record["run"])
    if run is None:  # the line that begins the run is damaged; its chunks are known by their keys
        return
    if kind == "planned":
        run.planned[record["number"]] = record
    elif kind == "finished":
        run.finished.update(record)
    elif kind != "run":
        run.fates[record["number"]] = record


class Journal:
    """An open journal: the ledger is written, and partial results are stored and loaded.

    Args:
        folder: The folder ``journal`` in that of the result.
        ledger: The ledger as it was found.
        writer: Appends to it.
        lock: The lock of the folder.
    """

    def __init__(self, folder: Path, ledger: LedgerFile, writer: LineWriter, lock: HeldLock) -> None:
        self._partials = folder / PARTIALS
        self.ledger = ledger
        self._writer = writer
        self._lock = lock

    def require_lock(self) -> None:
        """Make sure that no other run writes here.

        Raises:
            OutputError: Another one does, because the lock was lost.
        """
        self._lock.require()

    def write(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Append records to the ledger.

        Raises:
            OutputError: The disk refuses, or another run writes here.
        """
        self.require_lock()
        self._writer.write(map(redacted, records))

    def store(self, key: str, data: bytes) -> dict[str, Any]:
        """Write a partial result; a file is whole or not there.

        Returns:
            Its hash and size, for the ledger.

        Raises:
            OutputError: The disk refuses.
        """
        path = self._path(key)
        new = path.with_suffix(f".{os.getpid()}.new")
        try:
            new.write_bytes(data)
            new.replace(path)
        except OSError as error:
            new.unlink(missing_ok=True)
            msg = f"cannot write {path}: {error.strerror or error}"
            advice = (
                "make room or correct the permissions, then run again with --resume: what is done is kept"
            )
            raise OutputError(msg, advice=advice) from error
        return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}

    def load(self, record: Mapping[str, Any]) -> Any:
        """The partial result of a ``done`` record.

        Raises:
            OutputError: It is not there, or is not what was written.
        """
        stored = record["partial"]
        path = self._path(record["key"])
        try:
            data = path.read_bytes()
        except OSError as error:
            msg = f"cannot read {path}: {error.strerror or error}"
            raise OutputError(msg) from error
        if hashlib.sha256(data).hexdigest() != stored["sha256"]:
            msg = f"{path} is damaged: its hash is not the one in the ledger"
            raise OutputError(msg)
        return decode(data)

    def keep_only(self, keys: Collection[str]) -> None:
        """Remove the partial results of other keys, which nothing in the latest run needs, and torn files."""
        for path in self._partials.iterdir():
            if path.name.removesuffix(".npz") not in keys:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            msg = f"the ledger names a partial result {key[:80]!r}, expected a hash"
            raise OutputError(msg)
        return self._partials / f"{key}.npz"


@contextmanager
def open_journal(directory: Path) -> Iterator[Journal]:
    """Open the journal in the folder of a result, for one run at a time.

    Raises:
        OutputError: The folder holds something else, another run writes to it, or the disk refuses.
    """
    ensure_replaceable(directory)
    folder = directory / JOURNAL
    try:
        (folder / PARTIALS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"cannot write to {directory}: {error.strerror or error}"
        raise OutputError(msg, advice="check the disk and the permissions, or name another folder") from error
    with locked(folder / LOCK) as lock:
        ledger = read_ledger(directory)
        with LineWriter(folder / LEDGER) as writer:
            yield Journal(folder, ledger, writer, lock)

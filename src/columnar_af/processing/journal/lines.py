"""Lines that check themselves: an append-only file of JSON records that survives the death of its writer at any moment.

A line is ``{"crc":"1c291ca3","length":42,"record":{...}}``: JSON by itself, with the length in bytes and the CRC-32 of the
text of the record. Each line is one ``write`` at the end of the file, so that a kill leaves at most one torn line, the last
one. Reading ignores what does not check, and counts it; writing on first cuts a torn end off.
"""

from __future__ import annotations

import json
import os
import re
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from columnar_af.errors import OutputError

SYNC_S = 5.0
"""Longest time between a line and its ``fsync`` while lines are written. A killed process loses nothing; a power cut loses
at most this much work, and never makes a wrong result, because partial results are checked against their hashes. Chosen:
an ``fsync`` takes milliseconds on a disk and up to seconds on a busy network file system."""

_LINE = re.compile(rb'\{"crc":"([0-9a-f]{8})","length":(\d{1,9}),"record":(\{.*\})\}')


def to_line(record: Mapping[str, Any]) -> bytes:
    """The line of a record, with its end."""
    text = json.dumps(record, allow_nan=False, separators=(",", ":")).encode()
    return b'{"crc":"%08x","length":%d,"record":%s}\n' % (zlib.crc32(text), len(text), text)


def from_line(line: bytes) -> dict[str, Any] | None:
    """The record of a line without its end; None where it does not check."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    crc, length, text = match.groups()
    if int(length) != len(text) or int(crc, 16) != zlib.crc32(text):
        return None
    try:
        record: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):  # well checked nonsense: somebody else wrote it
        return None
    return record


@dataclass(frozen=True)
class Lines:
    """What a file of lines holds.

    Attributes:
        records: The records that check, in order.
        damaged: Numbers, from 1, of the lines that do not; a torn end is one of them.
        whole_bytes: Length of the file up to the end of its last whole line.
    """

    records: tuple[dict[str, Any], ...] = ()
    damaged: tuple[int, ...] = ()
    whole_bytes: int = 0


def read_lines(path: Path) -> Lines:
    """Read a file of lines; one that does not exist is empty.

    Raises:
        OutputError: The file cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Lines()
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise OutputError(msg, advice="check the disk and the permissions") from error
    *lines, end = data.split(b"\n")
    records = [from_line(line) for line in lines]
    damaged = [number for number, record in enumerate(records, 1) if record is None]
    if end:
        damaged.append(len(lines) + 1)
    return Lines(
        tuple(record for record in records if record is not None), tuple(damaged), len(data) - len(end)
    )


class LineWriter:
    """Appends lines to a file.

    Args:
        path: The file; it is made where it does not exist, and a torn end is cut off.

    Raises:
        OutputError: The disk refuses; the file then ends with a whole line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            self._size = read_lines(path).whole_bytes
            os.ftruncate(self._file, self._size)
        except OSError as error:
            raise self._refused(error) from error
        self._synced = time.monotonic()

    def write(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Append records, all or none of them where the disk refuses.

        Raises:
            OutputError: The disk refuses, or the file was closed before, as for a chunk that ends after its run.
        """
        if self._file < 0:
            msg = f"cannot write {self._path}: it was closed when its run ended"
            raise OutputError(msg, advice="run again with --resume: what came too late is done again")
        data = b"".join(map(to_line, records))
        try:
            self._append(data)
            if time.monotonic() - self._synced > SYNC_S:
                self.sync()
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise self._refused(error) from error
        self._size += len(data)

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]

    def sync(self) -> None:
        """Make sure that what was written is on the disk."""
        os.fsync(self._file)
        self._synced = time.monotonic()

    def close(self) -> None:
        """End, with everything on the disk."""
        if self._file < 0:
            return
        try:
            self.sync()
        except OSError as error:
            raise self._refused(error) from error
        finally:
            # First forgotten, because the number may soon belong to another file, which a late line must not go into.
            closing, self._file = self._file, -1
            os.close(closing)

    def _refused(self, error: OSError) -> OutputError:
        msg = f"cannot write {self._path}: {error.strerror or error}"
        return OutputError(
            msg,
            advice="make room or correct the permissions, then run again with --resume: what is done is kept",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

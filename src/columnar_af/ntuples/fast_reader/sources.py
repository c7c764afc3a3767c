"""Reading byte ranges of a file: with ``pread`` where it is local, through uproot's source (fsspec, XRootD, HTTP) elsewhere.

Local files are not memory-mapped: a file that shrinks under a mapping kills the process, while ``pread`` gives an error.
"""

from __future__ import annotations

import os
import queue
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from columnar_af.errors import ReadError

Bytes = npt.NDArray[np.uint8]
Range = tuple[int, int]

MAX_GAP = 16 * 1024
"""Ranges closer than this are read in one request; a local request costs as much as copying some 16 kB."""

MAX_REQUEST = 8 * 1024 * 1024
"""Ranges are not joined beyond this size, so that several requests are under way at once."""


class ByteSource(Protocol):
    """Something to read byte ranges from."""

    def read(self, ranges: Sequence[Range]) -> list[Bytes]:
        """The bytes of each ``(start, stop)``, in the given order."""
        ...


@dataclass(frozen=True)
class _Request:
    start: int
    stop: int
    members: tuple[int, ...]


def join_ranges(ranges: Sequence[Range], max_gap: int = MAX_GAP) -> list[_Request]:
    """Put ranges that lie close together into one request, in the order of the file."""
    requests: list[_Request] = []
    for number in sorted(range(len(ranges)), key=lambda number: ranges[number]):
        start, stop = ranges[number]
        last = requests[-1] if requests else None
        if last and start - last.stop <= max_gap and max(stop, last.stop) - last.start <= MAX_REQUEST:
            requests[-1] = _Request(last.start, max(stop, last.stop), (*last.members, number))
        else:
            requests.append(_Request(start, stop, (number,)))
    return requests


class LocalFile:
    """A file on this machine."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            msg = f"cannot open the file: {error.strerror}"
            raise ReadError(msg, advice="check the path and its permissions") from error
        self._size = os.fstat(self._descriptor).st_size
        self._closer = weakref.finalize(self, os.close, self._descriptor)

    @property
    def descriptor(self) -> int:
        """Of the open file."""
        return self._descriptor

    def read(self, ranges: Sequence[Range]) -> list[Bytes]:
        """See :class:`ByteSource`."""
        requests = join_ranges(ranges)
        return _cut(ranges, ((request, self._pread(request.start, request.stop)) for request in requests))

    def close(self) -> None:
        """Close the file; also happens when nothing refers to it any more."""
        self._closer()

    def _pread(self, start: int, stop: int) -> Bytes:
        if stop > self._size:
            msg = f"the file ends at byte {self._size} where bytes {start} to {stop} are expected: it is truncated"
            raise ReadError(msg, advice="copy or make the file again, or leave it out")
        try:
            data = os.pread(self._descriptor, stop - start, start)
            while len(data) < stop - start:
                more = os.pread(self._descriptor, stop - start - len(data), start + len(data))
                if not more:
                    msg = f"the file ended at byte {start + len(data)} while it was read"
                    raise ReadError(msg, advice="do not change input files during a run")
                data += more
        except OSError as error:
            msg = f"cannot read bytes {start} to {stop}: {error.strerror}"
            raise ReadError(msg, advice="check the disk or network file system") from error
        return np.frombuffer(data, dtype=np.uint8)


class UprootFile:
    """A file that uproot has opened, wherever it is.

    Args:
        source: uproot's source of the file.
    """

    def __init__(self, source: Any) -> None:
        self._source = source

    def read(self, ranges: Sequence[Range]) -> list[Bytes]:
        """See :class:`ByteSource`."""
        requests = join_ranges(ranges)
        spans = [(request.start, request.stop) for request in requests]
        try:
            chunks = self._source.chunks(spans, notifications=queue.Queue())
            pieces = [np.frombuffer(chunk.raw_data, dtype=np.uint8) for chunk in chunks]
        except OSError as error:
            msg = f"cannot read the file: {error}"
            raise ReadError(msg, advice="check that the server answers, and try again") from error
        for request, piece in zip(requests, pieces, strict=True):
            if len(piece) != request.stop - request.start:
                msg = (
                    f"got {len(piece)} bytes instead of {request.stop - request.start}: the file is truncated"
                )
                raise ReadError(msg, advice="copy or make the file again, or leave it out")
        return _cut(ranges, zip(requests, pieces, strict=True))


def open_source(file: Any) -> ByteSource:
    """The source for an uproot file: by ``pread`` where its path is a local file.

    Args:
        file: uproot's ReadOnlyFile.
    """
    path = str(file.file_path)
    if "://" not in path and Path(path).is_file():
        return LocalFile(Path(path))
    return UprootFile(file.source)


def _cut(ranges: Sequence[Range], pieces: Iterator[tuple[_Request, Bytes]]) -> list[Bytes]:
    """Bytes of the joined requests -> bytes of each range."""
    cut: list[Bytes | None] = [None] * len(ranges)
    for request, piece in pieces:
        for number in request.members:
            start, stop = ranges[number]
            cut[number] = piece[start - request.start : stop - request.start]
    return [piece for piece in cut if piece is not None]

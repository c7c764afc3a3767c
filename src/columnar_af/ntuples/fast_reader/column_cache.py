"""A local cache of decoded columns, so that a second pass over the same files inflates nothing.

An entry holds one branch of one entry range of one file, as the arrays lie in memory; it is mapped, not read. It is found by
the UUID that ROOT gave the file, the tree, the branch and the range, so it stays valid when a file is copied or moved, and a
file that was made again has another UUID. Entries are written under a temporary name and renamed, never changed afterwards:
any number of processes may share the folder, and one that dies leaves no half entry behind.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from columnar_af.ntuples.fast_reader.layout import Column

MAGIC = b"COLUMNAF"
FORMAT = 1
PREFIX_BYTES = 16
"""Magic word, then the size of the description."""

ALIGNMENT = 64
"""Buffers begin at multiples of a cache line, as numpy and vector units like them."""

SUFFIX = ".column"
TEMPORARY = ".part"
STALE_S = 3600.0
"""Temporary files older than this belong to a process that died."""

TOUCH_S = 60.0
"""A hit renews the time stamp of an entry at most this often."""

DEFAULT_MAX_BYTES = 20 * 1024**3
FOLDER_VARIABLE = "COLUMNAR_AF_COLUMN_CACHE"

logger = logging.getLogger(__name__)


PRIVATE = 0o700
"""Permissions of the cache when it is made: what it holds may not be for all users of a machine."""


@dataclass(frozen=True)
class ColumnKey:
    """What an entry of the cache holds.

    Attributes:
        file_uuid: UUID of the file, as ROOT wrote it.
        tree: Path of the tree in the file.
        branch: Path of the branch in the tree.
        start, stop: Entry range.
    """

    file_uuid: str
    tree: str
    branch: str
    start: int
    stop: int

    def digest(self) -> str:
        """The name of the entry."""
        return hashlib.sha256(json.dumps([FORMAT, *asdict(self).values()]).encode()).hexdigest()


@dataclass(frozen=True)
class CacheInfo:
    """What is in a cache.

    Attributes:
        folder: Where it is.
        entries: Number of columns.
        n_bytes: Their size.
        max_bytes: Size at which the least recently used ones are removed.
    """

    folder: Path
    entries: int
    n_bytes: int
    max_bytes: int


@dataclass(frozen=True)
class _Entry:
    path: Path
    n_bytes: int
    used: float


class ColumnCache:
    """Columns in a folder of a local disk.

    Args:
        folder: Made when it is first needed. Default: ``$COLUMNAR_AF_COLUMN_CACHE``, else ``~/.cache/columnar-af/columns``.
        max_bytes: When the entries exceed this, the least recently used ones are removed.
    """

    def __init__(self, folder: Path | None = None, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.folder = default_folder() if folder is None else folder
        self.max_bytes = max_bytes
        self._verified: set[tuple[str, int, int]] = set()
        self._written = max_bytes
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """A cache travels to other processes as its folder and size."""
        return {"folder": self.folder, "max_bytes": self.max_bytes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`__getstate__`."""
        self.__init__(**state)  # type: ignore[misc]

    def get(self, key: ColumnKey) -> Column | None:
        """The column, mapped from disk; None where it is not there, or was damaged (then it is removed).

        Its arrays may be written to: pages that are changed become private to the process.
        """
        path = self._path(key)
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError):
            return None
        state = (path.name, status.st_mtime_ns, status.st_size)
        column = _unpack(buffer, key, check=state not in self._verified)
        if column is None:
            logger.warning("column cache: %s is damaged; it is removed and read again from the file", path)
            path.unlink(missing_ok=True)
            return None
        self._verified.add(state if _is_fresh(status) else _touch(path, state))
        return column

    def put(self, key: ColumnKey, column: Column) -> None:
        """Keep a column. A full or read-only disk is no error: the column is then not kept."""
        path = self._path(key)
        temporary = path.with_name(f"{path.stem}-{os.getpid()}-{uuid.uuid4().hex}{TEMPORARY}")
        try:
            self.folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            path.parent.mkdir(exist_ok=True)
            with temporary.open("wb") as file:
                file.writelines(_pack(key, column))
                written = file.tell()
            temporary.replace(path)
        except OSError as error:
            logger.warning("column cache: cannot write %s: %s", path, error.strerror)
            with suppress(OSError):
                temporary.unlink()
            return
        self._make_room(written)

    def info(self) -> CacheInfo:
        """What is in the cache now."""
        entries = list(self._entries())
        return CacheInfo(self.folder, len(entries), sum(entry.n_bytes for entry in entries), self.max_bytes)

    def clear(self) -> CacheInfo:
        """Remove all entries; returns what was there."""
        info = self.info()
        for entry in self._entries():
            entry.path.unlink(missing_ok=True)
        self._remove_stale(0.0)
        return info

    def _path(self, key: ColumnKey) -> Path:
        digest = key.digest()
        return self.folder / digest[:2] / f"{digest}{SUFFIX}"

    def _entries(self) -> Iterator[_Entry]:
        for path in self.folder.glob(f"??/*{SUFFIX}"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process removed it
                continue
            yield _Entry(path, status.st_size, status.st_mtime)

    def _make_room(self, written: int) -> None:
        """Look at the whole folder now and then: first, and whenever this process has written 5 % of the limit since."""
        with self._lock:
            self._written += written
            if self._written < self.max_bytes / 20:
                return
            self._written = 0
        self._remove_stale(STALE_S)
        entries = sorted(self._entries(), key=lambda entry: entry.used, reverse=True)
        total = 0
        for entry in entries:
            total += entry.n_bytes
            if total > self.max_bytes:
                entry.path.unlink(missing_ok=True)

    def _remove_stale(self, age: float) -> None:
        now = time.time()
        for path in self.folder.glob(f"??/*{TEMPORARY}"):
            try:
                if now - path.stat().st_mtime >= age:
                    path.unlink()
            except FileNotFoundError:  # its process renamed or removed it
                continue


def default_folder() -> Path:
    """Where the cache is unless said otherwise."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "columnar-af" / "columns"


def _is_fresh(status: os.stat_result) -> bool:
    return time.time() - status.st_mtime < TOUCH_S


def _touch(path: Path, state: tuple[str, int, int]) -> tuple[str, int, int]:
    """Renew the time stamp of an entry; returns the state by which it is known from now on."""
    try:
        os.utime(path)
        return state[0], path.stat().st_mtime_ns, state[2]
    except OSError:  # removed by another process, or a read-only cache
        return state


def _buffers(column: Column) -> dict[str, npt.NDArray[Any]]:
    named = {part.name: getattr(column, part.name) for part in fields(column)}
    return {name: np.ascontiguousarray(array) for name, array in named.items() if array is not None}


def _pack(key: ColumnKey, column: Column) -> Iterator[bytes | memoryview]:
    """The bytes of an entry: magic word, size of the description, description, then the buffers, each aligned."""
    buffers = _buffers(column)
    described = [
        {"name": name, "dtype": array.dtype.str, "length": len(array)} for name, array in buffers.items()
    ]
    checksum = xxhash.xxh3_128()
    for array in buffers.values():
        checksum.update(array.view(np.uint8).data)
    description = {
        "format": FORMAT,
        "key": asdict(key),
        "buffers": described,
        "xxh3_128": checksum.hexdigest(),
    }
    text = json.dumps(description).encode()
    yield MAGIC + len(text).to_bytes(PREFIX_BYTES - len(MAGIC), "little") + text
    place = PREFIX_BYTES + len(text)
    for array in buffers.values():
        yield bytes(-place % ALIGNMENT)
        yield array.view(np.uint8).data
        place += -place % ALIGNMENT + array.nbytes


def _unpack(buffer: mmap.mmap, key: ColumnKey, *, check: bool) -> Column | None:
    """The column of an entry; None where anything is wrong with it."""
    length = int.from_bytes(buffer[len(MAGIC) : PREFIX_BYTES], "little")
    if buffer[: len(MAGIC)] != MAGIC or PREFIX_BYTES + length > len(buffer):
        return None
    try:
        description = json.loads(buffer[PREFIX_BYTES : PREFIX_BYTES + length])
        arrays = dict(_map_buffers(buffer, description["buffers"], PREFIX_BYTES + length))
        if description["format"] != FORMAT or description["key"] != asdict(key):
            return None
        if check and description["xxh3_128"] != _checksum(arrays):
            return None
        return Column(**arrays)
    except (
        ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, MemoryError,
    ):  # fmt: skip  # the description is not what _pack wrote
        return None


def _map_buffers(
    buffer: mmap.mmap, described: list[dict[str, Any]], place: int
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for part in described:
        place += -place % ALIGNMENT
        array = np.frombuffer(buffer, dtype=np.dtype(part["dtype"]), count=part["length"], offset=place)
        place += array.nbytes
        yield part["name"], array


def _checksum(arrays: dict[str, npt.NDArray[Any]]) -> str:
    checksum = xxhash.xxh3_128()
    for array in arrays.values():
        checksum.update(array.view(np.uint8).data)
    return checksum.hexdigest()

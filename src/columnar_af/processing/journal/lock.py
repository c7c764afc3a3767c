"""A lock on the folder of a run, so that two runs never write to the same one."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from columnar_af.errors import OutputError


@dataclass(frozen=True)
class HeldLock:
    """A lock that was taken.

    Attributes:
        path: The lock file.
        file: Its descriptor.
        holder: What we wrote into it.
    """

    path: Path
    file: int
    holder: bytes

    def require(self) -> None:
        """Make sure that the lock is still ours; to be called before each write.

        A network file system forgets locks when its server or the connection to it breaks for long, and tells nobody.
        Whoever took the lock since then has written into the file.

        Raises:
            OutputError: It is not.
        """
        try:
            if os.path.samestat(self.path.stat(), os.fstat(self.file)) and self._told() == self.holder:
                return
        except OSError as error:
            msg = f"the lock {self.path} is gone while the run goes on: {error.strerror or error}"
            raise OutputError(msg, advice=_AGAIN) from error
        msg = f"the lock {self.path} was lost while the run went on, and taken by another run: {_told(self.path)}"
        raise OutputError(msg, advice=_AGAIN)

    def _told(self) -> bytes:
        return os.pread(self.file, 10 * len(self.holder), 0)


_AGAIN = "leave the folder to one run; then run again with --resume: what is done is kept"


@contextmanager
def locked(path: Path) -> Iterator[HeldLock]:
    """Hold a lock file; it is free again when the process ends, however it ends.

    The lock is the kernel's (``flock``), which also network file systems keep between machines; the file says who holds
    it.

    Raises:
        OutputError: Another run holds it, or the file system knows no locks.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}"
        raise OutputError(msg, advice="check the disk and the permissions, or name another folder") from error
    try:
        yield _take(file, path)
    finally:
        os.close(file)  # which frees the lock


def _take(file: int, path: Path) -> HeldLock:
    holder = json.dumps(_holder()).encode()
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(file, 0)
        os.pwrite(file, holder, 0)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            msg = f"another run is writing to {path.parent.parent}: {_told(path)}"
            raise OutputError(msg, advice="wait for it or end it, or name another folder") from error
        msg = f"cannot lock {path}: {error.strerror or error}"
        raise OutputError(msg, advice="write to a disk with locks and free space") from error
    return HeldLock(path, file, holder)


def _holder() -> dict[str, str | int]:
    return {"pid": os.getpid(), "host": platform.node(), "since": datetime.now(UTC).isoformat()}


def _told(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {int(holder['pid'])} on {holder['host']}, since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it is being written just now
        return "it does not say which"

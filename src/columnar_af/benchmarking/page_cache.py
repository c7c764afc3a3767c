"""Cold and warm: files that the operating system has to read from the disk, or holds in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def evict(paths: Iterable[str]) -> str:
    """Drop files from the page cache, as far as the system allows without special rights.

    ``posix_fadvise(DONTNEED)`` is advice: pages that another process has mapped stay.

    Returns:
        Empty where each file was evicted; else why not.
    """
    problems = {_evict(Path(path)) for path in paths}
    return "; ".join(sorted(problems - {""}))


def _evict(path: Path) -> str:
    if not hasattr(os, "posix_fadvise"):
        return "this system has no posix_fadvise"
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return "only local files can be evicted"
    try:
        os.fdatasync(descriptor)  # pages that are not on the disk yet cannot be dropped
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError as error:
        return f"the file system refuses: {error.strerror}"
    finally:
        os.close(descriptor)
    return ""


def disk_bytes() -> int | None:
    """Bytes that this process and its ended children caused to be fetched from storage; None where the system does not tell."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.partition(":")[2]) for line in lines if line.startswith("read_bytes")), None)

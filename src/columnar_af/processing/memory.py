"""Memory of this process, as the system counts it."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_PEAK = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


def peak_memory() -> int:
    """Most bytes of physical memory that this process has had at a time."""
    try:
        found = _PEAK.search(_STATUS.read_text())
    except OSError:  # no Linux
        found = None
    if found:
        return 1024 * int(found[1])
    # Where a process is started by another one this may be the memory of that one: it is handed on.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def present_memory() -> int:
    """Bytes of physical memory that this process has now."""
    return int(psutil.Process().memory_info().rss)

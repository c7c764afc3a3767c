"""Memory of this process, as the system counts it, and how much it may have."""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_PEAK = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
_GROUPS = Path("/proc/self/cgroup")
_GROUP_ROOTS = {
    "": ("/sys/fs/cgroup", "memory.max"),
    "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
}
"""Controllers of a line of ``/proc/self/cgroup`` (none in version 2) -> where their folders and limits are (cgroups(7))."""


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


def memory_limit(groups: Path = _GROUPS) -> int:
    """Bytes of physical memory that this process and its neighbours may take: the machine's, or less by its control group.

    Args:
        groups: The list of the process's control groups.
    """
    return min([int(psutil.virtual_memory().total), *_group_limits(groups)])


def _group_limits(groups: Path) -> Iterator[int]:
    """What the control groups of the process and those above them allow."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in _GROUP_ROOTS:
            continue
        root, name = _GROUP_ROOTS[controllers]
        folder = Path(root) / path.lstrip("/")
        for place in (folder, *folder.parents):
            if place.is_relative_to(root) and (limit := _limit(place / name)) is not None:
                yield limit


def _limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:  # the group is not seen from inside a container
        return None
    return int(text) if text.isdigit() else None  # "max" is none

"""Files that stay open from one chunk to the next: reading the description of a T3M tree takes 40 to 90 ms of CPU."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import uproot

KEPT = 4
"""Files per thread; the description of a tree takes some 10 MB of memory."""


class KeptFiles(threading.local):
    """The local files used last, each thread's own: what uproot counts as read is then read by this chunk.

    Files on servers are not kept, because these close idle connections.
    """

    def __init__(self) -> None:
        self._files: OrderedDict[tuple[object, ...], Any] = OrderedDict()

    def same_as(self, opened: Any, path: str) -> Any:
        """A file that was opened before and is this one still, with its trees; ``opened`` itself where it cannot be kept.

        Args:
            opened: uproot's directory of the file, opened and checked now; errors of opening are the caller's.
            path: Its path or URL.
        """
        try:
            status = Path(path).stat()
        except OSError:
            return opened
        key = (path, status.st_ino, status.st_mtime_ns, status.st_size, str(opened.file.uuid))
        if key not in self._files:
            # Without uproot's cache of arrays, which would outlive the chunk.
            self._files[key] = uproot.open({path: None}, array_cache=None)
            if len(self._files) > KEPT:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(key)
        return self._files[key]


kept_files = KeptFiles()
"""Of this thread."""

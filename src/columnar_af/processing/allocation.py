"""Memory of columns is kept by the process and used again.

The C library gives every freed array of more than some 100 kB back to the system at once, and gets it back page by page, each page
zeroed, when the next array of a chunk is made. A chunk makes some hundred arrays of tens of megabytes: with the settings here, they use the
same memory one after the other, which takes a third to a half off the time of a chunk. The peak stays what it is.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import logging
import platform
from functools import cache

LARGEST_MMAP_THRESHOLD = 32 * 1024 * 1024
"""Bytes; glibc accepts no larger one on a 64-bit machine. Larger arrays come from the system as before."""
KEPT = 1024 * 1024 * 1024
"""Bytes at the top of the heap that are kept although they are free."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of ``mallopt`` (glibc, malloc.h)."""

logger = logging.getLogger(__name__)


@cache
def keep_freed_memory() -> bool:
    """Let the C library keep freed arrays for the next ones; once per process.

    Returns:
        Whether it does: only glibc has these settings.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    settings = ((M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD), (M_TRIM_THRESHOLD, KEPT))
    done = all(library.mallopt(parameter, value) == 1 for parameter, value in settings)
    if not done:
        logger.info("the C library did not take the settings for its memory")
    return done

"""A fresh process made ready for the kernels: numba initialized, and their compiled code taken from the disk.

numba initializes itself when the first kernel is called, which takes 0.7 s of CPU in a fresh worker; a kernel whose code is on the
disk takes only some 5 ms after that. A third of the 0.7 s are the numba extensions of vector, awkward and coffea (89 modules of
vector), which our kernels have no use for: they take plain numpy arrays. So the compiled code of all our kernels is loaded
here without these extensions; an analysis that calls numba functions on awkward arrays or vectors gets them as always, when
it calls the first one. Another third is scipy's linear algebra, which numba imports to see whether it is there: it is, because
scipy is among our requirements.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from numba.core import entrypoints
from numba.core.registry import CPUDispatcher
from numba.np import linalg

OURS = "columnar_af."
"""How the names of our modules begin."""

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_prepared: set[str] = set()
"""Names of the modules whose kernels are loaded."""


def prepare_kernels() -> int:
    """Load the compiled code of the kernels of all our modules that are imported by now; does nothing for those it knows.

    What is not on the disk yet is compiled when it is first called, and left there. So are kernels whose code numba keeps
    in another way than the versions that this was written for (0.61 to 0.68).

    Returns:
        Number of compiled variants that were loaded.
    """
    with _lock:
        modules = {name: module for name, module in list(sys.modules.items()) if _is_new(name, module)}
        kernels = [kernel for module in modules.values() for kernel in _kernels_of(module)]
        _prepared.update(modules)
        if not kernels:
            return 0
        try:
            with _without_extensions(), _with_linear_algebra():
                return sum(_load(kernel) for kernel in kernels)
        except (AttributeError, TypeError, KeyError) as error:
            logger.info(
                "numba keeps compiled code in an unknown way, kernels are loaded when called: %r", error
            )
            return 0


def _is_new(name: str, module: ModuleType | None) -> bool:
    return name.startswith(OURS) and name not in _prepared and module is not None


def _kernels_of(module: ModuleType) -> list[Any]:
    return [value for value in vars(module).values() if isinstance(value, CPUDispatcher)]


@contextmanager
def _without_extensions() -> Iterator[None]:
    """numba believes that its extensions are loaded already; afterwards it is as before."""
    before = entrypoints._already_initialized
    entrypoints._already_initialized = True
    try:
        yield
    finally:
        entrypoints._already_initialized = before


@contextmanager
def _with_linear_algebra() -> Iterator[None]:
    """numba believes that scipy's linear algebra is there, without importing it; afterwards it looks when it is needed."""
    before = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        yield
    finally:
        linalg.ensure_blas = before


def _load(kernel: Any) -> int:
    """Load the variants of a kernel that are on the disk and fit its source, this machine and this numba."""
    cache = kernel._cache
    index = getattr(cache, "_cache_file", None)
    if index is None:  # a kernel that is not kept
        return 0
    codegen = kernel.targetctx.codegen()
    signatures = [key[0] for key in index._load_index() if key == cache._index_key(key[0], codegen)]
    for signature in signatures:
        kernel.compile(signature)
    return len(signatures)

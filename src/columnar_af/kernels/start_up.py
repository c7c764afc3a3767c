"""A fresh process made ready for the kernels: their compiled code taken from the disk, and nothing else of numba.

When a kernel is first called numba makes itself ready to compile: it registers how it lowers every function that it knows,
imports scipy.linalg to see whether there is a BLAS, and its extensions for vector, awkward and coffea (89 modules of vector).
That takes 0.5 to 1 s of CPU in a fresh worker. Code that is compiled already needs none of it, but numba's runtime, which
counts references to arrays. So the kernels of our modules are loaded here with the runtime alone, which takes 0.15 s for those of
the D_s analysis; what has to be compiled after all, here or in an analysis, makes numba ready as always.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import ModuleType
from typing import Any

from numba import version_info
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher
from numba.core.runtime import rtsys

OURS = "columnar_af."
"""How the names of our modules begin."""

KNOWN_VERSIONS = ((0, 61), (0, 68))
"""First and last version of numba that this is written for. In others a symbol may be missing, which ends the process."""

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_prepared: set[str] = set()
"""Names of the modules whose kernels are loaded."""


def prepare_kernels() -> int:
    """Load the compiled code of the kernels of all our modules that are imported by now; does nothing for those it knows.

    What is not on the disk yet is compiled when it is first called, and left there. So are kernels of which numba keeps the
    code in another way than the versions that this was written for.

    Returns:
        Number of compiled variants that were loaded.
    """
    with _lock:
        modules = {name: module for name, module in list(sys.modules.items()) if _is_new(name, module)}
        kernels = [kernel for module in modules.values() for kernel in _kernels_of(module)]
        _prepared.update(modules)
        if not kernels or not KNOWN_VERSIONS[0] <= version_info.short <= KNOWN_VERSIONS[1]:
            return 0
        try:
            with global_compiler_lock:
                rtsys.initialize(kernels[0].targetctx)
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


def _load(kernel: Any) -> int:
    """Load the variants of a kernel that are on the disk and fit its source, this machine and this numba."""
    cache, context = kernel._cache, kernel.targetctx
    index = getattr(cache, "_cache_file", None)
    if index is None:  # a kernel that is not kept
        return 0
    codegen, loaded = context.codegen(), 0
    for key in index._load_index():
        signature = key[0]
        if key != cache._index_key(signature, codegen) or tuple(signature) in kernel.overloads:
            continue
        # As Dispatcher.compile does, without Cache.load_overload, which makes numba ready to compile.
        compiled = cache._load_overload(signature, context)
        if compiled is not None:
            context.insert_user_function(compiled.entry_point, compiled.fndesc, [compiled.library])
            kernel.add_overload(compiled)
            loaded += 1
    return loaded

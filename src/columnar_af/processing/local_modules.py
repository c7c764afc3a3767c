"""Modules that only this machine, or only this process, has: scripts, notebooks, ``processors/``, helpers beside them."""

from __future__ import annotations

import site
import sys
import sysconfig
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import cloudpickle

_REGISTRATION = threading.Lock()


@cache
def _installed_folders() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = (
        [sysconfig.get_path(name) for name in names] + site.getsitepackages() + [site.getusersitepackages()]
    )
    return tuple({Path(folder).resolve() for folder in folders})


def is_local(module: types.ModuleType) -> bool:
    """Whether a worker elsewhere may lack ``module``: it has a file, outside the standard library and installed packages.

    columnar_af itself is not local: workers need it in any case. ``__main__`` is, whatever it is.
    """
    name = getattr(module, "__name__", "")  # odd objects stand in sys.modules
    if name == "__main__":
        return True
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or file.startswith("<") or name.partition(".")[0] == "columnar_af":
        return False
    path = Path(file)
    return not _is_installed(path.resolve().parent if path.is_symlink() else path.parent)


@cache  # thousands of modules lie in hundreds of folders
def _is_installed(folder: Path) -> bool:
    found = folder.resolve()
    return any(installed in (found, *found.parents) for installed in _installed_folders())


@contextmanager
def pickled_by_value() -> Iterator[None]:
    """Within the block cloudpickle takes everything in local modules by value: its code, not its name.

    All local modules that are loaded now are meant, so that what a script imports from the module beside it travels along.
    """
    with _REGISTRATION:  # the registry is the process's
        known = cloudpickle.list_registry_pickle_by_value()
        loaded = {name: module for name, module in list(sys.modules.items()) if is_local(module)}
        added = [module for name, module in loaded.items() if name == module.__name__ and name not in known]
        for module in added:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in added:
                cloudpickle.unregister_pickle_by_value(module)

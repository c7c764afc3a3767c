"""The payload: processor and schema as bytes that a worker can load whatever it has on its disk.

cloudpickle takes what an importable module defines by reference, that is by name; a worker that starts in another folder,
or on another machine, then fails on the first chunk. Here everything that does not come from an installed package travels
by value. What remains by name is known, and can be looked for on a worker before any work starts.
"""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

from columnar_af.errors import ConfigError, ExecutorError, MissingModuleError
from columnar_af.processing.local_modules import pickled_by_value
from columnar_af.processing.needed_modules import needed_modules

KEPT = 8
"""Payloads that a worker process keeps loaded: one per run and schema; a worker seldom serves more at the same time."""

_loaded: OrderedDict[str, tuple[Any, Any]] = OrderedDict()
_lock = threading.Lock()

RunOnWorker = Callable[[Callable[["Payload"], list[str]], "Payload"], list[str]]
"""Calls its first argument with its second one on a worker, and returns what that returns."""


@dataclass(frozen=True)
class Payload:
    """Processor and schema, pickled by value.

    Attributes:
        data: The pickle.
        digest: SHA-256 of ``data``, hexadecimal; names the payload in a worker's cache. Pickling the same objects
            again may give other bytes. For provenance see
            :func:`columnar_af.processing.source_hash.source_hash`.
        modules: Modules that loading and running the payload imports by name.
    """

    data: bytes
    digest: str
    modules: tuple[str, ...]

    @classmethod
    def of(cls, processor: Any, schema: Any = None) -> Payload:
        """Pickle a processor and a schema.

        Raises:
            ConfigError: One of them holds something that cannot be pickled, such as an open file or a lock.
        """
        try:
            with pickled_by_value():
                data = cloudpickle.dumps((processor, schema))
        except Exception as error:  # objects raise what they like when they refuse to be pickled
            kind = processor.__name__ if isinstance(processor, type) else type(processor).__name__
            msg = f"the processor {kind} cannot be sent to workers: {type(error).__name__}: {error}"
            advice = "open files and make locks, clients and figures in process(), not in __init__ or at the top of the file"
            raise ConfigError(msg, advice=advice) from error
        _forget_classes(data)
        return cls(data, hashlib.sha256(data).hexdigest(), needed_modules(data))

    def load(self) -> tuple[Any, Any]:
        """Processor and schema; loaded once per process, however many chunks use them."""
        with _lock:
            if self.digest not in _loaded:
                _loaded[self.digest] = pickle.loads(self.data)  # noqa: S301  # made by Payload.of in the same run
                while len(_loaded) > KEPT:
                    _loaded.popitem(last=False)
            _loaded.move_to_end(self.digest)
            return _loaded[self.digest]


def _forget_classes(data: bytes) -> None:
    """Let cloudpickle make new classes when it loads ``data`` in this process.

    It would find the classes that it pickled, and give the user's own classes methods with copies of their module's values:
    a threshold that is changed after a first run would not count in the next.
    """
    tracker = cloudpickle.cloudpickle
    with tracker._DYNAMIC_CLASS_TRACKER_LOCK:
        for kind, number in list(tracker._DYNAMIC_CLASS_TRACKER_BY_CLASS.items()):
            if number.encode() in data and tracker._DYNAMIC_CLASS_TRACKER_BY_ID.get(number) is kind:
                del tracker._DYNAMIC_CLASS_TRACKER_BY_ID[number]


def check_on_worker(payload: Payload) -> list[str]:
    """Names of the modules that cannot be imported here; to be called on a worker.

    Args:
        payload: The payload that the worker shall run.
    """
    missing = [name for name in payload.modules if not _exists(name)]
    if not missing:
        try:
            payload.load()
        except ModuleNotFoundError as error:  # a module that is there, but needs one that is not
            missing = [error.name or str(error)]
    return missing


def _exists(name: str) -> bool:
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # its package is missing; a relative name
        return False


def in_clean_process(function: Callable[[Payload], list[str]], payload: Payload) -> list[str]:
    """Call ``function(payload)`` in a new Python process that starts in an empty folder, as workers elsewhere do.

    Raises:
        ExecutorError: The process failed.
    """
    code = (
        "import pathlib, pickle\n"
        "function, payload = pickle.loads(pathlib.Path('call').read_bytes())\n"
        "pathlib.Path('result').write_bytes(pickle.dumps(function(payload)))\n"
    )
    with tempfile.TemporaryDirectory(prefix="columnar-af-") as folder:
        (Path(folder) / "call").write_bytes(pickle.dumps((function, payload)))
        process = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
        )
        if process.returncode != 0:
            last = (process.stderr.strip().splitlines() or ["no message"])[-1]
            msg = f"the processor cannot be loaded in a new process: {last}"
            raise ExecutorError(msg, advice="load it there by hand: python -c 'import ...'")
        missing: list[str] = pickle.loads((Path(folder) / "result").read_bytes())  # noqa: S301  # written just above
    return missing


def missing_modules(payload: Payload, run_on_worker: RunOnWorker = in_clean_process) -> list[str]:
    """Names of the modules that the payload needs and a worker lacks.

    Args:
        payload: The payload.
        run_on_worker: How to call a function on a worker, for example
            ``lambda function, payload: client.submit(function, payload).result()``; by default a new process here.
    """
    return run_on_worker(check_on_worker, payload)


def require_modules(payload: Payload, run_on_worker: RunOnWorker = in_clean_process) -> None:
    """Make sure, before any work starts, that a worker can run the payload.

    Raises:
        MissingModuleError: It lacks modules; the message names them.
    """
    missing = missing_modules(payload, run_on_worker)
    if missing:
        names = ", ".join(repr(name) for name in missing)
        msg = f"the processor imports {names}, which the workers do not have"
        advice = (
            "install it where the workers run; a module of your own goes beside the processor's file and is imported at the "
            "top of it, not inside a function"
        )
        raise MissingModuleError(msg, advice=advice)

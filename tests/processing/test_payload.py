"""Payloads: what a worker in another folder can run, and what it cannot."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from coffea.processor import ProcessorABC

from columnar_af.errors import ConfigError, ExecutorError, MissingModuleError
from columnar_af.processing import payload as payload_module
from columnar_af.processing.needed_modules import imports_of, needed_modules
from columnar_af.processing.payload import (
    Payload,
    check_on_worker,
    in_clean_process,
    missing_modules,
    require_modules,
)
from columnar_af.processing.processors import load_processor

SCRIPT = """
import dataclasses
import math
import numba
import numpy as np
from coffea.processor import ProcessorABC
import first_helper
from first_helper import twice

@dataclasses.dataclass(frozen=True)
class Cuts:
    pt: float = 2.0

@numba.njit
def half(x):
    return x / 2

class Sum(ProcessorABC, first_helper.Base):
    def __init__(self, cuts=Cuts()):
        self.cuts = cuts

    def process(self, events):
        import json
        try:
            import a_module_that_is_only_nice_to_have
        except ImportError:
            pass
        return {"sum": float(half(np.sum(twice(np.asarray(events))))) + self.cuts.pt + first_helper.one(), "name": type(self).__module__}

    def postprocess(self, accumulator):
        return accumulator
"""
FIRST = """
import numba
import second_helper

class Base:
    pass

@numba.njit
def twice(x):
    return 2 * x

def one():
    return second_helper.ONE() + second_helper.NOTHING
"""
SECOND = "NOTHING = 0\ndef ONE():\n    return 1\n"
RUN_ELSEWHERE = """
import pathlib, pickle, sys
payload = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())
processor, schema = payload.load()
assert payload.load()[0] is processor
print(processor.process([1, 2, 3])["sum"], schema.__name__)
"""


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Path]:
    path = list(sys.path)
    for name, source in {"script": SCRIPT, "first_helper": FIRST, "second_helper": SECOND}.items():
        (tmp_path / f"{name}.py").write_text(source)
    yield tmp_path / "script.py"
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    sys.path[:] = path


def run_elsewhere(payload: Payload, folder: Path) -> str:
    """What a new process in another folder makes of a payload."""
    folder.mkdir()
    (folder / "payload").write_bytes(pickle.dumps(payload))
    command = [sys.executable, "-c", RUN_ELSEWHERE, "payload"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def test_a_script_with_its_helpers_and_schema_runs_in_another_folder(script: Path, tmp_path: Path) -> None:
    script.write_text(
        SCRIPT + "\nfrom coffea.nanoevents import BaseSchema\nclass MySchema(BaseSchema): pass\n"
    )
    processor = load_processor(f"{script}:Sum")
    assert processor.process([1, 2, 3])["sum"] == 9.0
    schema = sys.modules[type(processor).__module__].MySchema  # type: ignore[attr-defined]
    payload = Payload.of(processor, schema)
    assert run_elsewhere(payload, tmp_path / "elsewhere") == "9.0 MySchema"
    assert missing_modules(payload) == []


def test_plain_cloudpickle_would_not_do(script: Path) -> None:
    """What the payload is for: without it, the worker asks for the script by name."""
    plain = Payload(cloudpickle.dumps((load_processor(f"{script}:Sum"), None)), "plain", ())
    assert in_clean_process(check_on_worker, plain)[0].startswith("script@")


def test_only_installed_modules_are_needed(script: Path) -> None:
    modules = Payload.of(load_processor(f"{script}:Sum")).modules
    assert {"numpy", "coffea.processor.processor", "json"} <= set(modules)
    assert not any("helper" in name or "script" in name for name in modules)
    assert "a_module_that_is_only_nice_to_have" not in modules


def test_a_module_that_is_not_there_stops_before_any_work(script: Path) -> None:
    script.write_text(SCRIPT.replace("import json", "import a_module_of_the_laptop"))
    payload = Payload.of(load_processor(f"{script}:Sum"))
    with pytest.raises(
        MissingModuleError, match="imports 'a_module_of_the_laptop', which the workers do not have"
    ) as caught:
        require_modules(payload)
    assert "install it where the workers run" in str(caught.value)


def test_a_helper_that_is_imported_inside_a_function_is_missing_elsewhere(script: Path) -> None:
    script.write_text(SCRIPT.replace("import json", "import first_helper, json"))
    payload = Payload.of(load_processor(f"{script}:Sum"))
    assert check_on_worker(payload) == []  # here, it is there
    assert missing_modules(payload) == ["first_helper"]


def test_the_check_can_be_submitted_to_any_worker(script: Path) -> None:
    payload = Payload.of(load_processor(f"{script}:Sum"))
    submitted: list[Any] = []

    def run_on_worker(function: Any, argument: Payload) -> list[str]:
        submitted.append((pickle.loads(pickle.dumps(function)), argument))
        return ["numpy.nowhere"]

    with pytest.raises(MissingModuleError, match=r"'numpy\.nowhere'"):
        require_modules(payload, run_on_worker)
    assert submitted == [(check_on_worker, payload)]


def test_an_installed_module_that_lacks_a_dependency_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Payload) -> None:
        msg = "No module named 'deep_inside'"
        raise ModuleNotFoundError(msg, name="deep_inside")

    monkeypatch.setattr(Payload, "load", fail)
    assert check_on_worker(Payload(b"", "", ("numpy",))) == ["deep_inside"]


def test_a_process_that_fails_is_told(script: Path) -> None:
    with pytest.raises(ExecutorError, match=r"cannot be loaded in a new process: .*pickle"):
        in_clean_process(check_on_worker, Payload(b"no pickle", "broken", ()))


def test_registration_does_not_outlive_the_pickling(script: Path) -> None:
    processor = load_processor(f"{script}:Sum")
    before = cloudpickle.list_registry_pickle_by_value()
    Payload.of(processor)
    assert cloudpickle.list_registry_pickle_by_value() == before


def test_a_registration_of_the_user_stays(script: Path) -> None:
    processor = load_processor(f"{script}:Sum")
    helper = sys.modules["first_helper"]
    cloudpickle.register_pickle_by_value(helper)
    try:
        Payload.of(processor)
        assert "first_helper" in cloudpickle.list_registry_pickle_by_value()
    finally:
        cloudpickle.unregister_pickle_by_value(helper)


class Holder(ProcessorABC):
    """A processor that holds whatever it is given."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def process(self, events: Any) -> dict[str, Any]:
        return {}

    def postprocess(self, accumulator: Any) -> Any:
        return accumulator


def test_what_cannot_travel_is_a_clear_error() -> None:
    with pytest.raises(
        ConfigError, match=r"the processor Holder cannot be sent to workers: TypeError"
    ) as caught:
        Payload.of(Holder(threading.Lock()))
    assert "in process()" in str(caught.value)


def test_the_digest_is_that_of_the_bytes() -> None:
    payload = Payload.of(Holder(1))
    assert payload.digest == hashlib.sha256(payload.data).hexdigest()
    assert payload.digest != Payload.of(Holder(2)).digest


def test_a_worker_loads_a_payload_once_and_keeps_a_few() -> None:
    payloads = [Payload.of(Holder(value)) for value in range(payload_module.KEPT + 2)]
    first = payloads[0].load()
    assert pickle.loads(pickle.dumps(payloads[0])).load() is first
    for payload in payloads:
        payload.load()
    assert len(payload_module._loaded) == payload_module.KEPT
    assert payloads[-1].load() is payloads[-1].load()
    assert payloads[0].load() is not first  # it had to make room, and is loaded again


def relative() -> None:
    from . import neighbour  # type: ignore[attr-defined]  # noqa: F401


def nested() -> None:
    def inner() -> None:
        import os.path  # noqa: F401

    inner()


def guarded() -> None:
    import json  # noqa: F401

    with open(os.devnull) as file:  # noqa: PTH123
        import no_module_in_with  # noqa: F401
    try:
        import no_module_in_try  # noqa: F401
    finally:
        file.close()


@pytest.mark.parametrize(
    ("function", "expected"),
    [(relative, ["."]), (nested, []), (guarded, ["json"])],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_imports_of_a_function(function: Any, expected: list[str]) -> None:
    assert list(imports_of(function.__code__)) == expected


def test_imports_of_inner_functions_are_seen_in_a_pickle() -> None:
    def outer() -> None:
        def inner() -> None:
            import email.message  # noqa: F401

        inner()

    assert "email.message" in needed_modules(cloudpickle.dumps(outer))

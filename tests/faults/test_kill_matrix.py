"""Every fault with every executor: what comes out after a resume is what a clean run gives, bit for bit.

Where a fault cannot be had on one machine as it is elsewhere, the test says what stands for it. Combinations that do not
exist are in :data:`LEFT_OUT`, with the reason; the last test counts all others.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from columnar_af import RunResult
from columnar_af.errors import ColumnarAFError, IncompleteRunError, OutputError
from columnar_af.processing.journal.journal import read_ledger
from tests.ports import free_port, wait_for_listener

CHUNKS = 12
EXECUTORS = ("iterative", "futures", "dask", pytest.param("dask-awkward", marks=pytest.mark.dask_awkward))
WITH_WORKERS = EXECUTORS[1:]
LOST = {"iterative": 5, "futures": CHUNKS - 1, "dask": CHUNKS - 1, "dask-awkward": CHUNKS}
"""Most chunks that are lost when all ends in the eighth one: an executor that says nothing before its batch is done loses it."""


LEFT_OUT = {
    ("worker killed", "iterative"): "the worker is the driver: see 'driver killed'",
    (
        "worker killed for its memory",
        "iterative",
    ): "the same; memory that is refused and not taken by force is tested",
    ("scheduler restarted", "iterative"): "there is no scheduler",
    ("scheduler restarted", "futures"): "there is no scheduler; its pool ends with the driver",
}
"""(fault, executor) -> why there is no test of the two together."""


@pytest.fixture
def _listening() -> Iterator[None]:
    """What is started in the background ignores Ctrl-C; here it is listened to."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def options(request: pytest.FixtureRequest) -> Any:
    """Executor name -> options of the run: two workers, or the module's cluster."""

    def of(executor: str) -> dict[str, Any]:
        if executor.startswith("dask"):
            return {"executor": executor, "client": request.getfixturevalue("client")}
        return {"executor": executor, "workers": 1 if executor == "iterative" else 2}

    return of


def assert_same(victim: Any, result: RunResult) -> None:
    assert victim.clean().differences(result) == []
    assert result.ledger.complete
    assert result.ledger.done == 96


def assert_resumes(victim: Any, *, most: int) -> None:
    """A resume runs what is missing, and not more than that, and gives what a clean run gives."""
    missing = read_ledger(victim.output).runs[-1].missing
    assert 0 < len(missing) <= most
    victim.heal()
    victim.ran()
    result = victim.resume()
    assert len(victim.ran()) == len(missing)
    assert result.provenance.parameters["reused_chunks"] == CHUNKS - len(missing)
    assert_same(victim, result)
    assert RunResult.load(victim.output).same_as(result)


@pytest.mark.parametrize("executor", WITH_WORKERS)
def test_worker_is_killed(victim: Any, options: Any, executor: str) -> None:
    victim.switch("kill")
    assert_same(victim, victim.run(**options(executor), output=victim.output))


@pytest.mark.parametrize("executor", WITH_WORKERS)
def test_worker_is_killed_for_its_memory(victim: Any, options: Any, executor: str) -> None:
    """A worker that kills itself when a chunk is too long stands for the kernel that does."""
    victim.switch("kill-if-large")
    assert_in_parts(victim, victim.run(**options(executor), output=victim.output))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_worker_meets_its_memory_limit(victim: Any, options: Any, executor: str) -> None:
    victim.switch("memory-limit")
    assert_in_parts(victim, victim.run(**options(executor), output=victim.output))


def assert_in_parts(victim: Any, result: RunResult) -> None:
    """All entries are there; only the floating-point sums of the divided chunk may differ in their last bits."""
    assert result.ledger.complete
    assert result.ledger.done == 96
    victim.heal()
    clean = victim.clean()
    assert result.hist("counts") == clean.hist("counts")
    assert all("counts" not in difference for difference in clean.differences(result))
    divided = [fate for fate in read_ledger(victim.output).runs[-1].fates.values() if fate["parts"]]
    assert [fate["parts"] for fate in divided] == [[[0, 4], [4, 8]]]
    assert victim.resume().same_as(result)
    assert victim.ran() == []


@pytest.mark.parametrize("executor", EXECUTORS)
def test_driver_is_killed(victim: Any, executor: str) -> None:
    victim.switch("kill-driver", place="third:8", after_one=LOST[executor] < CHUNKS)
    code = (
        "import os, pathlib, sys\n"
        "pathlib.Path(sys.argv[4], 'driver').write_text(str(os.getpid()))\n"
        "from columnar_af import run\n"
        "run(sys.argv[1], sys.argv[2], chunksize=8, executor=sys.argv[5], output=sys.argv[3],\n"
        "    workers=1 if sys.argv[5] == 'iterative' else 2)\n"
    )
    words = [victim.processor, victim.fileset, victim.output, victim.folder / "switches", executor]
    process = subprocess.run([sys.executable, "-c", code, *map(str, words)], check=False)
    assert process.returncode == -signal.SIGKILL
    assert not (victim.output / "summary.json").exists()
    assert_resumes(victim, most=LOST[executor])


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("fault", ["truncate", "make-unreadable"])
def test_file_goes_bad(victim: Any, options: Any, executor: str, fault: str) -> None:
    """Truncated behind its header, or (what root cannot read either) made a folder, while the run goes on."""
    victim.switch(fault, place="any")
    with pytest.raises(IncompleteRunError) as caught:
        victim.run(**options(executor), output=victim.output)
    assert_names_the_last_file(victim, caught.value.result)
    assert_resumes(victim, most=3)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_file_is_replaced(victim: Any, options: Any, executor: str) -> None:
    victim.switch("replace", place="any")
    with pytest.raises(IncompleteRunError, match="the file was replaced while the run went on") as caught:
        victim.run(**options(executor), output=victim.output)
    assert_names_the_last_file(victim, caught.value.result)
    victim.ran()
    result = victim.resume()  # with the new file
    assert len(victim.ran()) == 3
    assert_same(victim, result)


def assert_names_the_last_file(victim: Any, result: RunResult) -> None:
    failed = result.ledger.with_status("failed")
    assert [entry.file for entry in failed] == [str(victim.file("last"))] * 3
    assert all(entry.error is not None and entry.error.input_is_bad for entry in failed)
    assert result.ledger.closes
    assert RunResult.load(victim.output).ledger == result.ledger


@pytest.mark.parametrize("executor", EXECUTORS)
def test_processor_raises_on_one_event(victim: Any, options: Any, executor: str) -> None:
    victim.switch("raise")
    with pytest.raises(IncompleteRunError, match="one event is odd") as caught:
        victim.run(**options(executor), output=victim.output)
    ledger = caught.value.result.ledger
    assert [(entry.start, entry.attempts) for entry in ledger.with_status("failed")] == [(0, 1)]
    assert ledger.done == 88
    assert_resumes(victim, most=1)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.usefixtures("_listening")
def test_ctrl_c(victim: Any, options: Any, executor: str) -> None:
    victim.switch("interrupt", place="third:8", after_one=LOST[executor] < CHUNKS)
    with pytest.raises(KeyboardInterrupt):
        victim.run(**options(executor), output=victim.output)
    assert_resumes(victim, most=LOST[executor])


@pytest.mark.parametrize("executor", WITH_WORKERS[1:])
def test_scheduler_is_restarted(victim: Any, executor: str) -> None:
    """The run goes on with the new scheduler, or ends with an error of ours and is resumed; it does not hang."""
    victim.switch("restart-scheduler")
    with RestartedScheduler(victim.folder / "switches" / "restart") as scheduler:
        try:
            result = victim.run(executor=executor, client=scheduler.address, output=victim.output)
        except ColumnarAFError:
            assert read_ledger(victim.output).runs[-1].missing
            victim.heal()
            result = victim.resume()
    assert scheduler.restarts == 1
    assert_same(victim, result)


class RestartedScheduler:
    """A scheduler with one worker, as commands of their own; both are killed and started again when a file appears."""

    def __init__(self, signal_file: Path) -> None:
        self.signal_file = signal_file
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.restarts = 0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> RestartedScheduler:
        self._start()
        wait_for_listener(self.port)
        self._watcher.start()
        return self

    def _start(self) -> None:
        here = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "200"]
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "dask", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for words in (["scheduler", *here], ["worker", self.address, *options])
        ]

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            if self.signal_file.exists():
                self.signal_file.unlink()
                self._kill()
                self._start()
                self.restarts += 1

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()
        self._kill()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_disk_is_full(victim: Any, options: Any, executor: str) -> None:
    with small_disk(victim.output) as more_room:
        with pytest.raises(OutputError, match=r"(No space left on device|File too large)") as caught:
            victim.run(**options(executor), output=victim.output)
        assert "--resume" in str(caught.value)
        more_room()
        missing = read_ledger(victim.output).runs[-1].missing
        assert missing
        victim.ran()
        result = victim.resume()
        assert len(victim.ran()) == len(missing)
        assert_same(victim, result)


@contextmanager
def small_disk(folder: Path) -> Iterator[Any]:
    """A disk of 40 kB: a file system in memory where we may mount one, else a limit to the size of files."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40k", "columnar-af-test", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0:
        try:
            yield lambda: subprocess.run(["mount", "-o", "remount,size=10m", str(folder)], check=True)
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, limits[1]))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


FAULTS = {
    "worker killed": test_worker_is_killed,
    "worker killed for its memory": test_worker_is_killed_for_its_memory,
    "worker memory limit": test_worker_meets_its_memory_limit,
    "driver killed": test_driver_is_killed,
    "scheduler restarted": test_scheduler_is_restarted,
    "file truncated or unreadable": test_file_goes_bad,
    "file replaced": test_file_is_replaced,
    "disk full": test_disk_is_full,
    "processor raises": test_processor_raises_on_one_event,
    "Ctrl-C": test_ctrl_c,
}


def test_every_fault_meets_every_executor() -> None:
    cells = {(fault, executor) for fault, test in FAULTS.items() for executor in executors_of(test)}
    names = [getattr(executor, "values", (executor,))[0] for executor in EXECUTORS]
    assert cells.isdisjoint(LEFT_OUT)
    assert cells | LEFT_OUT.keys() == {(fault, name) for fault in FAULTS for name in names}


def executors_of(test: Any) -> list[str]:
    (values,) = (mark.args[1] for mark in test.pytestmark if mark.args and mark.args[0] == "executor")
    return [getattr(value, "values", (value,))[0] for value in values]

"""The lock: one run per folder, and none that outlives its process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from columnar_af.errors import OutputError
from columnar_af.processing.journal.lock import locked

HOLD = """
import sys, time
from pathlib import Path
from columnar_af.processing.journal.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_and_a_killed_one_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "out" / "journal" / "lock"
    path.parent.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with (
            pytest.raises(OutputError, match=rf"writing to {tmp_path / 'out'}: process {holder.pid} on"),
            locked(path),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with locked(path), pytest.raises(OutputError, match="another run"), locked(path):
        pass


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"), locked(tmp_path / "missing" / "lock"):
        pass


def test_a_lock_that_was_lost_is_noticed(tmp_path: Path) -> None:
    """As after a break of a network file system: the server has forgotten the lock, and another run has taken it."""
    path = tmp_path / "lock"
    with locked(path) as lock:
        lock.require()
        path.write_text('{"pid": 7, "host": "elsewhere", "since": "now"}')
        with pytest.raises(OutputError, match=r"taken by another run: process 7 on elsewhere(.|\n)*--resume"):
            lock.require()


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_is_removed_is_noticed(tmp_path: Path, again: bool) -> None:
    path = tmp_path / "lock"
    with locked(path) as lock:
        path.unlink()
        if again:
            path.write_bytes(lock.holder)
        with pytest.raises(OutputError, match=r"lock .* (is gone|was lost)"):
            lock.require()

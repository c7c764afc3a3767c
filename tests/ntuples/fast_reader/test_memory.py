"""The allocator's settings."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_settings_are_taken() -> None:
    """In a process of its own, because they are process-wide."""
    code = "from columnar_af.ntuples.fast_reader.memory import keep_freed_memory as k; print(k())"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() in ("True", "False")

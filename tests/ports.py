"""Ports for servers that tests start as commands of their own."""

from __future__ import annotations

import random
import socket
import time
from contextlib import suppress

import pytest

PATIENCE_S = 200
"""A command that imports dask takes seconds to start, and many more of them on a busy machine."""


def free_port() -> int:
    """A port that is free, and that the system does not give to somebody else meanwhile: it gives numbers from 32768 on."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as candidate, suppress(OSError):
            candidate.bind(("127.0.0.1", port))
            return port
    pytest.fail("no port is free")


def wait_for_listener(port: int) -> None:
    """Until something listens on a port."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"nothing listens on port {port}")

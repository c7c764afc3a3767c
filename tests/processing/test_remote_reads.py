"""A real web server that refuses for a time: files are opened and read again, and credentials stay where they are."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from columnar_af import run
from columnar_af.datasets import retries
from columnar_af.errors import IncompleteRunError

pytest.importorskip("aiohttp")  # fsspec reads from web servers with it


class Server(ThreadingHTTPServer):
    """Serves one file, in ranges.

    Attributes:
        path: The file.
        refusals: How many requests are still answered with 503.
        planned: The same from the request for "/refuse" on.
    """

    path: Path
    refusals = 0
    planned = 0

    @property
    def url(self) -> str:
        """Where the file is, with credentials that the server does not ask for."""
        return f"http://ana:hunter2secret@127.0.0.1:{self.server_port}/{self.path.name}?token=abcdef123456"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.answer(200, self.server.path.read_bytes(), body=False)

    def do_GET(self) -> None:
        data = self.server.path.read_bytes()
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if self.path == "/refuse":
            self.server.refusals, self.server.planned = self.server.planned, 0
            self.answer(200, b"")
        elif self.server.refusals > 0:
            self.server.refusals -= 1
            self.answer(503, b"")
        elif wanted is None:
            self.answer(200, data)
        else:
            start, stop = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
            self.answer(206, data[start : stop + 1], ("Content-Range", f"bytes {start}-{stop}/{len(data)}"))

    def answer(self, status: int, data: bytes, *headers: tuple[str, str], body: bool = True) -> None:
        self.send_response(status)
        for name, value in (("Content-Length", str(len(data))), ("Accept-Ranges", "bytes"), *headers):
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)


@pytest.fixture
def server(toy: Any) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as opened:
        opened.path = toy.first
        thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


def assert_private(text: str) -> None:
    assert "hunter2secret" not in text
    assert "abcdef123456" not in text


def test_a_server_that_is_away_when_files_are_inspected(toy: Any, server: Server) -> None:
    server.refusals = 2
    result = run(toy.processor("Sums"), [server.url])
    assert result.ledger.done == 50
    assert_private(repr(result.ledger))


@pytest.fixture
def refusing(toy: Any, server: Server) -> str:
    """A processor that makes the server refuse when it begins, for the first time."""
    script = toy.folder / "late.py"
    script.write_text(
        f"""{toy.script.read_text()}

from urllib.request import urlopen

class Late(Sums):
    def process(self, events):
        urlopen("http://127.0.0.1:{server.server_port}/refuse").close()
        return super().process(events)
"""
    )
    return f"{script}:Late"


def test_a_server_that_is_away_when_a_branch_is_read(toy: Any, server: Server, refusing: str) -> None:
    server.planned = 2
    result = run(refusing, [server.url], output=toy.folder / "out")
    assert result.differences(run(toy.processor("Sums"), [server.url])) == []
    assert result.ledger.entries[0].attempts == 3
    assert result.provenance.parameters["notes"] == [
        "1 chunk could be read only at a later attempt; the ledger has their attempts"
    ]
    for path in (toy.folder / "out").rglob("*.json*"):
        assert_private(path.read_text())


def test_a_server_that_stays_away(server: Server, refusing: str) -> None:
    server.planned = 1000
    with pytest.raises(IncompleteRunError, match="503") as caught:
        run(refusing, [server.url])
    (failed,) = caught.value.result.ledger.with_status("failed")
    assert failed.attempts == retries.MAX_ATTEMPTS
    assert_private(str(caught.value))

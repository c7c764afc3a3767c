"""Byte ranges of local and remote files."""

from __future__ import annotations

import functools
import http.server
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.errors import ReadError
from columnar_af.ntuples.fast_reader import ColumnReader
from columnar_af.ntuples.fast_reader.sources import LocalFile, UprootFile, join_ranges, open_source

ranges = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 100)), max_size=12)


@given(pairs=ranges, gap=st.integers(0, 50))
def test_joined_ranges_hold_all(pairs: list[tuple[int, int]], gap: int) -> None:
    """Each range is in exactly one request, and requests are apart."""
    wanted = [(start, start + size) for start, size in pairs]
    requests = join_ranges(wanted, gap)
    assert sorted(n for request in requests for n in request.members) == list(range(len(wanted)))
    for request in requests:
        for number in request.members:
            assert request.start <= wanted[number][0] < wanted[number][1] <= request.stop
    for one, other in itertools.pairwise(requests):
        assert other.start - one.stop > gap


@given(pairs=ranges)
def test_local_file(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int]]) -> None:
    """The bytes asked for, in the order asked."""
    path = tmp_path_factory.getbasetemp() / "bytes"
    content = np.arange(1000, dtype=np.int64).astype(np.uint8).tobytes()
    path.write_bytes(content)
    wanted = [(start, start + size) for start, size in pairs]
    source = LocalFile(path)
    assert [piece.tobytes() for piece in source.read(wanted)] == [content[a:b] for a, b in wanted]
    source.close()


def test_beyond_the_end(tmp_path: Path) -> None:
    """No huge buffer for a range that a damaged file asks for."""
    path = tmp_path / "bytes"
    path.write_bytes(b"abc")
    with pytest.raises(ReadError, match="truncated"):
        LocalFile(path).read([(1, 2**40)])
    with pytest.raises(ReadError, match="open"):
        LocalFile(tmp_path / "missing")


class _RangeHandler(http.server.BaseHTTPRequestHandler):
    """Serves one file in single ranges, which the standard library's server does not."""

    def __init__(self, *args: Any, content: bytes, **kwargs: Any) -> None:
        self.content = content
        super().__init__(*args, **kwargs)

    def do_HEAD(self) -> None:
        self._answer(self.content, 200, body=False)

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        if asked is None:
            self._answer(self.content, 200)
            return
        start, stop = asked.removeprefix("bytes=").split("-")
        part = self.content[int(start) : int(stop) + 1]
        span = f"bytes {start}-{int(start) + len(part) - 1}/{len(self.content)}"
        self._answer(part, 206, {"Content-Range": span})

    def _answer(
        self, part: bytes, code: int, more: dict[str, str] | None = None, *, body: bool = True
    ) -> None:
        self.send_response(code)
        for key, value in {
            "Accept-Ranges": "bytes",
            "Content-Length": str(len(part)),
            **(more or {}),
        }.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(part)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def served(write_vectors: Any) -> Iterator[str]:
    """URL of the small tree on a local server."""
    content = write_vectors().read_bytes()
    handler = functools.partial(_RangeHandler, content=content)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/vectors.root"
        server.shutdown()
        thread.join()


def test_remote_file(served: str, vectors: Any) -> None:
    """The same columns over http."""
    expected = ColumnReader(vectors).read_many(list(vectors.keys()))
    with uproot.open(served) as file:
        assert isinstance(open_source(file.file), UprootFile)
        columns = ColumnReader(file["t"]).read_many(list(vectors.keys()))
    for name, column in expected.items():
        assert column.content.tobytes() == columns[name].content.tobytes()


def test_open_source_of_a_local_file(vectors: Any) -> None:
    """Local files are read with pread."""
    assert isinstance(open_source(vectors.file), LocalFile)

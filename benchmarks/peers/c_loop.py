"""The limit: inflate the baskets that are needed with libdeflate, and one compiled loop over flat buffers."""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import deflate
import numpy as np
import uproot

from columnar_af.ntuples.fast_reader import ColumnReader, fired
from columnar_af.ntuples.fast_reader.inflate import Block
from peers.layout import (
    DECISIONS,
    HLT,
    L1,
    MUON_DOUBLES,
    MUON_FLOATS,
    NAMES,
    NUMBERS,
    TRACK_DOUBLES,
    TREE,
    TRIPLET_DOUBLES,
    TRIPLET_FLOATS,
    Selected,
)

DOUBLES = TRIPLET_DOUBLES + MUON_DOUBLES + TRACK_DOUBLES
FLOATS = TRIPLET_FLOATS + MUON_FLOATS
COUNTERS = ("Triplet2_Mass", "MuonPt", "Track_pt", "RefittedPV2_NTracks")
"""Columns whose offsets the loop takes."""

HERE = Path(__file__).parent


def compiled() -> Any:
    """The C function, compiled with gcc for this machine.

    Raises:
        FileNotFoundError: There is no gcc.
    """
    sources = b"".join((HERE / name).read_bytes() for name in ("selection.h", "selection.c"))
    library = Path(tempfile.gettempdir()) / f"columnar_af_{hashlib.sha256(sources).hexdigest()[:16]}.so"
    if not library.exists():
        part = library.with_suffix(".part")
        command = ["gcc", "-std=gnu99", "-O3", "-march=native", "-shared", "-fPIC", "-o", part]
        subprocess.run([*command, HERE / "selection.c", "-lm"], check=True)
        part.replace(library)
    return ctypes.CDLL(str(library)).select_events


class Buffers:
    """All columns of a file as flat arrays, read outside of any measurement."""

    def __init__(self, path: Path) -> None:
        with uproot.open(path) as file:
            reader = ColumnReader(file[TREE])
            self.events = reader.num_entries
            columns = reader.read_many(NUMBERS)
            hlt = fired(reader, NAMES[0], DECISIONS[0], (HLT,))
            self.triggered = (hlt & fired(reader, NAMES[1], DECISIONS[1], L1)).astype(np.uint8)
            self.payloads = [*needed_payloads(reader)]
        self.contents = {name: np.ascontiguousarray(columns[name].content) for name in NUMBERS}
        self.offsets = [np.ascontiguousarray(columns[name].offsets, dtype=np.int64) for name in COUNTERS]

    def inflate(self) -> int:
        """Inflate each needed basket, one after the other; returns the bytes."""
        return sum(
            len(deflate.zlib_decompress(payload.data[block.start : block.stop], block.size))
            for payload, blocks in self.payloads
            for block in blocks
        )

    def select(self, function: Any) -> Selected:
        """Call the loop."""
        mass = np.empty(self.events)
        function(
            ctypes.c_int64(self.events),
            ctypes.c_void_p(self.triggered.ctypes.data),
            _pointers(self.offsets),
            _pointers([self.contents[name] for name in DOUBLES]),
            _pointers([self.contents[name] for name in FLOATS]),
            ctypes.c_void_p(mass.ctypes.data),
        )
        return Selected.of_events(mass)


def needed_payloads(reader: ColumnReader) -> list[tuple[np.ndarray, tuple[Block, ...]]]:
    """Compressed payloads of the numbers and decisions, and of the names where they differ from all baskets before."""
    payloads, seen = [], set()
    for name in (*NUMBERS, *DECISIONS, *NAMES):
        baskets, _ = reader.raw_baskets(name, 0, reader.num_entries)
        for basket in baskets:
            payload = basket.payload
            if name in NAMES:
                digest = hashlib.blake2b(payload, digest_size=16).digest()
                if digest in seen:
                    continue
                seen.add(digest)
            payloads.append((payload, basket.blocks))
    return payloads


def run(path: Path, spans: dict[str, float], repeats: int = 3) -> Selected:
    """Inflate and loop, some times; ``spans`` gets the smallest seconds of each."""
    function, buffers = compiled(), Buffers(path)
    spans["inflate"] = min(_timed(buffers.inflate) for _ in range(repeats))
    spans["loop"] = min(_timed(lambda: buffers.select(function)) for _ in range(repeats))
    return buffers.select(function)


def _timed(function: Any) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _pointers(arrays: list[np.ndarray]) -> Any:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))

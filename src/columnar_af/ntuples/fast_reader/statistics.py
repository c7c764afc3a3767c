"""What reading cost, stage by stage."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class ReadStatistics:
    """Running sums over everything that a reader did; safe to add to from several threads.

    Attributes:
        bytes_read: Compressed bytes requested from the file.
        bytes_inflated: Uncompressed bytes of values.
        baskets: Baskets read.
        columns: Branches read, in order of their first reading.
        read_s: Wall seconds spent waiting for the file.
        read_cpu_s: CPU seconds within; most of them where the file is in the page cache.
        inflate_s, decode_s: CPU seconds of these stages, summed over threads; other jobs on the machine do not count.
    """

    bytes_read: int = 0
    bytes_inflated: int = 0
    baskets: int = 0
    columns: dict[str, None] = field(default_factory=dict)
    read_s: float = 0.0
    read_cpu_s: float = 0.0
    inflate_s: float = 0.0
    decode_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add_read(
        self, columns: list[str], baskets: int, n_bytes: int, seconds: float, cpu_seconds: float
    ) -> None:
        """Count a request to the file."""
        with self._lock:
            self.columns.update(dict.fromkeys(columns))
            self.baskets += baskets
            self.bytes_read += n_bytes
            self.read_s += seconds
            self.read_cpu_s += cpu_seconds

    def add_decoded(self, n_bytes: int, inflate_s: float, decode_s: float) -> None:
        """Count a basket that was inflated and decoded."""
        with self._lock:
            self.bytes_inflated += n_bytes
            self.inflate_s += inflate_s
            self.decode_s += decode_s

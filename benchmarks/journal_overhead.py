"""CPU time that the journal takes, as a share of a real run.

    python benchmarks/journal_overhead.py FILE.root:TREE [CHUNKSIZE]

Everything that only a run with a journal does is timed where it is called: the hashes of what the results are made from, the
encoding of partial results, the writing of both. The wall time of ``fsync`` is the disk's and is not counted.
"""

from __future__ import annotations

import functools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from columnar_af import run
from columnar_af.processing import chunk_function
from columnar_af.processing.journal.ingredients import Ingredients
from columnar_af.processing.journal.lines import LineWriter
from columnar_af.processing.journal.recorder import Recorder

spent: Counter[str] = Counter()


def timed(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The function, with its CPU time added up."""

    @functools.wraps(function)
    def timing(*args: Any, **options: Any) -> Any:
        started = time.thread_time()
        try:
            return function(*args, **options)
        finally:
            spent[name] += time.thread_time() - started

    return timing


def instrument() -> None:
    """Time the entry points of the journal; none of them calls another one."""
    chunk_function._stored = timed(chunk_function._stored, "encode partial results")
    Ingredients.of = timed(Ingredients.of, "hash ingredients")  # type: ignore[method-assign]
    Recorder.__post_init__ = timed(Recorder.__post_init__, "keys of chunks")  # type: ignore[method-assign]
    for name in ("begin", "record", "finish"):
        setattr(Recorder, name, timed(getattr(Recorder, name), f"ledger: {name}"))
    LineWriter.__init__ = timed(LineWriter.__init__, "open ledger")  # type: ignore[method-assign]
    LineWriter.close = timed(LineWriter.close, "close ledger")  # type: ignore[method-assign]


def main(source: str, chunksize: int) -> None:
    """Run twice, the second time measured: the first one compiles kernels."""
    run("ds_phi_pi", source, chunksize=chunksize, max_chunks=1)
    instrument()
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        result = run("ds_phi_pi", source, chunksize=chunksize, output=f"{folder}/out")
        total = time.process_time() - started
    journal = sum(spent.values())
    print(
        f"{result.ledger.done} events, {len(result.ledger)} chunks, {total:.2f} s CPU, journal {journal:.3f} s"
    )
    for name, seconds in spent.most_common():
        print(f"  {seconds * 1000:7.1f} ms  {name}")
    print(f"share of the journal: {100 * journal / total:.2f} %")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)

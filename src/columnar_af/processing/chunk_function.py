"""The chunk function: opens a chunk, gives its events to the processor, and returns what came of it. It never raises."""

from __future__ import annotations

import logging
import os
import pickle
import platform
import re
import shlex
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import uproot
from coffea.nanoevents import NanoEventsFactory
from coffea.processor import ProcessorABC

from columnar_af.datasets.opening import open_file
from columnar_af.datasets.retries import server_error
from columnar_af.errors import (
    ColumnarAFError,
    ErrorRecord,
    MissingBranchError,
    ProcessorError,
    ReadError,
    SchemaError,
    WorkAddress,
    work_address,
)
from columnar_af.kernels.start_up import prepare_kernels
from columnar_af.ntuples.fast_reader import ColumnCache, fast_events, keep_freed_memory
from columnar_af.ntuples.fast_reader.flat_tree import FlatTree, open_all_flat
from columnar_af.processing.chunk import Chunk, ChunkMetrics, ChunkOutcome, StoredPartial
from columnar_af.processing.endurance import Endurance
from columnar_af.processing.garbage import collector
from columnar_af.processing.journal.partial_format import NotStorableError, encode
from columnar_af.processing.kept_files import kept_files
from columnar_af.processing.memory import peak_memory
from columnar_af.processing.merge import Outcomes
from columnar_af.processing.payload import Payload
from columnar_af.processing.threads import CountingPool, counting_pool
from columnar_af.redaction import redact
from columnar_af.results.provenance import host_kind

FRESH_UP_TO_BYTES = 1_000_000
"""Processors whose pickle is smaller are loaded anew for each chunk, which takes milliseconds, so that what they keep on
``self`` cannot leak into the next chunk; larger ones hold corrections that take long to load, and are kept."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChunkFunction:
    """Calls a processor on a chunk, anywhere: it travels with the processor and the schema by value.

    Attributes:
        payload: Processor and schema.
        command: Words of the command that runs this processor, without the fileset, for the command that runs one chunk;
            empty where no command line can, as for a processor that was typed into a notebook.
        sources: Words of the fileset on that command line; where empty, the command names the file itself.
        columns: Dataset name -> branches to read at once. Others, and those of a dataset that is not listed, are read
            when they are touched.
        stores: Whether outcomes carry their partial results as bytes, for the journal.
        column_cache: Where decoded columns are kept for the next pass over the same files; None for nowhere.
        threads: Threads that inflate and decode the columns of a chunk; they are started where the chunk is processed.
    """

    payload: Payload
    command: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    stores: bool = False
    column_cache: ColumnCache | None = None
    threads: int = 1

    def __call__(self, chunk: Chunk) -> Outcomes:
        """Process a chunk; an error becomes a value.

        A chunk without entries is done also where its tree lacks what the processor needs: there is nothing to lose.
        """
        meter = _Meter(counting_pool(self.threads))
        endurance = Endurance(lambda part: self._process(part, meter))
        try:
            partial = endurance.run(chunk)
            stored = _stored(partial) if self.stores else None
        except (Exception, SystemExit) as error:  # noqa: BLE001  # one bad chunk must not take the others with it
            record = ErrorRecord.from_exception(error, address=chunk.address, reproduce=self.reproduce(chunk))
            outcome = ChunkOutcome(chunk.number, 0, error=record, metrics=meter.read(endurance))
        else:
            metrics = meter.read(endurance)
            outcome = ChunkOutcome(chunk.number, len(chunk), partial, metrics=metrics, stored=stored)
        collector.collect()
        return Outcomes.of(outcome)

    def reproduce(self, chunk: Chunk) -> str:
        """The command that runs this chunk alone; empty where there is none."""
        if not self.command:
            return ""
        entries = ("--entries", f"{chunk.start}:{chunk.stop}")
        if not self.sources:
            return shlex.join([*self.command, f"{chunk.file}:{chunk.tree}", *entries])
        place = ("--dataset", chunk.dataset, "--file", chunk.file)
        return shlex.join([*self.command, *self.sources, *place, *entries])

    def reading_at_once(self, columns: Mapping[str, frozenset[str]]) -> ChunkFunction:
        """This function, reading these columns at once."""
        return replace(self, columns=columns)

    def _process(self, chunk: Chunk, meter: _Meter) -> Any:
        processor, schema = self._load()
        prepare_kernels()
        _reuse_memory()
        with work_address(chunk.address), open_file(chunk.file) as opened:
            _require_same_file(chunk, opened)
            file = kept_files.same_as(opened, chunk.file)
            before = int(file.file.source.num_requested_bytes)
            try:
                # What goes wrong here without an error of ours is the file's fault: open_file says so.
                columns = self.columns.get(chunk.dataset, frozenset())
                events = open_events(
                    chunk, file, schema, columns, meter.accessed, self.column_cache, meter.pool
                )
                return _call(processor, events, meter)
            except SchemaError as error:
                if len(chunk):
                    raise
                logger.info("%s has no entries and is passed over: %s", chunk.address, error.message)
                return None
            finally:
                meter.bytes_read += int(file.file.source.num_requested_bytes) - before

    def _load(self) -> tuple[Any, Any]:
        if len(self.payload.data) <= FRESH_UP_TO_BYTES:
            loaded: tuple[Any, Any] = pickle.loads(self.payload.data)  # noqa: S301  # made by Payload.of in the same run
            return loaded
        return self.payload.load()


@cache
def _reuse_memory() -> None:
    """Once per process: the columns of a chunk take the memory of those before, instead of fresh pages of the system."""
    keep_freed_memory()


class _Meter:
    """Measures what a chunk costs."""

    def __init__(self, pool: CountingPool | None) -> None:
        self.pool = pool
        self.accessed: list[Any] = []
        """Branches in the order of their reading, as coffea logs them."""
        self.bytes_read = 0
        self._started = time.time()
        self._cpu = time.thread_time()

    def read(self, endurance: Endurance) -> ChunkMetrics:
        return ChunkMetrics(
            started=self._started,
            finished=time.time(),
            cpu_s=time.thread_time() - self._cpu + (self.pool.cpu_s if self.pool else 0.0),
            bytes_read=self.bytes_read,
            columns=tuple(sorted({access.branch for access in self.accessed})),
            host=platform.node(),
            host_kind=_host_kind(),
            pid=os.getpid(),
            peak_memory=peak_memory(),
            attempts=endurance.attempts,
            parts=tuple(endurance.parts),
        )


@cache
def _host_kind() -> str:
    kind = host_kind()
    return f"{kind['system']} {kind['release']}, {kind['machine']}, {kind['cpus']} CPUs"


def _stored(partial: Any) -> StoredPartial:
    """A partial result as bytes; that it has no plain form is no reason to lose the chunk."""
    try:
        return StoredPartial(encode(partial))
    except NotStorableError as error:
        return StoredPartial(problem=error.message)


def chunk_metadata(chunk: Chunk) -> dict[str, Any]:
    """``events.metadata``, with the keys of coffea's Runner and the dataset's own."""
    return {
        "dataset": chunk.dataset,
        "filename": redact(chunk.file),  # processors copy it into results and messages
        "treename": chunk.tree,
        "entrystart": chunk.start,
        "entrystop": chunk.stop,
        "fileuuid": chunk.uuid,
        **chunk.metadata,
    }


def _require_same_file(chunk: Chunk, file: Any) -> None:
    found = str(file.file.uuid)
    if chunk.uuid and found != chunk.uuid:
        msg = f"the file was replaced while the run went on: its UUID was {chunk.uuid} and is {found}"
        raise ReadError(msg, advice="run again")


def open_events(
    chunk: Chunk,
    file: Any,
    schema: Any,
    columns: frozenset[str] = frozenset(),
    accessed: list[Any] | None = None,
    cache: ColumnCache | None = None,
    pool: CountingPool | None = None,
) -> Any:
    """Virtual NanoEvents of a chunk: a column is read when it is touched, or with the others that are known to be.

    Args:
        chunk: The chunk.
        file: Its file, open; it must stay open as long as the events are used.
        schema: How the tree is read.
        columns: Branches to read at once.
        accessed: Takes up each branch that is read, in order.
        cache: Columns are taken from there, and left there.
        pool: Threads for inflating and decoding.

    Raises:
        ReadError: The tree has not the entries of the chunk.
        ProcessorError: The schema raised what no reading of the file is to blame for.
    """
    try:
        events = _events(chunk, file, schema, columns, accessed, cache, pool)
    except (ColumnarAFError, OSError):
        raise
    except Exception as error:
        if _passes(error, _READERS):
            raise  # damaged bytes: open_file says so
        msg = f"the schema {schema.__name__} raised {type(error).__name__}: {_first_line(error)}{place_in_analysis(error)}"
        raise ProcessorError(msg, advice="correct the schema, or choose one that fits these files") from error
    if len(events) != len(chunk):
        msg = f"expected {len(chunk)} entries, and there are {len(events)}"
        raise ReadError(msg, advice="the file changed while the run went on; run again")
    return events


def _events(
    chunk: Chunk,
    file: Any,
    schema: Any,
    columns: frozenset[str],
    accessed: list[Any] | None,
    cache: ColumnCache | None,
    pool: CountingPool | None,
) -> Any:
    tree, metadata = open_all_flat(file, chunk.tree), chunk_metadata(chunk)
    if isinstance(tree, uproot.TTree | FlatTree):
        return fast_events(
            tree,
            start=chunk.start,
            stop=chunk.stop,
            schema=schema,
            metadata=metadata,
            preload=tuple(sorted(columns.intersection(tree.keys(recursive=False)))),
            access_log=accessed,
            cache=cache,
            pool=pool,
        )
    return NanoEventsFactory.from_root(
        file,
        treepath=chunk.tree,
        mode="virtual",
        entry_start=chunk.start,
        entry_stop=chunk.stop,
        schemaclass=schema,
        metadata=metadata,
        access_log=accessed,
        preload=columns or None,
    ).events()


def _call(processor: Any, events: Any, meter: _Meter) -> Any:
    try:
        output = processor.process(events) if isinstance(processor, ProcessorABC) else processor(events)
    except ColumnarAFError:
        raise
    except (
        Exception,
        SystemExit,
    ) as error:  # whatever the analysis raises, or damaged bytes that it was reading
        raise (_read_error if _while_reading(error) else _processor_error)(error, meter) from error
    if output is None:
        msg = "the processor returned nothing, expected a dictionary of results"
        raise ProcessorError(msg, advice="end process() with a return statement that every chunk reaches")
    return output


def _while_reading(error: BaseException) -> bool:
    """Whether the error was raised while coffea read a column; a file that the analysis opens itself does not count.

    awkward raises errors of its own from what it meets, so that the first one of the chain counts, too.
    """
    cause: BaseException | None = error
    while cause is not None:
        if _passes(cause, ("coffea.nanoevents.mapping", "columnar_af.ntuples.fast_reader")):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


_READERS = ("uproot", "coffea.nanoevents.mapping", "columnar_af.ntuples")
"""Modules that read files, and meet damaged bytes when they do."""


def _passes(error: BaseException, modules: tuple[str, ...]) -> bool:
    """Whether an error came through one of these modules or packages."""
    names = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(name.startswith(modules) and name != _MAKES_EVENTS for name in names)


_MAKES_EVENTS = "columnar_af.ntuples.fast_reader.mapping"
"""It calls the schema, whose slips are not the file's; what is damaged shows in the modules that it calls."""


def _read_error(error: BaseException, meter: _Meter) -> ReadError:
    branch = meter.accessed[-1].branch if meter.accessed else None
    answer = server_error(error)
    if answer:
        msg = f"the branch cannot be read: the server of the file answered with {answer}"
        advice = "try again later with --resume; if it stays so, copy the file, or leave it out with --bad-files skip"
    else:
        msg = f"the branch cannot be read: {type(error).__name__}: {_first_line(error)}"
        advice = "the file is damaged: copy it again, or leave it out with --bad-files skip"
    return ReadError(msg, advice=advice, address=WorkAddress(branch=branch))


def _processor_error(error: BaseException, meter: _Meter) -> ColumnarAFError:
    del meter
    place = place_in_analysis(error)
    missing = _MISSING_FIELD.match(str(error)) if isinstance(error, AttributeError | LookupError) else None
    if missing:
        name = missing["name"]
        msg = f"the processor reads {name!r}{place}, which these events do not have"
        advice = "correct the name, or leave files without it out with --bad-files skip"
        return MissingBranchError(msg, advice=advice, address=WorkAddress(branch=name))
    msg = f"the processor raised {type(error).__name__}: {_first_line(error)}{place}"
    return ProcessorError(msg, advice="correct the processor")


_MISSING_FIELD = re.compile(r"no field (named )?'(?P<name>[^']+)'")
"""How awkward says that an array of records has no such field (AttributeError, FieldNotFoundError)."""


def place_in_analysis(error: BaseException) -> str:
    """File, line and function of the innermost frame outside installed packages: where the analysis was."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and frame.filename != __file__]
    return f" ({own[-1].filename}, line {own[-1].lineno}, in {own[-1].name})" if own else ""


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")

"""The executor ``dask-awkward``: trace the processor, project the columns, one task per partition, reduce in a tree."""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from coffea.processor import Accumulatable, accumulate
from coffea.processor.executor import ExecutorBase, WorkItem

from columnar_af.processing.chunk import Chunk
from columnar_af.processing.chunk_function import ChunkFunction
from columnar_af.processing.dask_client import client_for
from columnar_af.processing.tracing import Traceable, runner_traceable, traced_columns
from columnar_af.processing.versions import require_dask_awkward

logger = logging.getLogger(__name__)

Graph = dict[str, Any]


@dataclass
class DaskAwkwardExecutor(ExecutorBase):
    """Runs chunks as partitions of a dask-awkward collection of the events.

    The processor is traced once per dataset on the collection of its first events that are not empty, without reading
    any, which tells the columns that it touches. Each chunk is then one task that reads exactly these at once; a column
    that only shows at run time is still read when it is touched. Results are added in a tree. The graph does not grow
    with histograms or variations: it has a task per chunk, one for the function, and those of the tree.

    It works in :func:`columnar_af.run` and as ``coffea.processor.Runner(executor=DaskAwkwardExecutor(), ...)``.

    Attributes:
        client: A distributed client or the address of a scheduler; None for workers of its own.
        workers: Number of workers of its own. With one, the tasks run in this process.
        treereduction: How many results are added in one task.
        columns: Dataset name -> columns found; filled by the call. A dataset that could not be traced is missing.
        notes: What could not be traced and why, in words; filled by the call.
    """

    client: Any | str | None = None
    workers: int = 1
    treereduction: int = 20
    retries: int = 0
    columns: dict[str, frozenset[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def runs_here(self) -> bool:
        """Whether the tasks run in this process."""
        return self.client is None and self.workers == 1

    def __call__(
        self, items: Iterable[Any], function: Callable[[Any], Any], accumulator: Accumulatable
    ) -> tuple[Accumulatable, BaseException | int]:
        """Run ``function`` on each item.

        Returns:
            The accumulated results, and 0 or the reason why some are missing: an item that kills its worker is set aside,
            and the others are run without it.

        Raises:
            VersionError: dask-awkward is not installed, or fails with the installed dask.
        """
        require_dask_awkward()
        items = list(items)
        if not items:
            return accumulator, 0
        items, function = self.project(items, function)
        if self.runs_here:
            return accumulate([_compute_here(items, function, self.treereduction)], accumulator), 0
        with client_for(self.client, self.workers) as client:
            result, problem = _compute_on(client, items, function, self.treereduction)
        return accumulate([result], accumulator), problem

    def project(
        self, items: Sequence[Any], function: Callable[[Any], Any]
    ) -> tuple[Sequence[Any], Callable[[Any], Any]]:
        """Items and function that read the columns found by tracing; as they are where there is nothing to trace."""
        traceable = _traceable(items, function)
        if traceable is None:
            return items, function
        self._trace(items, traceable)
        if isinstance(function, ChunkFunction):
            return items, function.reading_at_once(self.columns)
        return [_preloading(item, self.columns) for item in items], function

    def _trace(self, items: Sequence[Any], traceable: Traceable) -> None:
        for dataset, item in _first_with_events(items).items():
            if dataset in self.columns:
                continue
            columns, problem = traced_columns(traceable, item)
            if columns is not None:
                self.columns[dataset] = columns
            elif (note := _untraced(dataset, problem)) not in self.notes:
                self.notes.append(note)
                logger.warning(note)


def _compute_here(items: Sequence[Any], function: Callable[[Any], Any], split_every: int) -> Any:
    from dask import get  # noqa: PLC0415  # an import of a second

    return get(*build_graph(items, function, split_every=split_every))


def _compute_on(
    client: Any, items: Sequence[Any], function: Callable[[Any], Any], split_every: int
) -> tuple[Any, BaseException | int]:
    """The sum over all items that do not kill their worker, and the error of the last one that does."""
    from distributed import KilledWorker  # noqa: PLC0415  # as above

    remaining = list(items)
    problem: BaseException | int = 0
    while remaining:
        graph, last = build_graph(remaining, function, split_every=split_every)
        try:
            with warnings.catch_warnings():
                # A processor with its corrections may be large; it is one node of the graph and travels once.
                warnings.filterwarnings("ignore", "(?s).*[Ll]arge (object|graph)", category=UserWarning)
                return client.get(graph, last), problem
        except KilledWorker as error:
            kind, _, index = str(error.task).rpartition("-")
            if not kind.startswith("partition-"):
                raise
            problem = error
            del remaining[int(index)]
    return None, problem


def _untraced(dataset: str, problem: str) -> str:
    return f"dataset {dataset}: the processor could not be traced, columns are read when they are touched ({problem})"


def _traceable(items: Sequence[Any], function: Callable[[Any], Any]) -> Traceable | None:
    """What can be traced of a function, ours or that of coffea's Runner."""
    if isinstance(function, ChunkFunction):
        return Traceable(*function.payload.load())
    return runner_traceable(function) if isinstance(items[0], WorkItem) else None


def _first_with_events(items: Sequence[Any]) -> dict[str, Chunk]:
    """Dataset -> its first chunk that has events."""
    first: dict[str, Chunk] = {}
    for item in items:
        if len(item) and item.dataset not in first:
            first[item.dataset] = item if isinstance(item, Chunk) else _as_chunk(item)
    return first


def _as_chunk(item: WorkItem) -> Chunk:
    return Chunk(
        0,
        item.dataset,
        item.filename,
        item.treename,
        item.entrystart,
        item.entrystop,
        "",
        item.usermeta or {},
    )


def _preloading(item: WorkItem, columns: Mapping[str, frozenset[str]]) -> WorkItem:
    wanted = columns.get(item.dataset)
    return item if wanted is None else replace(item, preload=wanted)


def build_graph(
    items: Sequence[Any], function: Callable[[Any], Any], *, split_every: int
) -> tuple[Graph, str]:
    """The dask graph of a run, and the key of its result.

    It has one task per item, one for the function, which thus travels once, and the tree of sums.
    """
    run = uuid.uuid4().hex
    shared = f"function-{run}"
    graph: Graph = {shared: (_Held(function),)}
    level = []
    for index, item in enumerate(items):
        key = f"partition-{run}-{index}"
        graph[key] = (_apply, shared, _Held(item))
        level.append(key)
    depth = 0
    while len(level) > 1 or depth == 0:
        groups = [level[first : first + split_every] for first in range(0, len(level), split_every)]
        keys = [f"sum-{run}-{depth}-{index}" for index in range(len(groups))]
        graph |= {key: (_add, group) for key, group in zip(keys, groups, strict=True)}
        level, depth = keys, depth + 1
    return graph, level[0]


@dataclass(frozen=True)
class _Held:
    """Holds a value that dask must not look into; calling it gives it back."""

    value: Any

    def __call__(self) -> Any:
        return self.value


def _apply(function: Callable[[Any], Any], held: _Held) -> Any:
    return function(held.value)


def _add(results: Sequence[Any]) -> Any:
    return accumulate(results)

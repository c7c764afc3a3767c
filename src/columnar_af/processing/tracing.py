"""Tracing: which columns a processor touches, found on a dask-awkward collection without reading events."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import awkward as ak
import cloudpickle
import lz4.frame  # type: ignore[import-untyped]
from coffea.nanoevents import NanoEventsFactory
from coffea.nanoevents.trace import trace_with_length_one_array, trace_with_length_zero_array
from coffea.processor import ProcessorABC
from coffea.processor.executor import Runner

from columnar_af.processing.chunk import Chunk
from columnar_af.processing.chunk_function import chunk_metadata


@dataclass(frozen=True)
class Traceable:
    """A processor and the schema of its events."""

    processor: Any
    schema: Any

    @property
    def process(self) -> Callable[[Any], Any]:
        """The function of events."""
        return self.processor.process if isinstance(self.processor, ProcessorABC) else self.processor


def runner_traceable(function: Any) -> Traceable | None:
    """What coffea's Runner wrapped up to be called on each WorkItem; None for its other functions (reading metadata).

    Runner hands ``partial(automatic_retries, retries, skipbadfiles, partial(_work_function, format, timeout, schema,
    use_dataframes, savemetrics, processor_instance=...))`` to its executor (coffea 2026.9, ``Runner._run_impl``).
    """
    inner = next(
        (
            part
            for part in getattr(function, "args", ())
            if getattr(part, "func", None) is Runner._work_function
        ),
        None,
    )
    if inner is None or inner.args[0] != "root":
        return None
    processor = inner.keywords["processor_instance"]
    if isinstance(processor, bytes):
        processor = cloudpickle.loads(lz4.frame.decompress(processor))
    return Traceable(processor, inner.args[2])


def traced_columns(traceable: Traceable, chunk: Chunk) -> tuple[frozenset[str] | None, str]:
    """Branches that a processor touches.

    First with typetracers, arrays without data, through dask-awkward; they fail where the processor needs numbers, for
    example to fill a histogram by itself. Then with coffea's events of no entry and of one entry, which are real arrays.

    Args:
        traceable: Processor and schema.
        chunk: Some events of the dataset.

    Returns:
        The branches and an empty text; or None and why the processor cannot be traced.
    """
    problem = ""
    for method in (_through_dask_awkward, _with_no_entry, _with_one_entry):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on made-up events; what matters shows again in the run
                columns = method(traceable, chunk)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the processor may raise anything on made-up events
            problem = problem or f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        else:
            if columns:
                return columns, ""
    return None, problem or "it touches no column"


def _through_dask_awkward(traceable: Traceable, chunk: Chunk) -> frozenset[str]:
    import dask  # noqa: PLC0415  # this part of the project is an extra
    import dask_awkward  # noqa: PLC0415

    events = NanoEventsFactory.from_root(
        {chunk.file: chunk.tree}, mode="dask", schemaclass=traceable.schema, metadata=chunk_metadata(chunk)
    ).events()
    nothing = ak.Array(ak.Array([0]).layout.to_typetracer(forget_length=True))
    touched = dask_awkward.map_partitions(partial(_touch, traceable.process), events, meta=nothing)
    with dask.config.set({"awkward.optimization.on-fail": "raise"}):
        found = dask_awkward.report_necessary_columns(touched)
    return frozenset().union(*(columns or () for columns in found.values()))


def _touch(process: Callable[[Any], Any], events: Any) -> Any:
    _touch_all(process(events))
    return ak.Array([0])


def _touch_all(output: Any) -> None:
    """What the processor returns without having looked at it would be read when it is returned."""
    if isinstance(output, ak.Array | ak.Record):
        ak.typetracer.touch_data(output)
    elif isinstance(output, dict):
        for value in output.values():
            _touch_all(value)


def _with_no_entry(traceable: Traceable, chunk: Chunk) -> frozenset[str]:
    return _on_real_arrays(trace_with_length_zero_array, traceable, chunk)


def _with_one_entry(traceable: Traceable, chunk: Chunk) -> frozenset[str]:
    return _on_real_arrays(trace_with_length_one_array, traceable, chunk)


def _on_real_arrays(
    trace: Callable[..., frozenset[str]], traceable: Traceable, chunk: Chunk
) -> frozenset[str]:
    events = NanoEventsFactory.from_root(
        {chunk.file: chunk.tree},
        mode="virtual",
        entry_start=0,
        entry_stop=0,
        schemaclass=traceable.schema,
        metadata=chunk_metadata(chunk),
    ).events()
    return trace(traceable.process, events, throw=True)

"""The executor dask-awkward: tracing, projection, a small graph, the same result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import awkward as ak
import pytest
from coffea.nanoevents import BaseSchema
from coffea.processor import IterativeExecutor, ProcessorABC, Runner

from columnar_af import RunResult, run
from columnar_af.errors import IncompleteRunError, VersionError
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.chunk_function import ChunkFunction
from columnar_af.processing.dask_client import client_for
from columnar_af.processing.payload import Payload
from columnar_af.processing.processors import load_processor
from columnar_af.processing.versions import installed, pair_problem

pytestmark = [
    pytest.mark.dask_awkward,
    pytest.mark.skipif(
        installed("dask-awkward") is None or pair_problem() is not None,
        reason="needs dask-awkward and the dask it works with",
    ),
]

if installed("dask-awkward") is not None:
    from columnar_af.processing.dask_awkward_executor import DaskAwkwardExecutor, build_graph
    from columnar_af.processing.tracing import Traceable, traced_columns


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A dask client with two workers."""
    with client_for(None, 2) as opened:
        yield opened


def sums(toy: Any, executor: Any, name: str = "Sums", **options: Any) -> RunResult:
    return run(toy.processor(name), toy.fileset(), executor=executor, chunksize=7, **options)


def test_by_name_in_this_process(toy: Any) -> None:
    result = sums(toy, "dask-awkward")
    assert sums(toy, "iterative").differences(result) == []
    assert result.metrics.executor == "dask-awkward"
    assert result.provenance.parameters["notes"] == []


def test_on_a_client(toy: Any, client: Any) -> None:
    result = sums(toy, "dask-awkward", client=client)
    assert sums(toy, "iterative").differences(result) == []
    assert client.status == "running"


def test_an_instance_tells_the_columns(toy: Any) -> None:
    executor = DaskAwkwardExecutor()
    assert sums(toy, "iterative").differences(sums(toy, executor)) == []
    assert executor.columns == {"a": frozenset({"x", "w"}), "b": frozenset({"x", "w"})}


def test_in_coffeas_runner(toy: Any) -> None:
    files = {"a": [str(toy.first)], "b": [str(toy.second)]}
    outputs = []
    executor = DaskAwkwardExecutor()
    for one in (IterativeExecutor(status=False), executor):
        runner = Runner(one, schema=BaseSchema, chunksize=7, savemetrics=True)
        outputs.append(runner(files, load_processor(toy.processor("Sums")), treename="Events"))
    (theirs, _), (ours, metrics) = outputs
    for dataset in ("a", "b"):
        assert ours[dataset]["entries"] == theirs[dataset]["entries"]
        assert ours[dataset]["sumw"] == pytest.approx(theirs[dataset]["sumw"])
    assert executor.columns["a"] == {"x", "w"}
    assert {column.partition("-")[0] for column in metrics["columns"]} == {"x", "w"}


def test_in_coffeas_runner_errors_are_raised(toy: Any) -> None:
    runner = Runner(DaskAwkwardExecutor(), schema=BaseSchema, metadata_cache={})
    with pytest.raises(Exception, match="pop from empty list"):
        runner(
            {"a": {"files": [str(toy.first)], "metadata": {"act": "raise"}}},
            load_processor(toy.processor("Misbehaves")),
            treename="Events",
        )


def test_a_processor_that_cannot_be_traced_runs_and_says_so(
    toy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    result = sums(toy, "dask-awkward", "Untraceable")
    assert sums(toy, "iterative", "Untraceable").differences(result) == []
    notes = result.provenance.parameters["notes"]
    assert [note.partition(":")[0] for note in notes] == ["dataset a", "dataset b"]
    assert "could not be traced, columns are read when they are touched (" in notes[0]
    assert notes[0] in caplog.text


def test_errors_are_values(toy: Any) -> None:
    fileset = toy.fileset(act="raise", at=8)
    with pytest.raises(IncompleteRunError) as caught:
        run(toy.processor("Misbehaves"), fileset, executor="dask-awkward", chunksize=7)
    assert [entry.start for entry in caught.value.result.ledger.with_status("failed")] == [8]
    assert caught.value.result.ledger.done == 79


@pytest.mark.slow
def test_poison_fails_alone(toy: Any) -> None:
    with pytest.raises(IncompleteRunError) as caught:
        run(
            toy.processor("Misbehaves"),
            toy.fileset(act="kill", at=25),
            executor="dask-awkward",
            workers=2,
            chunksize=26,
        )
    ledger = caught.value.result.ledger
    (failed,) = ledger.with_status("failed")
    assert (failed.dataset, failed.start) == ("a", 25)
    assert failed.attempts >= 3
    assert ledger.done == 87 - failed.planned


def chunks(file: Any, count: int) -> list[Chunk]:
    """Many chunks of a file."""
    return [Chunk(number, "a", str(file), "Events", 0, 50, "") for number in range(count)]


def test_the_graph_has_a_task_per_chunk_and_a_tree(toy: Any) -> None:
    function = ChunkFunction(Payload.of(load_processor(toy.processor("Sums")), BaseSchema))
    graph, last = build_graph(chunks(toy.first, 1000), function, split_every=20)
    kinds = Counter(key.partition("-")[0] for key in graph)
    assert kinds == {"partition": 1000, "sum": 50 + 3 + 1, "function": 1}
    assert last in graph


@pytest.mark.parametrize("count", [1, 2, 20, 21, 401])
def test_the_tree_adds_every_item_once(count: int) -> None:
    import dask

    graph, last = build_graph(range(count), str, split_every=20)
    assert sorted(dask.get(graph, last)) == sorted("".join(str(number) for number in range(count)))


def trace(toy: Any, process: Callable[[ak.Array], Any]) -> tuple[frozenset[str] | None, str]:
    """The columns that a function of events touches."""

    class Traced(ProcessorABC):
        def process(self, events: ak.Array) -> Any:
            return process(events)

        def postprocess(self, accumulator: Any) -> Any:
            return accumulator

    return traced_columns(Traceable(Traced(), BaseSchema), Chunk(0, "a", str(toy.first), "Events", 0, 50, ""))


def test_columns_are_found_without_data(toy: Any) -> None:
    assert trace(toy, lambda events: {"n": ak.sum(events.x)}) == ({"x"}, "")
    assert trace(toy, lambda events: {"x": events.x[events.w > 0]}) == ({"x", "w"}, "")
    assert trace(toy, lambda events: {events.metadata["dataset"]: float(ak.sum(events.w))}) == ({"w"}, "")


def test_a_trace_that_finds_nothing_says_why(toy: Any) -> None:
    assert trace(toy, lambda events: {"n": 1}) == (None, "it touches no column")
    columns, problem = trace(toy, lambda events: events.nothing)
    assert columns is None
    assert problem == "AttributeError: no field named 'nothing'"


def test_the_wrong_pair_is_one_line(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"dask": "2026.8.0", "dask-awkward": "2026.2.1", "coffea": "2026.9.0"}
    monkeypatch.setattr("columnar_af.processing.versions.version", versions.__getitem__)
    with pytest.raises(
        VersionError, match=r"dask-awkward 2026.2.1 fails with dask 2026.8.0: it needs dask 2025.3.1"
    ):
        sums(toy, "dask-awkward")

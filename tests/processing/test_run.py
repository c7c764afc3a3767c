"""``run``: the same result from every executor, and the documented outcome for everything that goes wrong."""

from __future__ import annotations

import concurrent.futures
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from coffea.nanoevents import BaseSchema
from coffea.processor import DaskExecutor, FuturesExecutor, IterativeExecutor, Runner
from coffea.processor.executor import ExecutorBase

from columnar_af import RunResult, run
from columnar_af.cli import cli
from columnar_af.datasets.fileset import Fileset
from columnar_af.errors import (
    ConfigError,
    ExecutorError,
    IncompleteRunError,
    MissingModuleError,
    ProcessorError,
)
from columnar_af.processing.dask_client import client_for
from columnar_af.processing.journal.journal import read_ledger
from columnar_af.processing.plan import PlanFilter
from columnar_af.processing.processors import load_processor


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A dask client with two workers."""
    with client_for(None, 2) as opened:
        yield opened


def sums(toy: Any, executor: Any, **options: Any) -> RunResult:
    """A run of 13 chunks."""
    return run(toy.processor("Sums"), toy.fileset(era="2017"), executor=executor, chunksize=7, **options)


@pytest.fixture(scope="module")
def reference(toy_in: Any, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """What :func:`sums` gives without workers; the same files and the same script for all tests."""
    return sums(toy_in(tmp_path_factory.mktemp("reference")), "iterative")


def assert_expected(reference: RunResult, result: RunResult) -> None:
    assert reference.differences(result) == []
    assert result.ledger.complete
    assert result.ledger.done == 87
    assert len(result.ledger) == 13


def test_names_without_dask(toy: Any, reference: RunResult) -> None:
    assert_expected(reference, sums(toy, "iterative"))
    assert_expected(reference, sums(toy, "futures", workers=2))


def test_dask_on_a_client_that_is_given_and_stays_open(toy: Any, client: Any, reference: RunResult) -> None:
    assert_expected(reference, sums(toy, "dask", client=client))
    assert_expected(reference, sums(toy, DaskExecutor(client=client)))
    assert client.status == "running"


def test_dask_at_an_address(toy: Any, client: Any, reference: RunResult) -> None:
    result = sums(toy, "dask", client=client.scheduler.address)
    assert_expected(reference, result)
    assert result.metrics.executor == "dask"


def test_dask_with_workers_of_its_own(toy: Any, reference: RunResult) -> None:
    assert_expected(reference, sums(toy, "dask", workers=2))


@pytest.mark.parametrize(
    "executor",
    [
        IterativeExecutor(),
        FuturesExecutor(workers=3, pool=concurrent.futures.ThreadPoolExecutor, compression=3),
        FuturesExecutor(workers=2, pool=concurrent.futures.ThreadPoolExecutor, merging=(2, 2, 3)),
        FuturesExecutor(workers=2, recoverable=True),
    ],
    ids=lambda executor: type(executor).__name__,
)
def test_instances_of_coffea(toy: Any, executor: Any, reference: RunResult) -> None:
    result = sums(toy, executor)
    assert_expected(reference, result)
    assert result.metrics.executor == type(executor).__name__


def test_a_pool_that_is_given_stays_open(toy: Any, reference: RunResult) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert_expected(reference, sums(toy, FuturesExecutor(pool=pool)))
        assert pool.submit(int, "7").result() == 7


def test_parsl(toy: Any, reference: RunResult) -> None:
    """In a process of its own: parsl leaves its log file and its threads to the end of the process."""
    pytest.importorskip("parsl")
    code = f"""
        import parsl
        from coffea.processor import ParslExecutor
        from columnar_af import run
        executors = [parsl.executors.ThreadPoolExecutor(max_threads=2)]
        executor = ParslExecutor(config=parsl.config.Config(executors=executors, run_dir="parsl"))
        run("{toy.processor("Sums")}", "{toy.fileset(era="2017")}", executor=executor, chunksize=7).save("out")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=toy.folder, check=True)
    assert_expected(reference, RunResult.load(toy.folder / "out"))


def test_the_same_processor_in_coffeas_runner(toy: Any) -> None:
    runner = Runner(IterativeExecutor(status=False), schema=BaseSchema, chunksize=7)
    files = {"a": [str(toy.first)], "b": [str(toy.second)]}
    output = runner(files, load_processor(toy.processor("Sums")), treename="Events")
    result = sums(toy, "iterative")
    for dataset in ("a", "b"):
        assert output[dataset]["entries"] == result.output[dataset]["entries"]
        assert output[dataset]["sumw"] == pytest.approx(result.output[dataset]["sumw"])


def test_a_result_without_events_has_its_shape(toy: Any) -> None:
    result = run(toy.processor("Sums"), f"{toy.empty}:Events")
    assert result.ledger.complete
    assert result.output["empty"]["entries"] == 0


def test_metrics_and_provenance(toy: Any) -> None:
    result = sums(toy, "iterative")
    assert result.metrics.chunks == 13
    assert result.metrics.bytes_read > 0
    assert result.metrics.wall_s >= result.metrics.event_loop_s > 0
    assert result.provenance.processor == "Sums"
    assert [record.entries for record in result.provenance.files] == [50, 0, 37]
    assert result.provenance.parameters["columns"] == {"a": ["w", "x"], "b": ["w", "x"]}
    assert result.datasets["a"].metadata == {"era": "2017"}
    assert result.datasets["b"].processed == 37


# --- what goes wrong ----------------------------------------------------------------------------------------------------


def misbehave(toy: Any, act: str, executor: Any = "iterative", **more: Any) -> RunResult:
    """A run in which the second chunk of dataset a misbehaves; the result of what was done."""
    options = {key: more.pop(key) for key in ("workers", "client", "bad_files") if key in more}
    with pytest.raises(IncompleteRunError) as caught:
        run(
            toy.processor("Misbehaves"),
            toy.fileset(act=act, at=8, **more),
            executor=executor,
            chunksize=7,
            **options,
        )
    result: RunResult = caught.value.result
    assert result.ledger.closes
    return result


def test_an_error_of_the_analysis_fails_its_chunk_only(toy: Any) -> None:
    result = misbehave(toy, "raise")
    (failed,) = result.ledger.with_status("failed")
    assert (failed.dataset, failed.start, failed.stop) == ("a", 8, 16)
    assert failed.error is not None
    assert failed.error.kind == "ProcessorError"
    assert (result.datasets["a"].processed, result.datasets["a"].failed) == (42, 8)
    assert result.output["a"]["entries"] == 42


def test_what_is_done_is_the_same_with_failures(toy: Any) -> None:
    assert misbehave(toy, "raise").differences(misbehave(toy, "raise", "futures", workers=2)) == []


def test_an_error_of_the_analysis_is_never_skipped(toy: Any) -> None:
    misbehave(toy, "raise", bad_files="skip")


def test_bad_files_stop_the_run_after_the_rest(toy: Any) -> None:
    gone = toy.folder / "gone.root"
    with pytest.raises(IncompleteRunError, match="1 of 2 chunks failed") as caught:
        run(toy.processor("Sums"), [f"{toy.first}:Events", f"{gone}:Events"])
    result = caught.value.result
    assert result.ledger.done == 50
    assert [entry.file for entry in result.ledger.with_status("failed")] == [str(gone)]
    assert "no such file" in str(caught.value)


def test_bad_files_are_skipped_on_request_and_listed(toy: Any) -> None:
    truncated = toy.folder / "truncated.root"
    truncated.write_bytes(toy.second.read_bytes()[:900])
    result = run(toy.processor("Sums"), [f"{toy.first}:Events", f"{truncated}:Events"], bad_files="skip")
    (skipped,) = result.ledger.with_status("skipped")
    assert skipped.file == str(truncated)
    assert skipped.error is not None
    assert skipped.error.kind == "ReadError"
    assert not result.ledger.complete


def test_a_branch_that_one_file_lacks(toy: Any) -> None:
    result = run(
        toy.processor("Misbehaves"), toy.fileset(act="read missing", at=8), chunksize=7, bad_files="skip"
    )
    (skipped,) = result.ledger.with_status("skipped")
    assert skipped.error is not None
    assert skipped.error.address.branch == "no_such_branch"
    assert skipped.start == 8


def test_a_branch_that_no_file_has_is_a_slip_of_the_analysis(toy: Any) -> None:
    fileset = toy.folder / "one.yaml"
    fileset.write_text(f"a:\n  files: {{{toy.first}: Events}}\n  metadata: {{act: read missing, at: 0}}\n")
    with pytest.raises(IncompleteRunError, match="no_such_branch"):
        run(toy.processor("Misbehaves"), fileset, bad_files="skip")


def test_what_postprocess_raises_is_told_as_such(toy: Any) -> None:
    script = toy.folder / "post.py"
    script.write_text(
        toy.script.read_text()
        + "\n\nclass Post(Sums):\n    def postprocess(self, accumulator):\n        return accumulator['nothing']\n"
    )
    with pytest.raises(
        ProcessorError, match=r"postprocess\(\) of the processor raised KeyError.*post.py, line"
    ):
        run(f"{script}:Post", toy.first)


def test_what_did_not_fit_into_memory_is_noted(toy: Any) -> None:
    script = toy.folder / "hungry.py"
    script.write_text(
        toy.script.read_text()
        + "\n\nclass Hungry(Sums):\n    def process(self, events):\n"
        + "        if len(events) > 7:\n            raise MemoryError('too much')\n        return super().process(events)\n"
    )
    result = run(f"{script}:Hungry", toy.first, chunksize=10)
    (note,) = result.provenance.parameters["notes"]
    assert note.startswith("5 chunks did not fit into memory and came in parts of 5 entries or more")


def test_results_that_do_not_add_up(toy: Any) -> None:
    with pytest.raises(IncompleteRunError, match="do not add up") as caught:
        run(toy.processor("OtherKeys"), f"{toy.first}:Events", chunksize=25)
    result = caught.value.result
    assert result.output == {"value": 1}
    (failed,) = result.ledger.with_status("failed")
    assert failed.error is not None
    assert (failed.error.address.start, failed.error.address.stop) == (25, 50)
    assert result.ledger.done == 25


def test_results_that_do_not_add_up_end_the_command_with_their_message(toy: Any) -> None:
    """Three chunks: the third one is added last."""
    script = toy.folder / "uneven.py"
    script.write_text(
        toy.script.read_text()
        + "\n\nclass Uneven(Sums):\n    def process(self, events):\n"
        + "        bins = 5 if events.metadata['entrystart'] < 30 else 6\n"
        + "        return {'h': hist.Hist.new.Reg(bins, 0, 1, name='x').Double()}\n"
    )
    main = [sys.executable, "-c", "from columnar_af.cli import main; main()"]
    answer = subprocess.run(
        [*main, "run", f"{script}:Uneven", f"{toy.first}:Events", "--chunksize", "17", "-o", "out"],
        capture_output=True,
        text=True,
        check=False,
        cwd=toy.folder,
    )
    assert answer.returncode == 1
    latest = read_ledger(toy.folder / "out").runs[-1]
    assert latest.missing == [2]
    assert "do not add up" in latest.fates[2]["error"]["message"]
    assert RunResult.load(toy.folder / "out").ledger.done == 34
    assert "chunks 2 to 2 do not add up with those of chunks 0 to 1" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_result_that_cannot_be_sent_is_told_as_such(toy: Any) -> None:
    script = toy.folder / "lock.py"
    script.write_text(
        toy.script.read_text()
        + "\n\nclass Lock(Sums):\n    def process(self, events):\n        import threading\n"
        + "        return {'l': threading.Lock()} if events.metadata['entrystart'] == 10 else {'n': len(events)}\n"
    )
    with pytest.raises(IncompleteRunError, match="1 of 5 chunks failed") as caught:
        run(f"{script}:Lock", f"{toy.first}:Events", executor="futures", workers=2, chunksize=10)
    (failed,) = caught.value.result.ledger.with_status("failed")
    assert failed.attempts == 1
    assert "cannot be sent to another process: cannot pickle '_thread.lock' object" in failed.error.message
    assert caught.value.result.output == {"n": 40}


def test_nothing_done_at_all_is_not_skipped(toy: Any) -> None:
    with pytest.raises(IncompleteRunError, match="no such file"):
        run(toy.processor("Sums"), [f"{toy.folder}/mistyped.root:Events"], bad_files="skip")


def test_parameters_that_json_has_no_word_for(toy: Any) -> None:
    script = toy.folder / "cut.py"
    script.write_text(
        toy.script.read_text()
        + "\n\nclass Cut(Sums):\n    def __init__(self, cut):\n        self.cut = cut\n"
    )
    cut = {"cut": float("inf")}
    out = toy.folder / "out"
    result = run(f"{script}:Cut", f"{toy.first}:Events", parameters=cut, output=out)
    assert result.ledger.complete
    rerun = RunResult.load(out).provenance.parameters["rerun"]
    assert rerun["unknown"] == ["cut"]  # rather than a text in the place of a number


def test_ctrl_c_ends_the_run(toy: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(toy.processor("Misbehaves"), toy.fileset(act="interrupt", at=8), chunksize=7)


def test_the_reproduce_command_runs_the_failing_chunk_alone(toy: Any) -> None:
    (failed,) = misbehave(toy, "raise").ledger.with_status("failed")
    assert failed.error is not None
    program, *words = shlex.split(failed.error.reproduce)
    assert program == "columnar-af"
    answer = CliRunner().invoke(cli, words)
    assert answer.exit_code == 1
    assert "entries 8:16" in answer.stderr
    assert "pop from empty list" in answer.stderr
    assert " 8 " in answer.stdout  # planned
    words[-1] = "0:8"
    assert CliRunner().invoke(cli, words).exit_code == 0


def test_part_of_a_fileset(toy: Any) -> None:
    result = run(toy.processor("Sums"), toy.fileset(), only=PlanFilter("b", str(toy.second), (3, 9)))
    assert [(entry.dataset, entry.start, entry.stop) for entry in result.ledger] == [("b", 3, 9)]
    assert list(result.datasets) == ["b"]


def test_the_analysis_may_print(toy: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(toy.processor("Misbehaves"), toy.fileset(act="print", at=8), chunksize=7)
    printed = capsys.readouterr()
    assert printed.out == "the analysis speaks\n"
    assert printed.err == ""


# --- killed workers -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_futures_a_worker_that_dies_once_costs_nothing(toy: Any) -> None:
    fileset = toy.fileset(act="kill once", at=8, marker=str(toy.folder / "marker"))
    result = run(toy.processor("Misbehaves"), fileset, executor="futures", workers=2, chunksize=7)
    assert result.ledger.complete
    assert max(entry.attempts for entry in result.ledger) > 1
    assert sums(toy, "iterative").output["a"]["sumw"] == result.output["a"]["sumw"]


@pytest.mark.slow
def test_futures_poison_fails_alone(toy: Any) -> None:
    result = misbehave(toy, "kill", "futures", workers=2)
    assert_poison(result)


@pytest.mark.slow
def test_dask_a_worker_that_dies_once_costs_nothing(toy: Any) -> None:
    fileset = toy.fileset(act="kill once", at=8, marker=str(toy.folder / "marker"))
    result = run(toy.processor("Misbehaves"), fileset, executor="dask", workers=2, chunksize=7)
    assert result.ledger.complete
    assert sums(toy, "iterative").output["a"]["sumw"] == result.output["a"]["sumw"]


@pytest.mark.slow
def test_dask_poison_fails_alone(toy: Any) -> None:
    assert_poison(misbehave(toy, "kill", "dask", workers=2))


def assert_poison(result: RunResult) -> None:
    (failed,) = result.ledger.with_status("failed")
    assert (failed.dataset, failed.start) == ("a", 8)
    assert failed.attempts >= 3
    assert failed.error is not None
    assert failed.error.kind == "ExecutorError"
    assert result.ledger.done == 87 - 8


# --- what cannot be used ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "magic"}, "there is no executor 'magic'"),
        ({"executor": 3}, "expected the name of an executor"),
        ({"workers": 0}, "workers is 0"),
        ({"chunksize": 0}, "chunksize is 0"),
        ({"bad_files": "ignore"}, "bad_files is 'ignore'"),
        ({"executor": "futures", "client": "tcp://127.0.0.1:1"}, "'futures' has no use for a client"),
    ],
)
def test_arguments_that_cannot_be_used(toy: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(toy.processor("Sums"), toy.fileset(), **options)


def test_a_scheduler_that_does_not_answer(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("columnar_af.processing.dask_client.CONNECT_TIMEOUT_S", 0.5)
    with pytest.raises(ExecutorError, match="no dask scheduler answers at tcp:"):
        run(toy.processor("Sums"), toy.fileset(), executor="dask", client="tcp://127.0.0.1:1")


def test_a_module_that_the_workers_lack_is_named_before_the_work(toy: Any, client: Any) -> None:
    script = toy.folder / "needs.py"
    script.write_text(
        toy.script.read_text()
        + "\n\nclass Needs(Sums):\n    def process(self, events):\n"
        + "        import module_that_nobody_has\n        return super().process(events)\n"
    )
    with pytest.raises(MissingModuleError, match="module_that_nobody_has"):
        run(f"{script}:Needs", toy.fileset(), executor="dask", client=client)


def test_foreign_executors_are_checked_for_modules_before_the_work(toy: Any) -> None:
    script = toy.folder / "needs.py"
    script.write_text(
        toy.script.read_text()
        + "\n\nclass Needs(Sums):\n    def process(self, events):\n"
        + "        import module_that_nobody_has\n        return super().process(events)\n"
    )
    with pytest.raises(MissingModuleError, match="module_that_nobody_has"):
        run(f"{script}:Needs", toy.fileset(), executor=Foreign())


class Foreign(ExecutorBase):
    """An executor that is neither ours nor coffea's."""

    def __call__(self, items: Any, function: Any, accumulator: Any) -> Any:
        msg = "work started"
        raise AssertionError(msg)


def test_workers_need_neither_script_nor_folder(toy: Any, client: Any) -> None:
    """The processor comes from a script that is gone when the workers load it, and imports a module beside it."""
    folder = toy.folder / "analysis"
    folder.mkdir()
    (folder / "my_numbers_for_this_test.py").write_text("def twice(number):\n    return 2.0 * number\n")
    shutil.copy(toy.script, folder / "mine.py")
    with (folder / "mine.py").open("a") as file:
        file.write(
            "\nfrom my_numbers_for_this_test import twice\n\nclass Twice(Sums):\n    def process(self, events):\n"
            "        return {'n': twice(len(events))}\n"
        )
    processor = load_processor(f"{folder / 'mine.py'}:Twice")
    shutil.rmtree(folder)
    result = run(processor, Fileset.load(f"{toy.first}:Events"), executor="dask", client=client, chunksize=7)
    assert result.output == {"n": 100.0}

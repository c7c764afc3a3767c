"""Sweeps: which points are measured, how medians are taken, and that a run that lost an event does not count."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from columnar_af import Fileset
from columnar_af.benchmarking import page_cache, sweep
from columnar_af.benchmarking.metrics import STAGES, UNITS
from columnar_af.benchmarking.point import Request, measure
from columnar_af.benchmarking.replicas import replicated
from columnar_af.benchmarking.report import write_report
from columnar_af.benchmarking.sweep import Benchmark, Measured, Point, run_benchmark
from columnar_af.cli.benchmark import benchmark as command
from columnar_af.datasets.inspection import copies_allowed, inspect
from columnar_af.errors import ConfigError, ExecutorError
from tests.conftest import PROJECT

NTUPLE = PROJECT / "datasets" / "ds_phi_pi_2017F_mc_aod-2017_000.root"
STOP = PROJECT / "datasets" / "stop_loopsusy.yaml"


@pytest.fixture
def fileset() -> Fileset:
    return Fileset.load([str(NTUPLE)])


def record(**values: float) -> dict[str, float | None]:
    """Metrics that look like those of a run."""
    return {**dict.fromkeys(UNITS, 1.0), **values}


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Every measurement takes twice as long as it has files, over its workers; the requests are kept."""
    requests: list[Request] = []

    def measured(request: Request) -> dict[str, float | None]:
        requests.append(request)
        seconds = 2.0 * request.size / request.workers
        return record(overall_s=seconds + 1, event_loop_s=seconds, loop_khz=10 / seconds, valid=1.0)

    monkeypatch.setattr(sweep, "_measure", measured)
    return requests


def test_each_sweep_has_its_points(fileset: Fileset):
    asked = Benchmark("p", fileset, sizes=(1, 4), workers=(1, 2), variations=(0, 5), cold=True)
    assert asked.points() == [
        Point("size", 1, 1, 1),
        Point("size", 1, 1, 1, cold=True),
        Point("size", 4, 4, 1),
        Point("size", 4, 4, 1, cold=True),
        Point("workers", 1, 4, 1),
        Point("workers", 2, 4, 2),
        Point("variations", 0, 1, 1, 0),
        Point("variations", 5, 1, 1, 5),
    ]


def test_points_are_measured_in_turns(fileset: Fileset, measuring: list[Request], tmp_path: Path):
    asked = Benchmark("ds_phi_pi", fileset, sizes=(1, 3), workers=(1, 2), repeats=2)
    measured = run_benchmark(asked, tmp_path)
    assert [(each.size, each.workers, each.executor) for each in measuring] == [
        (1, 1, "iterative"),
        (3, 1, "iterative"),
        (3, 1, "iterative"),
        (3, 2, "futures"),
    ] * 2
    assert [each.median("event_loop_s") for each in measured] == [2, 6, 6, 3]
    assert all(len(each.records) == 2 and each.valid for each in measured)


def test_medians_and_spreads_leave_out_what_is_not_known():
    measured = Measured(Point("size", 1), [record(overall_s=value) for value in (3, 1, 2)])
    assert (measured.median("overall_s"), measured.spread("overall_s")) == (2, (1, 3))
    measured.records[0]["disk_bytes"] = None
    assert measured.spread("disk_bytes") == (1, 1)
    for each in measured.records:
        each["disk_bytes"] = None
    assert measured.median("disk_bytes") is None


def test_one_lost_event_makes_a_point_invalid():
    assert not Measured(Point("size", 1), [record(), record(valid=0.0)]).valid


def test_files_are_listed_more_than_once_only_on_purpose(fileset: Fileset, tmp_path: Path):
    many = replicated(fileset, 3, tmp_path)
    (dataset,) = many
    assert len({file.path for file in dataset.files}) == 3
    assert sum(report.error is None for report in inspect(many).files) == 1
    with copies_allowed():
        assert all(report.error is None for report in inspect(many).files)


def test_remote_files_cannot_be_listed_more_than_once(tmp_path: Path):
    remote = Fileset.load(["root://somewhere//file.root:Tree3Mu/ntuple"])
    assert replicated(remote, 1, tmp_path) is remote
    with pytest.raises(ConfigError, match="is remote"):
        replicated(remote, 2, tmp_path)


@pytest.mark.parametrize("wrong", [{"sizes": (0,)}, {"workers": ()}, {"repeats": 0}, {"variations": (-1,)}])
def test_numbers_have_to_be_positive(fileset: Fileset, tmp_path: Path, wrong: dict[str, Any]):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        run_benchmark(Benchmark("ds_phi_pi", fileset, **wrong), tmp_path)


def test_declared_variations_are_given_by_name(measuring: list[Request], tmp_path: Path):
    asked = Benchmark("stop_search", Fileset.load(STOP), variations=(0, 2), repeats=1)
    run_benchmark(asked, tmp_path)
    given = [request.parameters.get("systematics") for request in measuring]
    assert given[:2] == [None, "none"]
    assert given[2].count(",") == 1
    with pytest.raises(ConfigError, match="declares"):
        run_benchmark(Benchmark("stop_search", Fileset.load(STOP), variations=(10_000,)), tmp_path)


def test_a_failing_measurement_says_why(fileset: Fileset, tmp_path: Path):
    with pytest.raises(ExecutorError, match="no_such_processor"):
        run_benchmark(Benchmark("no_such_processor", fileset, repeats=1), tmp_path)


def test_evicting_says_what_it_cannot_do(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"x")
    assert page_cache.evict([str(tmp_path / "a")]) == ""
    assert "only local" in page_cache.evict(["root://somewhere//file.root"])


def test_the_report_holds_every_measurement(tmp_path: Path):
    pytest.importorskip("matplotlib")
    points = [
        Point("size", 1),
        Point("size", 2, 2),
        Point("size", 1, cold=True),
        Point("size", 2, 2, cold=True),
    ]
    points += [Point("workers", 1), Point("workers", 2, workers=2)]
    measured = [Measured(point, [record(bytes_read=1e9 * point.size), record()]) for point in points]
    written = write_report(measured, tmp_path / "out", title="a test", settings={"repeats": 2})
    names = {path.name for path in written}
    assert names == {"benchmark.json", "benchmark.csv", "size.png", "workers.png", "stages.png"}
    stored = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert stored["valid"] is True
    assert [point["median"]["bytes_read"] for point in stored["points"]][:2] == [0.5e9 + 0.5, 1e9 + 0.5]
    with (tmp_path / "out" / "benchmark.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 12


def test_a_measurement_closes_its_books(tmp_path: Path):
    source = tmp_path / "fileset.json"
    source.write_text(json.dumps(Fileset.load([str(NTUPLE)]).to_coffea()))
    found = measure(Request("ds_phi_pi", str(source), size=2, chunksize=100))
    assert list(found) == list(UNITS)
    assert found["valid"] == 1
    assert found["events"] == found["planned"] > 0
    assert found["lost"] == 0
    assert found["chunks"] == 2
    assert found["bytes_inflated"] > found["bytes_read"] > 0
    stages = sum(found[stage] for stage in STAGES)
    assert all(found[stage] > 0 for stage in ("inflate_s", "decode_s", "compute_s", "fill_s"))
    assert stages == pytest.approx(found["chunk_cpu_s"], rel=0.2)
    assert found["overall_s"] >= found["run_s"] >= found["event_loop_s"] > 0


def command_line(arguments: list[str]) -> Callable[[], Any]:
    return CliRunner().invoke(command, arguments)


def test_the_command_ends_with_1_where_an_event_was_lost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    pytest.importorskip("matplotlib")
    words = ["ds_phi_pi", str(NTUPLE), "-o", str(tmp_path / "out"), "--sizes", "1,2", "--repeats", "1"]
    monkeypatch.setattr(sweep, "_measure", lambda request: record(valid=1.0))
    good = command_line(words)
    assert good.exit_code == 0, good.output
    assert (tmp_path / "out" / "size.png").stat().st_size > 1000
    monkeypatch.setattr(sweep, "_measure", lambda request: record(valid=0.0))
    bad = command_line(words)
    assert bad.exit_code == 1
    assert "INVALID" in bad.output
    assert "do not count" in bad.output


def test_the_command_refuses_what_is_no_number(tmp_path: Path):
    result = command_line(["ds_phi_pi", str(NTUPLE), "-o", str(tmp_path), "--sizes", "1,many"])
    assert result.exit_code == 2
    assert "no list of whole numbers" in result.output

"""What is read executes nothing, what listens is local, and credentials stay where they are."""

from __future__ import annotations

import ast
import io
import json
import os
import pickle
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from click.testing import CliRunner

from columnar_af import RunResult, run
from columnar_af.cli import cli
from columnar_af.datasets.fileset import Fileset
from columnar_af.datasets.opening import open_file
from columnar_af.errors import ColumnarAFError, FilesetError, IncompleteRunError, OutputError
from columnar_af.ntuples.fast_reader import ColumnCache, ColumnReader
from columnar_af.processing.dask_client import local_cluster
from columnar_af.processing.journal.partial_format import decode
from columnar_af.results.result_folder import replacing

CANARY = "CANARY5ecret0123456789"

EXECUTES = {
    ("pickle", "load"), ("pickle", "loads"), ("cloudpickle", "load"), ("cloudpickle", "loads"), ("marshal", "loads"),
    ("yaml", "load"), ("yaml", "unsafe_load"), ("yaml", "full_load"), ("shelve", "open"), ("joblib", "load"),
}  # fmt: skip
"""Calls that may execute what they read."""

FROM_THIS_RUN = {
    "processing/payload.py": 2,  # what this run sends to its own workers, and what a process of its own answers
    "processing/chunk_function.py": 1,  # the same payload on the worker
    "processing/tracing.py": 1,  # what coffea's Runner hands to our executor in this process
}
"""File -> how many such calls it has; none of them reads a file of the user."""


def calls(path: Path) -> list[tuple[str, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            found.append((node.func.value.id, node.func.attr))
    return found


def test_nothing_that_is_read_from_a_file_can_be_executed(project):
    package = project / "src" / "columnar_af"
    counts = {
        str(path.relative_to(package)): sum(call in EXECUTES for call in calls(path))
        for path in package.rglob("*.py")
    }
    assert {path: count for path, count in counts.items() if count} == FROM_THIS_RUN


def test_arrays_are_loaded_without_pickles(project):
    for path in (project / "src" / "columnar_af").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", "") == "load"
                and getattr(getattr(node.func, "value", None), "id", "") == "np"
            ):
                keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert keywords.get("allow_pickle") == "False", path


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def hostile_partial(marker: Path, tree: object) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("partial.json", json.dumps(tree))
        member = io.BytesIO()
        np.lib.format.write_array(member, np.array([Hostile(marker)], dtype=object), allow_pickle=True)
        archive.writestr("0.npy", member.getvalue())
    return file.getvalue()


def test_a_hostile_partial_result_executes_nothing(tmp_path):
    marker = tmp_path / "executed"
    with pytest.raises(OutputError):
        decode(hostile_partial(marker, {"$type": "array", "array": 0}))
    with pytest.raises(OutputError):
        decode(pickle.dumps(Hostile(marker)))
    assert not marker.exists()


def test_a_hostile_fileset_executes_nothing(tmp_path):
    marker = tmp_path / "executed"
    path = tmp_path / "fileset.yaml"
    path.write_text(f"d: !!python/object/apply:os.mkdir ['{marker}']")
    with pytest.raises(FilesetError):
        Fileset.load(path)
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["pickle", "object", "module"])
def test_a_hostile_result_executes_nothing(toy, kind):
    marker = toy.folder / "executed"
    folder = toy.folder / "out"
    run(toy.processor("Sums"), toy.first, output=folder)
    summary = json.loads((folder / "summary.json").read_text())
    call = {"py/reduce": [{"py/function": "os.mkdir"}, {"py/tuple": [str(marker)]}]}
    if kind == "pickle":
        for name in ("summary.json", "histograms.json", "histograms.root"):
            (folder / name).write_bytes(pickle.dumps(Hostile(marker)))
    elif kind == "object":
        summary["output"] = {"$type": "array", "dtype": "|O", "shape": [1], "values": [call]}
        (folder / "summary.json").write_text(json.dumps(summary))
    else:
        summary["output"] = {"$type": "os.mkdir", "items": [str(marker)], **call}
        (folder / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(OutputError):
        RunResult.load(folder)
    assert not marker.exists()


def listening() -> set[str]:
    """Addresses on which this process and its descendants listen."""
    own = psutil.Process()
    found = set()
    for process in [own, *own.children(recursive=True)]:
        try:
            connections = process.net_connections(kind="inet")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        found |= {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
    return found


def test_a_local_dask_cluster_listens_on_loopback_only():
    from distributed import Client

    before = listening()
    with local_cluster(1) as cluster, Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(1)
        during = listening()
    assert during - before <= {"127.0.0.1", "::1"}
    assert "127.0.0.1" in during, "else nothing was seen"


def test_local_processes_listen_nowhere(toy):
    """While a run with a pool goes on, looked at from another thread."""
    seen, ended = set(), threading.Event()

    def look():
        while not ended.wait(0.1):
            seen.update(listening())

    before = listening()
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        run(toy.processor("Sums"), toy.first, chunksize=10, executor="futures", workers=2)
    finally:
        ended.set()
        watcher.join()
    assert seen - before <= {"127.0.0.1", "::1"}


def test_a_traceback_on_the_command_line_shows_no_credentials(toy):
    """Also where --debug shows the errors of others, which ours come from."""
    script = toy.folder / "login.py"
    script.write_text("import os\nraise RuntimeError('login failed with ' + os.environ['BEARER_TOKEN'])\n")
    main = [sys.executable, "-c", "from columnar_af.cli import main; main()", "--debug"]
    answer = subprocess.run(
        [*main, "run", f"{script}:Sums", str(toy.first)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BEARER_TOKEN": CANARY},
    )
    assert answer.returncode == 1
    assert "RuntimeError: login failed with ***" in answer.stderr
    assert CANARY not in answer.stdout + answer.stderr


def test_the_cache_of_columns_is_private(toy):
    with open_file(str(toy.first)) as file:
        ColumnReader(file["Events"], cache=ColumnCache(toy.folder / "cache")).read("x")
    assert stat.S_IMODE((toy.folder / "cache").stat().st_mode) == 0o700


def test_what_is_being_written_is_private(tmp_path):
    with replacing(tmp_path / "result") as new:
        assert stat.S_IMODE(new.stat().st_mode) == 0o700


LEAKS = """
from __future__ import annotations

import logging
import os

from coffea.processor import ProcessorABC


class Leaks(ProcessorABC):
    def __init__(self, token=""):
        self.token = token

    def process(self, events):
        logging.getLogger("columnar_af").warning("reading %s", events.metadata["filename"])
        if events.metadata["dataset"] == "bad":
            raise RuntimeError(f"login failed with {os.environ['BEARER_TOKEN']}, token={self.token}")
        return {"n": len(events), "from": events.metadata["filename"]}

    def postprocess(self, accumulator):
        return accumulator
"""


@pytest.fixture
def leaking(toy, monkeypatch):
    """A fileset whose files are behind URLs with credentials, which a stub of the network opens."""
    import uproot

    (toy.folder / "leaks.py").write_text(LEAKS)
    urls = {
        "good": f"https://ana:{CANARY}@host.org{toy.first}",
        "bad": f"https://host.org{toy.second}?authz=Bearer%20{CANARY}",
        "gone": f"root://host.org//gone.root?access_token={CANARY}",
    }
    document = {name: {"files": {url: "Events"}} for name, url in urls.items()}
    path = toy.folder / "fileset.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    local = {urls["good"]: str(toy.first), urls["bad"]: str(toy.second)}
    really_open = uproot.open

    def open_stub(files):
        (url,) = files
        if url not in local:
            msg = f"cannot open {url}: token {CANARY} has expired"
            raise OSError(msg)
        return really_open({local[url]: None})

    monkeypatch.setattr(uproot, "open", open_stub)
    monkeypatch.setenv("BEARER_TOKEN", CANARY)
    return toy, path


def everything_in(folder: Path) -> bytes:
    files = [path for path in folder.rglob("*") if path.is_file()]
    text = b"".join(path.read_bytes() for path in files)
    for path in files:
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                text += b"".join(archive.read(name) for name in archive.namelist())
    return text


def test_the_canary_is_nowhere(leaking, caplog):
    toy, fileset = leaking
    folder = toy.folder / "out"
    words = [
        "run",
        f"{toy.folder / 'leaks.py'}:Leaks",
        str(fileset),
        "-o",
        str(folder),
        "-p",
        f"token={CANARY}",
    ]
    answer = CliRunner().invoke(cli, words)
    assert answer.exit_code == 1
    assert "login failed with ***" in answer.stderr
    shown = [
        CliRunner().invoke(cli, command).output
        for command in (
            ["show", str(folder)], ["show", "--json", str(folder)], ["show", "--provenance", str(folder)],
            ["why", str(folder), "0"], ["rerun", str(folder), "1"], ["rerun", str(folder), "0", "--debug"],
            ["datasets", "inspect", str(fileset)], ["datasets", "inspect", "--json", str(fileset)],
            ["diff", str(folder), str(folder), "--chunks"],
        )
    ]  # fmt: skip
    for text in (answer.output, answer.stderr, *shown, caplog.text):
        assert CANARY not in text
    assert CANARY.encode() not in everything_in(folder)
    result = RunResult.load(folder)
    assert CANARY not in result._repr_html_()
    assert result.ledger.done == 50
    assert result.ledger.with_status("failed").entries[0].file.startswith("https://host.org/")


def test_the_canary_is_not_in_the_error_of_a_run(leaking):
    toy, fileset = leaking
    with pytest.raises(IncompleteRunError) as caught:
        run(f"{toy.folder / 'leaks.py'}:Leaks", fileset, parameters={"token": CANARY})
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value.result)


def test_errors_do_not_show_credentials(monkeypatch):
    error = ColumnarAFError(f"cannot open https://u:{CANARY}@h/f", advice=f"run with --token {CANARY}")
    assert CANARY not in str(error)
    assert os.environ.get("BEARER_TOKEN") != CANARY

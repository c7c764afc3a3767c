"""What leaves this machine is encrypted: addresses in the clear are refused, and TLS is really spoken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from columnar_af import RunResult, run
from columnar_af.cli import cli
from columnar_af.errors import ConfigError, ExecutorError
from columnar_af.processing import dask_client
from columnar_af.processing.dask_address import SchedulerAddress, certificates, is_in_the_clear
from columnar_af.processing.dask_client import client_for, notes_on
from tests.ports import free_port, wait_for_listener


@pytest.mark.parametrize(
    ("address", "in_the_clear"),
    [
        ("tcp://127.0.0.1:8786", False), ("127.0.0.1:8786", False), ("tcp://localhost:8786", False), ("[::1]:8786", False),
        ("tcp://[::1]:8786", False), ("inproc://10.0.0.1/1/2", False), ("tls://10.0.0.1:8786", False),
        ("gateway://gw.example.org:443/x", False), ("wss://example.org/dask", False), ("tcp://10.0.0.1:8786", True),
        ("10.0.0.1:8786", True), ("scheduler.example.org:8786", True), ("ucx://10.0.0.1:1", True), ("ws://example.org/dask", True),
        ("tcp://[fe80::1]:8786", True), ("tcp://0.0.0.0:8786", True), ("TCP://LOCALHOST:8786", False), ("tcp://example.org", True),
    ],
)  # fmt: skip
def test_what_leaves_this_machine_in_the_clear(address: str, in_the_clear: bool) -> None:
    assert is_in_the_clear(address) is in_the_clear


def test_a_scheduler_elsewhere_needs_encryption() -> None:
    with (
        pytest.raises(
            ConfigError, match=r"tcp://10.1.2.3:8786 is on another machine(.|\n)*--allow-unencrypted"
        ),
        client_for("tcp://10.1.2.3:8786", 1),
    ):
        pass


def test_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    SchedulerAddress("tcp://10.1.2.3:8786", allow_unencrypted=True).checked_security()
    monkeypatch.setattr(dask_client, "CONNECT_TIMEOUT_S", 0.2)
    with (
        pytest.raises(ExecutorError, match="no dask scheduler answers at tcp://127"),
        client_for("tcp://127.0.0.1:1", 1),
    ):
        pass


def test_tls_needs_certificates() -> None:
    with (
        pytest.raises(ConfigError, match=r"no certificates for tls://h:1(.|\n)*--tls-ca"),
        client_for("tls://h:1", 1),
    ):
        pass


def test_a_client_in_the_clear_is_told_of() -> None:
    elsewhere = SimpleNamespace(scheduler=SimpleNamespace(address="tcp://10.0.0.1:8786"))
    assert "tcp://10.0.0.1:8786 is not encrypted" in notes_on(elsewhere)[0]
    assert notes_on(SimpleNamespace(scheduler=SimpleNamespace(address="tcp://127.0.0.1:8786"))) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tls-ca", "{file}"], "for the scheduler that --client names"),
        (["--client", "tls://h:1", "--tls-ca", "{file}"], "go together"),
        (["--client", "tls://h:1", "--tls-key", "{file}"], "go together"),
        (["--client", "tls://h:1", "--tls-ca", "{file}.missing"], "does not exist"),
    ],
)
def test_wrong_options(toy: Any, words: list[str], message: str) -> None:
    words = [word.format(file=toy.first) for word in words]
    answer = CliRunner().invoke(
        cli, ["run", toy.processor("Sums"), str(toy.first), "--executor", "dask", *words]
    )
    assert answer.exit_code == 2
    assert message in answer.stderr


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate that signs itself, its key, and a certificate that has nothing to do with it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the command openssl to make certificates")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("own", "other"):
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem",
            ],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
    return folder


def test_certificates_that_cannot_be_used(keys: Path) -> None:
    mixed = certificates(keys / "own.pem", keys / "own.pem", keys / "other.key")
    with pytest.raises(ConfigError, match=r"the certificates for tls://h:1 cannot be used \(.*other.key\)"):
        SchedulerAddress("tls://h:1", mixed).checked_security()


@pytest.fixture(scope="module")
def scheduler(keys: Path) -> Iterator[str]:
    """The address of a scheduler with one worker, which let nobody in without a certificate."""
    port = free_port()
    address = f"tls://127.0.0.1:{port}"
    options = ["--no-dashboard", "--tls-ca-file", "own.pem", "--tls-cert", "own.pem", "--tls-key", "own.key"]
    commands = [
        ["scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", str(port), *options],
        [
            "worker",
            address,
            "--no-nanny",
            "--nthreads",
            "1",
            "--host",
            "127.0.0.1",
            "--death-timeout",
            "200",
            *options,
        ],
    ]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *words],
            cwd=keys,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for words in commands
    ]
    try:
        wait_for_listener(port)
        yield address
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_run_over_tls(toy: Any, keys: Path, scheduler: str) -> None:
    words = [
        "run", toy.processor("Sums"), str(toy.first), "--executor", "dask", "--client", scheduler, "--tls-ca",
        str(keys / "own.pem"), "--tls-cert", str(keys / "own.pem"), "--tls-key", str(keys / "own.key"),
        "--chunksize", "10", "-o", str(toy.folder / "out"),
    ]  # fmt: skip
    answer = CliRunner().invoke(cli, words)
    assert answer.exit_code == 0, answer.output
    assert "not encrypted" not in answer.stderr
    result = RunResult.load(toy.folder / "out")
    assert len(result.ledger) == 5
    assert result.same_as(run(toy.processor("Sums"), toy.first, chunksize=10))


def test_the_configuration_of_dask_counts(toy: Any, keys: Path, scheduler: str) -> None:
    import dask

    names = {"ca-file": "own.pem", "client.cert": "own.pem", "client.key": "own.key"}
    files = {f"distributed.comm.tls.{option}": str(keys / name) for option, name in names.items()}
    with dask.config.set(files):
        assert run(toy.processor("Sums"), toy.first, executor="dask", client=scheduler).ledger.complete


@pytest.mark.parametrize("client", ["other certificate", "no encryption"])
def test_nobody_else_gets_in(
    keys: Path, scheduler: str, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_client, "CONNECT_TIMEOUT_S", 2)
    place: str | SchedulerAddress = scheduler.replace("tls://", "tcp://")
    if client == "other certificate":
        other = certificates(keys / "own.pem", keys / "other.pem", keys / "other.key")
        place = SchedulerAddress(scheduler, other)
    with pytest.raises(ExecutorError, match="no dask scheduler answers"), client_for(place, 1):
        pass

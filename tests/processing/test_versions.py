"""Version guards: one line, no stack trace."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib.metadata import PackageNotFoundError

import pytest

from columnar_af.errors import VersionError
from columnar_af.processing import versions

GOOD = {"dask": "2025.3.1", "dask-awkward": "2026.2.1", "coffea": "2026.9.0"}


def install(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> None:
    """Pretend that these versions are installed."""
    found = {**GOOD, **{name.replace("_", "-"): value for name, value in changes.items()}}

    def version(package: str) -> str:
        value = found[package]
        if value is None:
            raise PackageNotFoundError(package)
        return value

    monkeypatch.setattr(versions, "version", version)


def test_the_pair_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    assert versions.pair_problem() is None
    assert versions.coffea_problem() is None
    versions.require_dask_awkward()
    versions.warn_of_problems()


@pytest.mark.parametrize(("dask", "works"), [("2025.4.0", True), ("2025.4.1", False), ("2026.8.0", False)])
def test_where_dask_breaks_dask_awkward(monkeypatch: pytest.MonkeyPatch, dask: str, works: bool) -> None:
    install(monkeypatch, dask=dask)
    assert (versions.pair_problem() is None) == works


def test_new_dask_without_dask_awkward_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, dask="2026.8.0", dask_awkward=None)
    versions.warn_of_problems()
    with pytest.raises(VersionError, match="not installed"):
        versions.require_dask_awkward()


def test_the_wrong_pair_is_refused_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, dask="2026.8.0")
    with pytest.raises(VersionError, match=r"2026\.8\.0"):
        versions.require_dask_awkward()


def test_an_old_coffea(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, coffea="2025.7.3")
    with pytest.warns(versions.VersionWarning, match=r"coffea 2025\.7\.3 is too old"):
        versions.warn_of_problems()


def test_the_import_says_it_in_one_line() -> None:
    code = """
        import importlib.metadata as metadata
        real = metadata.version
        pretended = {"dask": "2026.8.0", "dask-awkward": "2026.2.1"}
        metadata.version = lambda package: pretended.get(package) or real(package)
        import columnar_af
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0
    (line,) = answer.stderr.splitlines()
    assert "dask-awkward 2026.2.1 fails with dask 2026.8.0" in line
    assert "columnar-af[dask-awkward]" in line

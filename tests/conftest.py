"""Fixtures that all tests share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from coffea.processor import executor as coffea_executor
from hypothesis import HealthCheck, settings

from columnar_af.datasets import retries

PROJECT = Path(__file__).parents[1]

# No deadline: a first call may compile a kernel. Derandomized: a run that was green stays green until something changes.
# Nor is slow generation an error: it tells of a busy machine.
settings.register_profile(
    "columnar-af", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("columnar-af")

LONGEST_FIRST = (
    "tests/notebooks",
    "tests/faults",
    "tests/processing/test_run.py",
    "tests/processors",
    "tests/ntuples",
    "tests/normalization",
    "tests/processing",
    "tests/fuzz",
)
"""Files that take long, in the order in which they begin; all others come after them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long.

    A file is done by one process (``--dist loadfile``), in the order of collection: a long one at the end would leave the
    other processes without work.
    """

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(PROJECT).as_posix()
        starts = [number for number, start in enumerate(LONGEST_FIRST) if path.startswith(start)]
        return min(starts, default=len(LONGEST_FIRST))

    items.sort(key=place)  # keeps the order of all that have the same place


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what is there for good: all modules, with their million objects.

    Awkward makes so many small objects that looking through these again and again was a quarter of the tests' time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def project() -> Path:
    """The top folder of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real ntuples beside the project; the test is skipped where it is missing."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real ntuples in {folder}, which are not part of the project")
    return folder


@pytest.fixture(autouse=True)
def fresh_metadata_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test see what coffea's Runner learned of a file in another one.

    Runner keeps the metadata of files for the life of the process, by file and tree alone: the second Runner on the same
    file gets the metadata that the first one was given (coffea 2026.9, ``DEFAULT_METADATA_CACHE``).
    """
    cache: dict[Any, Any] = {}
    monkeypatch.setattr(coffea_executor, "DEFAULT_METADATA_CACHE", cache)


@pytest.fixture(autouse=True, scope="session")
def column_cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Notebooks keep columns; those of the tests go with the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNAR_AF_COLUMN_CACHE", str(tmp_path_factory.mktemp("columns")))
        yield


@pytest.fixture(autouse=True)
def no_wait_for_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for servers that never come back."""
    monkeypatch.setattr(retries, "FIRST_WAIT_S", 0.001)

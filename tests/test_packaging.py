"""The locks agree with pyproject.toml and with each other, and tell nothing of the machine that made them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

LOCKS = {"set-a": "dask-awkward", "new-dask": None}  # lock -> the extra that only it holds
SHARED_EXTRAS = ("dashboard", "fit", "limit", "notebook", "plot", "parsl", "dev")
UNLOCKED_EXTRAS = {"mva"}  # 30 MB that only a given classifier needs; its tests skip without
ONLY_IN_SET_A = {"dask-awkward", "dask-histogram"}


@pytest.fixture(scope="module")
def declared(project: Path) -> dict:
    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lines_of(project: Path, lock: str) -> list[str]:
    text = (project / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]


def pins(project: Path, lock: str) -> dict[str, str]:
    return dict(line.split("==") for line in lines_of(project, lock))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_names_and_versions_only(project, lock):
    odd = [line for line in lines_of(project, lock) if not re.fullmatch(r"[a-z0-9-]+==[a-z0-9.]+", line)]
    assert odd == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_locked_within_its_bounds(project, declared, lock):
    optional = declared["optional-dependencies"]
    extras = [*SHARED_EXTRAS, *([LOCKS[lock]] if LOCKS[lock] else [])]
    wanted = [*declared["dependencies"], *(text for extra in extras for text in optional[extra])]
    locked = pins(project, lock)
    for requirement in map(Requirement, wanted):
        version = locked.get(requirement.name.lower())
        assert version is not None, f"{requirement.name} is not in {lock}.lock; make lock"
        assert requirement.specifier.contains(version), (
            f"{requirement} but {version} in {lock}.lock; make lock"
        )


def test_every_extra_is_in_a_lock(declared):
    assert set(declared["optional-dependencies"]) == {*SHARED_EXTRAS, "dask-awkward", *UNLOCKED_EXTRAS}


def test_the_locks_differ_in_dask_only(project):
    old, new = pins(project, "set-a"), pins(project, "new-dask")
    assert set(old) - set(new) == ONLY_IN_SET_A
    assert {name for name in set(new) & set(old) if new[name] != old[name]} == {"dask", "distributed"}


def test_what_a_cap_is_for_stands_beside_it(project):
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    capped = [line for line in text.splitlines() if ">=" in line and ",<" in line]
    assert capped
    assert [line for line in capped if "cap:" not in line] == []


def test_the_changelog_has_the_version(project, declared):
    assert f"## [{declared['version']}]" in (project / "CHANGELOG.md").read_text(encoding="utf-8")

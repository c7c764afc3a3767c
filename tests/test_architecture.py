"""ARCHITECTURE.md is kept true: its rooms exist, no other does, and each imports only what it may."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import PROJECT

PACKAGE = PROJECT / "src" / "columnar_af"
ROW = re.compile(r"^\| `(?P<room>\w+)(?:/|\.py)` \| [^|]+ \| (?P<imports>[^|]+) \|$", re.MULTILINE)


def rooms() -> dict[str, set[str]]:
    """Room -> the rooms that it may import, from the table in ARCHITECTURE.md."""
    table = {}
    for row in ROW.finditer((PROJECT / "ARCHITECTURE.md").read_text()):
        allowed = row["imports"].strip()
        table[row["room"]] = set() if allowed == "nothing of ours" else set(allowed.split(", "))
    return table


ROOMS = rooms()


def imported_rooms(path: Path) -> set[str]:
    """The rooms of ours that a module imports, at its top or inside of functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("columnar_af.")}
    return found & {*ROOMS, "cli"}


def test_the_table_names_every_room():
    on_disk = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    on_disk |= {path.stem for path in PACKAGE.glob("*.py") if path.name != "__init__.py"}
    assert set(ROOMS) == on_disk


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_each_room_imports_what_it_may(room):
    if ROOMS[room] == {"everything"}:
        return
    folder = PACKAGE / room
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]:
        assert imported_rooms(path) <= ROOMS[room] | {room}, (
            f"{path.relative_to(PROJECT)} reaches into another room"
        )


def test_paths_in_the_text_exist():
    for path in re.findall(
        r"`((?:datasets|processing|results)/[\w.]+\.py)`", (PROJECT / "ARCHITECTURE.md").read_text()
    ):
        assert (PACKAGE / path).exists(), path

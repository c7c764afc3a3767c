"""``columnar-af cache``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from columnar_af.cli import cli
from columnar_af.ntuples.fast_reader import Column, ColumnCache
from columnar_af.ntuples.fast_reader.column_cache import ColumnKey


def test_info_and_clear(tmp_path: Path) -> None:
    """What is there is told, removed, and told again."""
    ColumnCache(tmp_path).put(ColumnKey("u", "t", "b", 0, 5), Column(np.arange(5.0)))
    run = CliRunner().invoke
    shown = json.loads(run(cli, ["cache", "info", "--folder", str(tmp_path), "--json"]).output)
    assert (shown["folder"], shown["entries"]) == (str(tmp_path), 1)
    assert shown["bytes"] > 40
    assert "held 1 columns" in run(cli, ["cache", "clear", "--folder", str(tmp_path)]).output
    assert "holds 0 columns" in run(cli, ["cache", "info", "--folder", str(tmp_path)]).output

"""``columnar-af plot``."""

from __future__ import annotations

import pytest

from columnar_af.cli import main


@pytest.mark.parametrize("elsewhere", [False, True])
def test_writes_figures_and_says_where(result_directory, tmp_path, capsys, elsewhere):
    folder = tmp_path / "pictures" if elsewhere else result_directory / "figures"
    with pytest.raises(SystemExit) as ended:
        main(["plot", str(result_directory), *(["-o", str(folder)] if elsewhere else [])])
    assert ended.value.code == 0
    assert [path.name for path in folder.iterdir()] == ["mass.png"]
    assert capsys.readouterr().out == f"1 figure in {folder}\n"


def test_a_histogram_that_is_not_there_is_an_error(result_directory, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["plot", str(result_directory), "--histogram", "mas"])
    assert ended.value.code == 1
    assert "mass" in capsys.readouterr().err

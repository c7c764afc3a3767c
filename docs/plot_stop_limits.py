"""Make the pictures of stop_limits.md: simulate the stop search, run it, fit and set limits.

    columnar-af simulate stop-loopsusy --events 6000 --seed 7 --compression lz4 -o ntuples --variations VARIATIONS
    columnar-af run stop_search ntuples/stop_loopsusy.yaml --executor futures --workers 2 -o result
    python docs/plot_stop_limits.py result docs

VARIATIONS are EG_SCALE_ALL__1up, EG_SCALE_ALL__1down, JET_GroupedNP_1__1up, JET_GroupedNP_1__1down,
JET_Flavor_Response__1up, JET_Flavor_Response__1down, MET_SoftTrk_ResoPara, MET_SoftTrk_ScaleUp, MET_SoftTrk_ScaleDown,
MUON_SCALE__1up, MUON_SCALE__1down, with commas between them. The signal regions stay blinded.
"""

from __future__ import annotations

import sys
from pathlib import Path

from columnar_af.plotting.limits import contour_figure
from columnar_af.plotting.style import atlas_style, write
from columnar_af.plotting.yields import region_figure
from columnar_af.results.run_result import RunResult
from columnar_af.statistics.building import ModelOptions
from columnar_af.statistics.study import StudyOptions, study
from columnar_af.statistics.yields import YieldTable


def main(result: Path, output: Path) -> None:
    """Write stop_regions.png and stop_exclusion.png.

    Args:
        result: Folder of a run of stop_search.
        output: Folder to write to.
    """
    table = YieldTable.of(RunResult.load(result))
    done = study(table, StudyOptions(ModelOptions(prune=0.005), with_discovery=False))
    with atlas_style():
        write(region_figure(done), output / "stop_regions.png")
        write(contour_figure(done.points, "Simulated events, asymptotic"), output / "stop_exclusion.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

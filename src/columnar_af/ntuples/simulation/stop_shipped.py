"""The small stop-search ntuples that ``datasets/`` ships for the demo and the tests, and how they are made again.

    python -m columnar_af.ntuples.simulation.stop_shipped datasets

The same files come from ``columnar-af simulate stop-loopsusy`` and ``stop-histfitter`` with the options that stand at the top
of their fileset files. They hold one campaign and a few variations of every kind.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from columnar_af.ntuples.simulation.output import TRUTH_FILE, atomic_file
from columnar_af.ntuples.simulation.stop_options import StopOptions
from columnar_af.ntuples.simulation.stop_simulation import simulate_stop

SAMPLES = ("Wt", "ttbar", "VV", "Zjets", "ttZ", "other", "fakes", "data", "stop4body_450_40")

SHIPPED = (
    StopOptions(
        "loopsusy",
        events=100,
        seed=2102,
        samples=SAMPLES,
        campaigns=("mc16e",),
        variations="EG_SCALE_ALL__1up,JET_GroupedNP_1__1up,JET_GroupedNP_1__1down,MET_SoftTrk_ResoPara,"
        "MUON_SAGITTA_RESBIAS__1up,MUON_SAGITTA_RESBIAS__1down",
        compression="zlib9",
    ),
    StopOptions(
        "histfitter",
        events=95,
        seed=2102,
        samples=SAMPLES,
        campaigns=("mc16e",),
        variations="JET_GroupedNP_1__1up,JET_GroupedNP_1__1down,MET_SoftTrk_ResoPara",
        compression="zlib9",
    ),
)


def command(options: StopOptions) -> str:
    """The command line that makes the same files."""
    return (
        f"columnar-af simulate stop-{options.layout} --events {options.events} --seed {options.seed}"
        f" --samples {','.join(options.samples)} --campaigns {','.join(options.campaigns)}"
        f" --variations {options.variations} --compression {options.compression} -o DIR"
    )


def remake(directory: Path) -> list[Path]:
    """Write the shipped ntuples, their filesets and their truth.

    Args:
        directory: Existing folder; files of the same names are replaced, all others stay.

    Returns:
        Everything written.

    Raises:
        OutputError: A file cannot be written.
    """
    return [path for options in SHIPPED for path in _remake_layout(options, directory)]


def _remake_layout(options: StopOptions, directory: Path) -> list[Path]:
    written = []
    with TemporaryDirectory(dir=directory, prefix=".stop-") as name:
        truth = simulate_stop(options, Path(name))
        for made in sorted(Path(name).iterdir()):
            final = f"stop_{options.layout}.truth.json" if made.name == TRUTH_FILE else made.name
            if made.name in truth["files"] and made.suffix == ".yaml":
                head = f"# Small simulated ntuples of the stop search; `make ntuples` makes them, as does\n# {command(options)}\n"
                with atomic_file(made) as part:
                    part.write_text(head + made.read_text(encoding="utf-8"), encoding="utf-8")
            written.append(made.replace(directory / final))
    return written


if __name__ == "__main__":
    remake(Path(sys.argv[1]))

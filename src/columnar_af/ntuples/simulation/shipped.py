"""The small T3M ntuples that ``datasets/`` ships for the demo and the tests, and how they are made again.

    python -m columnar_af.ntuples.simulation.shipped datasets

The same files come from ``columnar-af simulate t3m-ds-phi-pi`` with the options below; ``datasets/SEEDS.md`` has the
commands.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from columnar_af.ntuples.simulation.output import atomic_file
from columnar_af.ntuples.simulation.t3m import sample_truth, write_file
from columnar_af.ntuples.simulation.t3m_options import ERAS, Layout, T3MOptions

DATA = T3MOptions(
    events=100, layout=Layout.MINI_2021, is_data=True, ds_yield=30, dplus_yield=12, compression="zlib-9"
)
"""Every third event has a D_s, far more than real data, so that a few hundred events show the peak."""

SHIPPED: dict[str, T3MOptions] = {
    "2017B": replace(DATA, era="2017B", seed=20171),
    "2017C": replace(DATA, era="2017C", seed=20172, events=180, ds_yield=54, dplus_yield=22),
    "2017D": replace(DATA, era="2017D", seed=20173),
    "2017E": replace(DATA, era="2017E", seed=20174, events=180, ds_yield=54, dplus_yield=22),
    "2017F": replace(DATA, era="2017F", seed=20175, events=180, ds_yield=54, dplus_yield=22),
    "2018D": replace(DATA, era="2018D", seed=20184),
    "ds_phi_pi_mc_2017": T3MOptions(
        events=95, seed=20179, era="2017C", layout=Layout.MINI_2021, compression="zlib-9"
    ),
    "ds_phi_pi_mc_2017_aod": T3MOptions(events=20, seed=20170, era="2017F", compression="zlib-9"),
}
"""Dataset -> what its one file is."""

DS_CROSS_SECTION = 1.17e7
"""Cross-section of the 2017 D_s → φπ simulation in pb: 1.17e10 fb, github fsimone91/Tau3Mu_Analysis_MVA."""

TREE = "Tree3Mu/ntuple"
FILESET_FILE = "ds_phi_pi.yaml"
TRUTH_FILE = "ds_phi_pi.truth.json"
SEEDS_FILE = "SEEDS.md"


def remake(directory: Path) -> list[Path]:
    """Write the shipped ntuples, their truth, the fileset and the list of seeds.

    Args:
        directory: Existing folder; files of the same names are replaced.

    Returns:
        Everything written, the ntuples first.

    Raises:
        OutputError: A file cannot be written.
    """
    truths, ntuples = {}, []
    for name, options in SHIPPED.items():
        options.check()
        counts = write_file(options, 0, directory)
        path = directory / options.file_name(0)
        ntuples.append(path)
        truths[name] = sample_truth(options, counts, [path.name])
    texts = {
        TRUTH_FILE: json.dumps(truths, indent=1) + "\n",
        FILESET_FILE: FILESET_HEAD + yaml.safe_dump(fileset(), sort_keys=False),
        SEEDS_FILE: seeds(),
    }
    for name, text in texts.items():
        with atomic_file(directory / name) as part:
            part.write_text(text, encoding="utf-8")
    return [*ntuples, *(directory / name for name in texts)]


FILESET_HEAD = """\
# D_s -> phi(mu mu) pi: small simulated T3M ntuples, made by `make ntuples`; SEEDS.md says how, and the truth is in
# ds_phi_pi.truth.json. Luminosities in fb-1 (2018: of the prescaled control trigger), cross-sections in pb.
"""


def fileset() -> dict[str, Any]:
    """The fileset of the shipped files: coffea's dialect, paths relative to the fileset's file."""
    return {
        name: {"files": {options.file_name(0): TREE}, "metadata": _metadata(options)}
        for name, options in SHIPPED.items()
    }


def _metadata(options: T3MOptions) -> dict[str, Any]:
    if options.is_data:
        return {"era": options.era, "luminosity": ERAS[options.era].luminosity, "is_data": True}
    return {"era": options.era[:4], "cross_section": DS_CROSS_SECTION, "is_data": False}


def command(options: T3MOptions) -> str:
    """The command line that makes the same file."""
    words = [f"--events {options.events}", f"--seed {options.seed}", f"--layout {options.layout}"]
    words += ["--data" if options.is_data else "--simulation", f"--era {options.era}"]
    if options.ds_yield is not None:
        words += [f"--ds-yield {options.ds_yield}", f"--dplus-yield {options.dplus_yield}"]
    return f"columnar-af simulate t3m-ds-phi-pi {' '.join(words)} --compression {options.compression} -o DIR"


def seeds() -> str:
    """A table of dataset, file and command."""
    lines = [
        "# How the small T3M ntuples were made",
        "",
        "`make ntuples` makes them all again. One by one:",
        "",
    ]
    for name, options in SHIPPED.items():
        lines += [f"- `{name}`: `{options.file_name(0)}`", "", f"      {command(options)}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    remake(Path(sys.argv[1]))

"""A whole measurement, simulated: data and simulation of D_s → φπ, data and signal of τ → 3μ, and their filesets.

All samples belong to one world, whose cross-sections and fractions are chosen here, so that what a measurement finds can be
held against what was put in: the D_s of each era, the fraction from B decays, and the ratio of data to simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from columnar_af.ntuples.simulation.output import atomic_file, sample_folder, write_truth
from columnar_af.ntuples.simulation.t3m import sample_truth, write_file
from columnar_af.ntuples.simulation.t3m_files import truth_file
from columnar_af.ntuples.simulation.t3m_layouts import TREE
from columnar_af.ntuples.simulation.t3m_options import ERAS, Layout, T3MOptions, require
from columnar_af.ntuples.simulation.t3m_tau import tau_truth, write_tau_file
from columnar_af.ntuples.simulation.t3m_tau_options import Parent, TauOptions

COMMAND = "t3m-measurement"
"""Sub-command of ``columnar-af simulate`` that has these options."""

DS_CROSS_SECTION = 6.0e6
"""pb; D_s above 9 GeV in this simulated world, a choice: with the efficiency of this simulation it gives about the 1,700 D_s
per fb-1 that github fsimone91/Tau3Mu_Analysis_MVA fitted in 2017."""
DS_TO_MU_MU_PI = 4.5e-2 * 2.85e-4
"""B(D_s → φπ) B(φ → μμ) of this world: github Ma128-bit/Tau3muRun3, Utilities/cpp_library.h."""
B_TO_DS, B0_SHARE = 0.08, 0.5
"""B(B → D_s X) and the part of B⁰ among the B mesons of this world: a choice."""
DATA_OVER_SIMULATION = 0.9
"""Data have this much of the D_s that the cross-section says: a choice, to be found again."""
DS_FRACTION, DPLUS_FRACTION = 0.15, 0.06
"""Events of data with a D_s, a D⁺: three times more than by default, so that 2,500 events of an era show the peak."""

CONTROL_FILESET, SEARCH_FILESET, SIGNAL_FILESET = "control.yaml", "search.yaml", "signal.yaml"


@dataclass(frozen=True)
class MeasurementOptions:
    """How much to simulate.

    Attributes:
        events: D_s data of each era.
        eras: Eras of data, 2017 and 2018.
        simulated_events: D_s simulation of each year.
        signal_events: τ → 3μ simulation of each parent and year.
        search_events: Three-muon data of each era.
        prompt_fraction: Of the D_s.
        seed: All random numbers follow from it.
    """

    events: int = 2500
    eras: tuple[str, ...] = ("2017B", "2017C", "2017D", "2017E", "2017F", "2018D")
    simulated_events: int = 2000
    signal_events: int = 2000
    search_events: int = 1500
    prompt_fraction: float = 0.74
    seed: int = 1

    def check(self) -> None:
        """Refuse what cannot be simulated.

        Raises:
            ConfigError: An option is outside its range; the message names it.
        """
        known = bool(self.eras) and set(self.eras) <= set(ERAS) and len(set(self.eras)) == len(self.eras)
        require(known, "--era", ", ".join(self.eras), f"different ones of {', '.join(ERAS)}", COMMAND)
        samples: dict[str, Sample] = {**self.control(), **self.signal(), **self.search()}
        for options in samples.values():
            options.check()

    def control(self) -> dict[str, T3MOptions]:
        """Dataset -> sample of D_s → φπ: data of each era, simulation of each year."""
        base = T3MOptions(self.events, layout=Layout.MINI_2021, prompt_fraction=self.prompt_fraction)
        data = {
            era: replace(
                base,
                is_data=True,
                era=era,
                seed=self._seed(0, number),
                ds_yield=round(DS_FRACTION * self.events),
                dplus_yield=round(DPLUS_FRACTION * self.events),
            )
            for number, era in enumerate(self.eras)
        }
        simulation = {
            f"ds_phi_pi_mc_{year}": replace(
                base, events=self.simulated_events, era=era, seed=self._seed(1, number)
            )
            for number, (year, era) in enumerate(self._years().items())
        }
        return data | simulation

    def signal(self) -> dict[str, TauOptions]:
        """Dataset -> sample of τ → 3μ, one for each year and parent."""
        wanted = [(year, era, parent) for year, era in self._years().items() for parent in Parent]
        return {
            f"tau_to_3mu_{parent}_{year}": TauOptions(
                self.signal_events,
                parent=parent,
                era=era,
                prompt_fraction=self.prompt_fraction,
                seed=self._seed(2, number),
            )
            for number, (year, era, parent) in enumerate(wanted)
        }

    def search(self) -> dict[str, TauOptions]:
        """Dataset -> sample of three-muon data, one for each era."""
        return {
            f"search_{era}": TauOptions(self.search_events, is_data=True, era=era, seed=self._seed(3, number))
            for number, era in enumerate(self.eras)
        }

    def _years(self) -> dict[str, str]:
        """Year -> its first era, the last year first."""
        return {era[:4]: era for era in reversed(self.eras)}

    def _seed(self, kind: int, number: int) -> int:
        """A seed of its own for each sample."""
        return self.seed * 1000 + kind * 100 + number


Sample = T3MOptions | TauOptions


def simulate_measurement(
    options: MeasurementOptions, directory: Path, *, overwrite: bool = False, workers: int = 1
) -> dict[str, Any]:
    """Write all samples into one folder, with three filesets and the truth of all.

    Args:
        options: How much.
        directory: Folder to write to.
        overwrite: Replace an earlier measurement there.
        workers: Processes.

    Returns:
        The truth: dataset -> truth of the sample, and ``world``: what was chosen.

    Raises:
        ConfigError: An option is wrong.
        OutputError: The folder is not empty, or a file cannot be written; no file is left behind.
    """
    options.check()
    samples: dict[str, Sample] = {**options.control(), **options.signal(), **options.search()}
    with sample_folder(directory, overwrite) as folder:
        written = [path for sample in samples.values() for path in _files(sample, folder)]
        texts = [folder / name for name in (CONTROL_FILESET, SEARCH_FILESET, SIGNAL_FILESET)]
        truths = _write_samples(samples, folder, workers)
        groups: tuple[Mapping[str, Sample], ...] = (options.control(), options.search(), options.signal())
        for path, group in zip(texts, groups, strict=True):
            _write_fileset(path, {name: _entry(sample, truths[name]) for name, sample in group.items()})
        world = {
            "ds_cross_section": DS_CROSS_SECTION,
            "data_over_simulation": DATA_OVER_SIMULATION,
            "from_b": 1 - options.prompt_fraction,
        }
        summary = {
            "layout": COMMAND,
            "options": asdict(options),
            "files": [path.name for path in (*written, *texts)],
            "world": world,
            **truths,
        }
        write_truth(folder, summary)
    return summary


def _files(sample: Sample, directory: Path) -> tuple[Path, Path]:
    path = directory / sample.file_name(0)
    return path, truth_file(path)


def _write_samples(samples: Mapping[str, Sample], directory: Path, workers: int) -> dict[str, dict[str, Any]]:
    """Dataset -> truth of the sample, whatever the number of processes."""
    if workers == 1:
        return {name: write_one(sample, directory) for name, sample in samples.items()}
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        futures = {name: pool.submit(write_one, sample, directory) for name, sample in samples.items()}
        try:
            return {name: future.result() for name, future in futures.items()}
        finally:
            pool.shutdown(cancel_futures=True)  # after a failure: no file is begun any more


def write_one(sample: Sample, directory: Path) -> dict[str, Any]:
    """Write the one file of a sample; the truth of the sample."""
    names = [path.name for path in _files(sample, directory)]
    if isinstance(sample, TauOptions):
        return tau_truth(sample, write_tau_file(sample, 0, directory), names)
    return sample_truth(sample, write_file(sample, 0, directory), names)


def _entry(sample: Sample, truth: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset of a sample: coffea's dialect, paths relative to the fileset's file."""
    if isinstance(sample, TauOptions):
        return {"files": {sample.file_name(0): sample.tree}, "metadata": _tau_metadata(sample, truth)}
    return {"files": {sample.file_name(0): TREE}, "metadata": _ds_metadata(sample, truth)}


def _ds_metadata(sample: T3MOptions, truth: Mapping[str, Any]) -> dict[str, Any]:
    generated = truth["generated"]["ds"]
    if sample.is_data:
        per_inverse_femtobarn = 1000 * DS_CROSS_SECTION * DS_TO_MU_MU_PI * DATA_OVER_SIMULATION
        luminosity = round(generated / per_inverse_femtobarn, 6)
        return {"era": sample.era, "luminosity": luminosity, "is_data": True}
    return {
        "era": sample.era[:4],
        "cross_section": DS_CROSS_SECTION,
        "generated_events": generated,
        "is_data": False,
    }


def _tau_metadata(sample: TauOptions, truth: Mapping[str, Any]) -> dict[str, Any]:
    if sample.is_data:
        return {"era": sample.era, "luminosity": truth["luminosity"], "is_data": True}
    from_b = DS_CROSS_SECTION * (1 - sample.prompt_fraction) / B_TO_DS
    cross_sections = {Parent.DS: DS_CROSS_SECTION, Parent.B0: from_b * B0_SHARE}
    cross_sections[Parent.BP] = from_b * (1 - B0_SHARE)
    return {
        "era": sample.era[:4],
        "parent": str(sample.parent),
        "cross_section": round(cross_sections[sample.parent], 1),
        "generated_events": truth["generated"]["signal"],
        "is_data": False,
    }


FILESET_HEAD = """\
# Simulated by columnar-af simulate t3m-measurement; the truth is in truth.json. Luminosities in fb-1: of D_s data, that which
# gives the simulated D_s; cross-sections in pb, of the mesons that generated_events counts.
"""


def _write_fileset(path: Path, datasets: Mapping[str, Any]) -> None:
    with atomic_file(path) as part:
        part.write_text(FILESET_HEAD + yaml.safe_dump(dict(datasets), sort_keys=False), encoding="utf-8")

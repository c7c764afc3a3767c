"""The whole normalization, from results on disk to tables, datacards and a limit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from columnar_af.errors import OutputError
from columnar_af.normalization import search
from columnar_af.normalization.cards import (
    CountingBin,
    counting_bins,
    datacard,
    effects_of,
    normalization_lines,
    pyhf_specification,
    signal_bins,
)
from columnar_af.normalization.constants import Constants
from columnar_af.normalization.control_channel import FIT_FILE, control_channel, fitted_b_fraction, read_fits
from columnar_af.normalization.limit import upper_limit
from columnar_af.normalization.signal import (
    Efficiencies,
    by_cross_section,
    channels,
    efficiencies_from_file,
    efficiencies_from_simulation,
    expected_terms,
    other_years,
    yield_errors,
)
from columnar_af.normalization.tables import (
    Normalization,
    as_latex,
    era_rows,
    report,
    signal_rows,
    uncertainty_rows,
)
from columnar_af.normalization.uncertainties import fitted_fraction, load_uncertainties, with_measured_yield
from columnar_af.normalization.variations import measured_variations
from columnar_af.results.plain_values import plain
from columnar_af.results.run_result import RunResult


@dataclass(frozen=True)
class Inputs:
    """Where the inputs are, and choices.

    Attributes:
        data, simulation: Folders of runs of ds_phi_pi.
        fit: JSON of the mass fits; by default where ``columnar-af fit ds-mass`` writes it.
        shared_shapes: Whether to take the yields of the simultaneous fit of all eras.
        chosen: Era or year -> simulated dataset to take.
        eras: Eras to use; all that were fitted where empty.
        signal: Folder of a run of tau_to_3mu over simulation, for the efficiencies.
        efficiencies: YAML of efficiencies, in place of ``signal``.
        searched: Folder of a run of tau_to_3mu over data, for the background.
        b_fraction: Fraction of D_s from B decays; by default that of the fits, else the constant.
        constants, uncertainties: YAML files in place of the package's.
        with_limit: Whether to compute the limit.
    """

    data: Path
    simulation: Path
    fit: Path | None = None
    shared_shapes: bool = False
    chosen: Mapping[str, str] = field(default_factory=dict)
    eras: tuple[str, ...] = ()
    signal: Path | None = None
    efficiencies: Path | None = None
    searched: Path | None = None
    b_fraction: float | None = None
    constants: Path | None = None
    uncertainties: Path | None = None
    with_limit: bool = True


def normalize(inputs: Inputs) -> Normalization:
    """Compute the normalization; the signal only where efficiencies are given, the limit only where a search is.

    Raises:
        ConfigError: An input is missing, or does not fit the others.
    """
    constants = Constants.load(inputs.constants)
    fit = inputs.fit or inputs.data / FIT_FILE
    simulation = RunResult.load(inputs.simulation)
    control = control_channel(
        RunResult.load(inputs.data),
        simulation,
        read_fits(fit, shared_shapes=inputs.shared_shapes),
        constants,
        chosen=inputs.chosen,
        eras=inputs.eras,
    )
    eras = control.eras
    nuisances = with_measured_yield(load_uncertainties(inputs.uncertainties), yield_errors(eras))
    nuisances += measured_variations(eras, simulation)
    signal = None if inputs.signal is None else RunResult.load(inputs.signal)
    found = {year: _efficiencies(inputs, signal, year) for year in dict.fromkeys(era.year for era in eras)}
    b_fraction = inputs.b_fraction
    if b_fraction is None and (measured := fitted_b_fraction(fit)) is not None:
        b_fraction = measured.value
        nuisances += (fitted_fraction(measured.relative, {era.year for era in eras}),)
    terms = expected_terms(eras, found, channels(constants, b_fraction))
    bins: tuple[CountingBin, ...] = ()
    if terms and inputs.searched is not None:
        result = RunResult.load(inputs.searched)
        bins = counting_bins(terms, search.backgrounds(result), search.observed(result))
    limit = upper_limit(bins, nuisances, constants.tau_to_3mu.value) if bins and inputs.with_limit else None
    check = by_cross_section(eras, signal, found, constants) if signal is not None else {}
    borrowed = other_years(signal, found) if signal is not None else {}
    return Normalization(
        constants, eras, terms, nuisances, bins, limit, b_fraction, control.left_out, check, borrowed
    )


def _efficiencies(inputs: Inputs, signal: RunResult | None, year: str) -> Efficiencies:
    """Those of a year; none where nobody gives any."""
    if signal is not None:
        return efficiencies_from_simulation(signal, year)
    return efficiencies_from_file(inputs.efficiencies) if inputs.efficiencies is not None else {}


def write(result: Normalization, folder: Path) -> list[Path]:
    """Write ``normalization.json``, ``.txt``, ``.tex``, the lines of the signal for a datacard of one's own, and, where there are
    counting experiments, datacards and a pyhf model.

    Raises:
        OutputError: The folder cannot be written.
    """
    tables = [as_latex(era_rows(result))]
    if result.terms:
        tables += [as_latex(signal_rows(result)), as_latex(uncertainty_rows(result))]
    files = {
        "normalization.json": json.dumps(plain(result.to_json()), indent=1, ensure_ascii=False) + "\n",
        "normalization.txt": report(result) + "\n",
        "normalization.tex": "\n".join(tables),
    }
    if result.terms:
        lines = normalization_lines(signal_bins(result.terms), result.nuisances)
        files["normalization_lines.txt"] = "\n".join(lines) + "\n"
    if result.bins:
        files["datacard.txt"] = datacard(result.bins, result.nuisances)
        files["pyhf_model.json"] = (
            json.dumps(pyhf_specification(result.bins, effects_of(result.bins, result.nuisances)), indent=1)
            + "\n"
        )
        files |= {f"datacard_{b.name}.txt": datacard([b], result.nuisances) for b in result.bins}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        msg = f"{folder} cannot be written: {error}"
        raise OutputError(msg) from error
    return [folder / name for name in files]

"""Results of a run as the processor of the stop search gives them, made by hand with known yields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hist import Hist
from hist.axis import Regular, StrCategory
from hist.storage import Double, Weight

from columnar_af.results.ledger import Ledger, LedgerEntry
from columnar_af.results.run_result import DatasetSummary, RunResult

REGIONS = ("CRtop", "CRDib", "VRtop", "VRDib", "SRA", "SRB")
VARIATIONS = ("Nominal", "JET_GroupedNP_1__1up", "JET_GroupedNP_1__1down", "MET_SoftTrk_ResoPara")
LUMINOSITIES = {"mc16a": 36.2, "mc16e": 58.45}
LUMINOSITY = sum(LUMINOSITIES.values())
GENERATED = {"mc16a": 5_000.0, "mc16e": 8_000.0}
CROSS_SECTION = 0.1

EXPECTED = {
    "ttbar": (800.0, 60.0, 120.0, 20.0, 5.0, 8.0),
    "VV": (40.0, 300.0, 15.0, 60.0, 4.0, 6.0),
    "Wt": (60.0, 20.0, 12.0, 5.0, 1.5, 2.0),
    "other": (5.0, 10.0, 3.0, 4.0, 0.8, 1.0),
}
"""Events of each sample in the regions, in all campaigns together."""

SIGNALS = {
    "stop4body_400_20": (0.5, 0.3, 0.2, 0.1, 9.0, 3.0),
    "stop4body_450_40": (0.5, 0.3, 0.2, 0.1, 6.0, 11.0),
    "stop4body_550_40": (0.2, 0.1, 0.1, 0.1, 2.0, 3.0),
}
FAKE_DATA = (12.0, 25.0, 5.0, 9.0, 3.0, 4.0)
FAKE_PROMPT = (2.0, 5.0, 1.0, 1.0, 0.5, 0.5)
"""Weighted anti-identified events in data, and prompt leptons among them: 2.5 fakes in SRA."""

OBSERVED = (985, 420, 162, 97, 13, 22)

SHIFTS = {"Nominal": 1.0, VARIATIONS[1]: 1.06, VARIATIONS[2]: 0.95, VARIATIONS[3]: 1.03}


def category(name: str, values: tuple[str, ...]) -> StrCategory:
    return StrCategory(values, name=name, overflow=False)


def filled(rows: Mapping[str, np.ndarray], weight: float, storage: Any = Weight) -> Hist:
    """Variation -> sums of weights per region, of events of one weight."""
    histogram = Hist(category("region", REGIONS), category("variation", tuple(rows)), storage=storage())
    view = histogram.view()
    for position, values in enumerate(rows.values()):
        if storage is Weight:
            view["value"][:, position] = values
            view["variance"][:, position] = np.abs(values) * weight
        else:
            view[:, position] = np.round(np.abs(values) / weight)
    return histogram


def shape(rows: Mapping[str, float], weight: float, *, whole: bool = False) -> Hist:
    """A falling spectrum with four bins, and some events above the axis."""
    axis = Regular(4, 200, 600, name="met", label="$E_T^{miss}$ [GeV]")
    histogram = Hist(category("variation", tuple(rows)), axis, storage=Weight())
    shares = np.array([0.0, 0.4, 0.3, 0.15, 0.1, 0.05])
    view = histogram.view(flow=True)
    for position, total in enumerate(rows.values()):
        contents = np.diff(np.round(np.cumsum(total * shares)), prepend=0) if whole else total * shares
        view["value"][position] = contents
        view["variance"][position] = contents * weight
    return histogram


def simulated(
    numbers: tuple[float, ...], era: str, *, fakes: tuple[float, ...] | None = None
) -> dict[str, Any]:
    """Output of one dataset: sums of weights before cross-section and luminosity."""
    scale = CROSS_SECTION * 1000 * LUMINOSITIES[era] / GENERATED[era]
    share = LUMINOSITIES[era] / LUMINOSITY
    rows = {name: share * np.array(numbers) * shift / scale for name, shift in SHIFTS.items()}
    hists: dict[str, Any] = {"yields": filled(rows, 1.0), "raw_events": filled(rows, 1.0, Double)}
    hists["SRB/met"] = shape({name: float(row[5]) for name, row in rows.items()}, 1.0)
    anti = {"Nominal": share * np.array(fakes or np.zeros(6)) / scale}
    hists["SRB/fake_met"] = shape({"Nominal": float(anti["Nominal"][5])}, 0.3)
    hists["fake_yields"], hists["fake_raw_events"] = filled(anti, 0.3), filled(anti, 0.3, Double)
    file = f"{era}.root"
    sums = {(file, "NumberEvents", GENERATED[era])}
    return {"entries": 100, "sums_of_weights": sums, "hists": hists}


def data(era: str, *, blinded: bool) -> dict[str, Any]:
    share = {"mc16a": 0.4, "mc16e": 0.6}[era]
    counts = np.array([round(share * count) for count in OBSERVED], float)
    if era == "mc16e":
        counts = np.array(OBSERVED) - np.array([round(0.4 * count) for count in OBSERVED], float)
    anti = LUMINOSITIES[era] / LUMINOSITY * np.array(FAKE_DATA)
    if blinded:
        counts[4:], anti[4:] = 0.0, 0.0
    hists = {
        "yields": filled({"Nominal": counts}, 1.0),
        "raw_events": filled({"Nominal": counts}, 1.0, Double),
        "fake_yields": filled({"Nominal": anti}, 0.3),
        "fake_raw_events": filled({"Nominal": anti}, 0.3, Double),
        "SRB/met": shape({"Nominal": float(counts[5])}, 1.0, whole=True),
        "SRB/fake_met": shape({"Nominal": float(anti[5])}, 0.3),
    }
    marks = {"SRA": True, "SRB": True} if blinded else {}
    return {"entries": 100, "sums_of_weights": set(), "hists": hists, "blinded": marks}


def stop_result(*, blinded: bool = False, unverified: bool = True, with_data: bool = True) -> RunResult:
    """Two campaigns of four backgrounds, five signals and data."""
    output: dict[str, Any] = {}
    metadata: dict[str, dict[str, Any]] = {}
    for era, luminosity in LUMINOSITIES.items():
        for sample, numbers in (EXPECTED | SIGNALS).items():
            name = f"{sample}_{era}"
            output[name] = simulated(numbers, era, fakes=FAKE_PROMPT if sample == "ttbar" else None)
            metadata[name] = {
                "era": era, "luminosity": luminosity, "sample": sample, "cross_section": CROSS_SECTION, "is_data": False,
            }  # fmt: skip
            if sample in SIGNALS:
                mass, difference = sample.split("_")[1:]
                metadata[name] |= {"stop_mass": float(mass), "mass_difference": float(difference)}
            if unverified:
                output[name]["unverified"] = ["SRA", "SRB"]
        if with_data:
            output[f"data_{era}"] = data(era, blinded=blinded)
            metadata[f"data_{era}"] = {
                "era": era,
                "luminosity": luminosity,
                "sample": "data",
                "is_data": True,
            }
    return run_result(output, metadata)


def run_result(output: dict[str, Any], metadata: Mapping[str, Mapping[str, Any]]) -> RunResult:
    """A result whose books close."""
    entries = tuple(
        LedgerEntry(number, name, f"/nowhere/{name}.root", "t", 0, 100, "u", "done", 100)
        for number, name in enumerate(output)
    )
    ledger = Ledger(entries)
    return RunResult(
        output, {name: DatasetSummary.of(name, metadata[name], ledger) for name in output}, ledger
    )

"""The search for top squarks with soft leptons (ATLAS, SUSY-2018-08): regions, systematic variations and fake leptons in one pass.

An event has two leptons of opposite charge, missing transverse momentum and jets. Its regions are data: ``stop_regions.yaml``
has every cut with its source, and says which thresholds are not verified. ``stop_systematics.yaml`` declares the variations, and
``stop_stitching.yaml`` which events of sliced samples are used.

What is done with each chunk of events, in this order:

1. Nominal: variables of the lepton pair, jets and ETmiss, once for each set of objects that regions are defined on.
2. Events that count. Simulation: those of the sample's slice of the generator's ETmiss, with prompt leptons; events with fake or
   non-prompt leptons are estimated from data with anti-identified leptons and fake factors. Data: those in no blinded region.
3. Regions: which events are in which, what each cut leaves, and what all other cuts leave (N-1).
4. Weights: the generator's times the scale factors, with all their variations at once. Cross-section and luminosity come after the
   merge, from what was really processed.
5. Each variation of objects: what depends on its columns is computed again, all else is nominal's; and only which events are in
   which region is asked for, the cheap cuts first, so that what is dear is computed for the events that these leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import awkward as ak
import numpy as np
from coffea.processor import ProcessorABC

from columnar_af.errors import ConfigError, WorkAddress
from columnar_af.ntuples.stop import Layout, StopSchema, layout_of
from columnar_af.ntuples.stop.trigger import runs_of
from columnar_af.selection.region_explanation import ViewStory
from columnar_af.selection.region_file import load_regions
from columnar_af.selection.regions import RegionSet
from columnar_af.stop.blinding import Blinding
from columnar_af.stop.chunk_results import ChunkResults
from columnar_af.stop.explained_event import explained_event
from columnar_af.stop.fakes import FakeFactors
from columnar_af.stop.normalization import generated_sums
from columnar_af.stop.stitching import Stitching
from columnar_af.stop.variable_table import OBJECT_SETS, VARIABLES
from columnar_af.stop.views import Method, View
from columnar_af.systematics import NOMINAL, Systematics, Variation, report_of

HERE = Path(__file__).parent
DEMO_FAKE_FACTORS = HERE.parent / "datasets" / "corrections" / "stop_fake_factors.json"
"""Fake factors of the simulated ntuples, for the demo; others are given with ``fake_factors``."""

THEORY = "LHE3Weight_"
"""How the names of theory variations begin; they replace the generator's weight."""

NTUPLES_OF_VARIATIONS = (Layout.LOOPSUSY, Layout.HISTFITTER)
"""The layouts that have variations and sums of weights; NanoAOD and PHYSLITE have neither."""


@dataclass(frozen=True)
class Variations:
    """The variations that a dataset has.

    Attributes:
        objects: Names of those that shift objects.
        weights: Those that move the weight.
    """

    objects: tuple[str, ...] = ()
    weights: tuple[Variation, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of the result."""
        return (*(variation.name for variation in self.weights), *self.objects)


class StopSearch(ProcessorABC):
    """The search.

    Args:
        regions: File of regions.
        only: Names of the regions to run; all where empty. One text may name several, with commas between them.
        objects: Sets of objects to run, ``139fb`` and ``36fb``; all where empty.
        systematics: ``all`` that are declared and that the dataset has, ``none``, or names.
        declaration: File of the declared variations.
        fakes: Whether fake leptons are estimated with fake factors. If not, simulated non-prompt leptons count as they are.
        fake_factors: correctionlib file of the fake factors; where None, those of the simulated ntuples.
        stitching: File of sliced samples.
        blinded: Whether data in blinded regions are left out.
        unblind: Names of the regions whose data are looked at all the same; recorded in the result and its provenance.
        trigger: Whether regions ask for the trigger.
        missing_variation: What to do where a variation is declared and not in the ntuple: ``error``, or ``nominal``.
        shapes: Variables whose histograms are filled for all variations; others are for nominal only.

    Raises:
        ConfigError: A file or a name cannot be used; the message shows the line.
    """

    schema: ClassVar[Any] = StopSchema

    def __init__(
        self,
        regions: str | Path = HERE / "stop_regions.yaml",
        only: str | Iterable[str] = (),
        objects: str | Iterable[str] = (),
        systematics: str | Iterable[str] = "all",
        declaration: str | Path = HERE / "stop_systematics.yaml",
        fakes: bool = True,
        fake_factors: str | Path | None = None,
        stitching: str | Path = HERE / "stop_stitching.yaml",
        blinded: bool = True,
        unblind: str | Iterable[str] = (),
        trigger: bool = True,
        missing_variation: Literal["error", "nominal"] = "error",
        shapes: str | Iterable[str] = (),
    ) -> None:
        chosen = chosen_regions(load_regions(regions, VARIABLES, OBJECT_SETS), listed(only), listed(objects))
        declared = Systematics.load(declaration)
        self.declared = declared.names
        self.systematics = chosen_variations(declared, systematics)
        self.shapes = listed(shapes)
        self.method = Method.of(
            chosen if trigger else chosen.without("trigger"),
            fakes=fakes,
            fake_factors=FakeFactors.load(fake_factors or DEMO_FAKE_FACTORS) if fakes else None,
            stitching=Stitching.load(stitching),
            blinding=Blinding.of(chosen, VARIABLES, blinded=blinded, unblind=listed(unblind)),
            missing=missing_variation,
        )

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Regions, yields and histograms of one chunk of events, under ``{dataset: ...}``."""
        metadata = events.metadata
        is_data = bool(metadata.get("is_data", False))
        layout = layout_of(events)
        variations = self.variations_of(metadata, layout)
        nominal = View.of(
            self.method,
            events,
            is_data=is_data,
            weight_variations=variations.weights,
            address=address_of(metadata),
        )
        results = ChunkResults(nominal, variations.names, self.shapes)
        results.add(NOMINAL, nominal)
        for name in variations.objects:
            results.add(name, nominal.varied(events, name))
        has_sums = layout in NTUPLES_OF_VARIATIONS and not is_data
        return {
            metadata["dataset"]: {
                "entries": nominal.size,
                "sumw": float(nominal.weights.nominal.sum()),
                "sums_of_weights": generated_sums(events) if has_sums else set(),
                "channels": channels_of(nominal),
                "cutflow": preselection_cutflow(results),
                "region_cutflows": results.cutflows,
                "hists": results.hists(),
                "fallbacks": results.fallbacks,
                **self.remarks(nominal, self.undeclared(metadata)),
            }
        }

    def explain(self, events: ak.Array, variations: Iterable[str] = ()) -> tuple[ViewStory, ...]:
        """What the cuts of all regions say about one event, nominal and under some variations."""
        chosen = [self.systematics[name] for name in variations]
        return explained_event(self.method, events, chosen, address_of(events.metadata))

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Refuse samples that count twice, and tell what became of the variations.

        Raises:
            ConfigError: Two samples hold the same events.
        """
        channels = {number for part in accumulator.values() for number in part["channels"]}
        self.method.stitching.require_no_alternatives(channels)
        for part in accumulator.values():
            yields = part["hists"]["yields"]
            if len(yields.axes["variation"]) > 1:
                present = set(yields.axes["variation"])
                declared = Systematics(one for one in self.systematics if one.name in present)
                declared.places = self.systematics.places
                part["systematics"] = report_of(declared, yields, part["fallbacks"]).lines()
        return accumulator

    def variations_of(self, metadata: Mapping[str, Any], layout: Layout) -> Variations:
        """The declared variations that a dataset has, by its metadata; data have none."""
        if metadata.get("is_data", False) or layout not in NTUPLES_OF_VARIATIONS:
            return Variations()
        objects = metadata.get("variations", True)
        experimental = metadata.get("weight_variations", True)
        theory = metadata.get("theory_variations", False)
        weights = (
            variation
            for variation in self.systematics.weights
            if has(theory if variation.name.startswith(THEORY) else experimental, variation.name)
        )
        names = (variation.name for variation in self.systematics.of_kind("columns", "tree"))
        return Variations(tuple(name for name in names if has(objects, name)), tuple(weights))

    def remarks(self, nominal: View, undeclared: set[str]) -> dict[str, Any]:
        """What any report of the result must say: thresholds that are not verified, what is blinded, opened or missing."""
        regions, blinding = self.method.regions, self.method.blinding
        unavailable: dict[str, set[str]] = {}
        for evaluation in nominal.evaluations.values():
            unavailable |= {name: {reason} for name, reason in evaluation.unavailable.items()}
        closed = blinding.closed if nominal.is_data else {}
        return {
            "unverified": {region.name: set(region.unverified_cuts) for region in regions if region.remark},
            "blinded": {name: {reason} for name, reason in closed.items()},
            "unblinded": set(blinding.opened),
            "unavailable": unavailable,
            "remarks": undeclared | set(trigger_remarks(nominal)),
        }

    def undeclared(self, metadata: Mapping[str, Any]) -> set[str]:
        """Remarks on variations that the metadata name and nobody declared, perhaps by a slip."""
        named = (metadata.get(key) for key in ("variations", "weight_variations", "theory_variations"))
        names = (name for several in named if isinstance(several, list | tuple) for name in several)
        return {f"{name} is not declared, and left out" for name in names if name not in self.declared}


def chosen_regions(regions: RegionSet, only: tuple[str, ...], objects: tuple[str, ...]) -> RegionSet:
    """The regions that are asked for, by name and by set of objects."""
    unknown = [name for name in objects if name not in OBJECT_SETS]
    if unknown:
        msg = f"there is no set of objects {unknown[0]!r}"
        raise ConfigError(msg, advice=f"the sets are {', '.join(OBJECT_SETS)}")
    chosen = regions.only(only) if only else regions
    if objects:
        chosen = chosen.only([region.name for region in chosen if region.objects in objects])
    if not len(chosen):
        msg = "no region is left to run"
        raise ConfigError(msg, advice=f"the regions are {', '.join(regions.names)}")
    return chosen


def chosen_variations(declared: Systematics, systematics: str | Iterable[str]) -> Systematics:
    """The declared variations that are asked for."""
    if systematics == "all":
        return declared
    names = () if systematics == "none" else listed(systematics)
    chosen = Systematics(declared[name] for name in dict.fromkeys(names))
    chosen.places = declared.places
    return chosen


def listed(names: str | Iterable[str]) -> tuple[str, ...]:
    """Names from a list, or from one text with commas between them."""
    parts = names.split(",") if isinstance(names, str) else [str(name) for name in names]
    return tuple(part.strip() for part in parts if part.strip())


def has(declared: bool | Iterable[str], name: str) -> bool:
    """Whether metadata say that a dataset has a variation: true for all, false for none, or the names."""
    return declared if isinstance(declared, bool) else name in declared


def channels_of(nominal: View) -> set[int]:
    """Numbers of the samples that the events are from."""
    variables = nominal.any_variables
    if nominal.is_data or variables.why_missing("channel_number"):
        return set()
    return {int(number) for number in np.unique(variables.channel_number)}


def trigger_remarks(nominal: View) -> Iterable[str]:
    """Chains of the trigger that these runs need and the ntuple lacks: they count as if they never fired."""
    asked = any("trigger" in region.variables for region in nominal.method.regions)
    for chain in getattr(nominal.any_variables, "missing_chains", ()) if asked else ():
        yield f"the ntuple lacks {chain}, a trigger of runs {runs_of(chain)}: it counts as if it never fired"


def preselection_cutflow(results: ChunkResults) -> Any:
    """The cutflow of the preselection; of the first region where there is none."""
    regions = results.nominal.method.regions
    names = [region.name for region in regions if region.kind == "preselection"] or list(results.cutflows)
    return next((results.cutflows[name] for name in names if name in results.cutflows), None)


def address_of(metadata: Mapping[str, Any]) -> WorkAddress:
    """Where the chunk is, for errors."""
    return WorkAddress(
        dataset=metadata.get("dataset"),
        file=metadata.get("filename"),
        tree=metadata.get("treename"),
        start=metadata.get("entrystart"),
        stop=metadata.get("entrystop"),
    )

"""Schemas of the stop ntuples: the branches as events with leptons, jets, ETmiss and weights in GeV.

The structured fields are nominal, for looking at events and for analyses of one's own; the search itself reads the columns
of :func:`columnar_af.ntuples.stop.stop_source`, which knows variations. Every branch stays there under its own name, as it is
in the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from coffea.nanoevents import NanoAODSchema, PHYSLITESchema
from coffea.nanoevents.methods import base, candidate, vector
from coffea.nanoevents.schemas.base import BaseSchema
from coffea.nanoevents.util import quote, unquote

from columnar_af.errors import SchemaError
from columnar_af.ntuples.stop import transforms as _transforms  # noqa: F401  # registers what the form keys name
from columnar_af.ntuples.stop.columns import FACTORS
from columnar_af.ntuples.stop.layouts import Layout, recognise
from columnar_af.ntuples.stop.trigger import CHAINS
from columnar_af.ntuples.stop.variations import NOMINAL
from columnar_af.ntuples.t3m.columns import Repair
from columnar_af.ntuples.t3m.transforms import place_of

Form = dict[str, Any]

FLAT, GEV, FLAG, SIGN = "!stop_flat", "!stop_gev", "!stop_flag", "!stop_sign"

LEPTONS = {
    "pt": ("ptleptons", GEV, "float64", "p_T [GeV]"),
    "eta": ("etaleptons", FLAT, None, "pseudorapidity"),
    "phi": ("phileptons", FLAT, None, "azimuth [rad]"),
    "mass": ("massleptons", GEV, "float64", "mass [GeV]"),
    "charge": ("flavlep", SIGN, "int32", "charge"),
    "flavour": ("flavlep", FLAT, None, "11 or 13 with the sign of the charge"),
    "is_signal": ("isSignallep", FLAG, "bool", "identification and impact parameters"),
    "is_medium": ("isMediumlep", FLAG, "bool", "medium identification"),
    "is_fc_loose": ("LepIsoFCLoose", FLAG, "bool", "isolation FCLoose"),
    "is_gradient": ("LepIsoGradient", FLAG, "bool", "isolation Gradient"),
    "passes_overlap_removal": ("passORlep", FLAG, "bool", "stays after the overlap removal"),
    "origin": ("Originlep", FLAT, None, "origin of MCTruthClassifier"),
    "iff_class": ("IFFTypelep", FLAT, None, "class of the isolation and fake forum"),
}
"""Field -> base branch, what is done to it, type where that changes it, and doc."""

JETS = {
    "pt": ("ptjets", GEV, "float64", "p_T [GeV]"),
    "eta": ("etajets", FLAT, None, "pseudorapidity"),
    "phi": ("phijets", FLAT, None, "azimuth [rad]"),
    "mass": ("massjets", GEV, "float64", "mass [GeV]"),
    "tag_bin": ("isBjets", FLAT, None, "pseudo-continuous b-tagging bin"),
    "jvt": ("JVTjets", FLAT, None, "jet vertex tagger"),
    "passes_overlap_removal": ("passORjet", FLAG, "bool", "stays after the overlap removal"),
}

LOOPSUSY_MET = {
    "pt": (f"EtMiss_tst_{NOMINAL}", GEV, "float64", "ETmiss [GeV]"),
    "phi": (f"EtMiss_tstPhi_{NOMINAL}", FLAT, None, "azimuth [rad]"),
    "significance": (f"EtMiss_SigObj_{NOMINAL}", FLAT, None, "object-based significance"),
}
HISTFITTER_MET = {
    "pt": ("MET", FLAT, None, "ETmiss [GeV]"),
    "phi": ("METphi", FLAT, None, "azimuth [rad]"),
    "significance": ("METsig", FLAT, None, "object-based significance"),
}
LOOPSUSY_WEIGHTS = {
    "WeightEvents": ("WeightEvents", FLAT, None, "weight of the generator"),
    **{name: (f"{name}_{NOMINAL}", FLAT, None, "scale factor") for name in FACTORS},
}
HISTFITTER_WEIGHTS = {name: (name, FLAT, None, "weight") for name in ("WeightEvents", *FACTORS)}
TRIGGER = {chain: (f"{chain}_{NOMINAL}", FLAG, "bool", "decision") for chain in CHAINS}
SCALARS = {
    "run": ("RunNumber", FLAT, None, "run"),
    "event": ("EventNumber", FLAT, None, "number of the event"),
    "gen_filt_met": ("GenFiltMET", GEV, "float64", "ETmiss of the generator filter [GeV]"),
    "gen_filt_ht": ("GenFiltHT", GEV, "float64", "HT of the generator filter [GeV]"),
}

Table = Mapping[str, tuple[str, str, str | None, str]]

behavior: dict[Any, Any] = {**base.behavior, **vector.behavior, **candidate.behavior}


@dataclass(frozen=True)
class _Collection:
    """Lists of objects.

    Attributes:
        table: Its columns, base branches.
        counter: Branch that has the lengths.
        record: Behavior of the objects.
    """

    table: Table
    counter: str
    record: str


COLLECTIONS = {
    "leptons": _Collection(LEPTONS, "ptleptons", "PtEtaPhiMCandidate"),
    "jets": _Collection(JETS, "ptjets", "PtEtaPhiMLorentzVector"),
}


class _StopLayoutSchema(BaseSchema):
    """Adds structured fields to the branches.

    Args:
        base_form: Form of the tree, as coffea makes it.
        version: What coffea passes in dask mode.

    Raises:
        SchemaError: The tree has another layout.
    """

    __dask_capable__ = True
    layout: ClassVar[Layout]
    collections: ClassVar[Mapping[str, _Collection]] = {}
    records: ClassVar[Mapping[str, Table]]

    def __init__(self, base_form: Form, version: str | None = None) -> None:
        del version
        super().__init__(base_form)
        branches = dict(zip(self._form["fields"], self._form["contents"], strict=True))
        require_layout(branches, self.layout)
        place = place_of(self._form["parameters"]["metadata"] or {})
        fields = {name: _list_of(what, name, branches, place) for name, what in self.collections.items()}
        for name, table in self.records.items():
            fields[name] = _record(name, _columns(table, branches))
        fields |= _columns(SCALARS, branches)
        fields |= branches
        self._form["fields"] = list(fields)
        self._form["contents"] = list(fields.values())

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """coffea's NanoEvents with Lorentz vectors."""
        return behavior


class LoopSusySchema(_StopLayoutSchema):
    """The layout ``loopsusy``: ``events.leptons, jets, met, weights, trigger, run, event, gen_filt_met, gen_filt_ht``.

    Lengths of leptons and jets are compared when a column is read. What the ntuple lacks (truth, in data) is left out.
    """

    layout = Layout.LOOPSUSY
    collections = COLLECTIONS
    records: ClassVar[Mapping[str, Table]] = {
        "met": LOOPSUSY_MET,
        "weights": LOOPSUSY_WEIGHTS,
        "trigger": TRIGGER,
    }


class HistFitterSchema(_StopLayoutSchema):
    """The layout ``histfitter``: ``events.met, weights, run, event, gen_filt_met, gen_filt_ht`` and the flat variables."""

    layout = Layout.HISTFITTER
    records: ClassVar[Mapping[str, Table]] = {"met": HISTFITTER_MET, "weights": HISTFITTER_WEIGHTS}


class _QuietNanoAODSchema(NanoAODSchema):
    """Without the warnings on cross-references that a file lacks and fields that are replaced: the search uses neither."""

    def __init__(self, base_form: Form, *args: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            super().__init__(base_form, *args)


SCHEMAS: Mapping[Layout, type[BaseSchema]] = {
    Layout.LOOPSUSY: LoopSusySchema,
    Layout.HISTFITTER: HistFitterSchema,
    Layout.NANOAOD: _QuietNanoAODSchema,
    Layout.PHYSLITE: PHYSLITESchema,
}


class StopSchema(BaseSchema):
    """The schema that fits the tree: one of the two stop layouts, NanoAOD or PHYSLITE, told by its branches.

    Making one gives an instance of that schema, so that the events are what it makes them.

    Args:
        base_form: Form of the tree, as coffea makes it.
        args: What coffea passes in dask mode.

    Raises:
        SchemaError: The tree has none of the four layouts.
    """

    __dask_capable__ = True

    def __new__(cls, base_form: Form, *args: Any) -> BaseSchema:
        """See the class."""
        return SCHEMAS[recognise(base_form["fields"])](base_form, *args)

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """What the four schemas need."""
        return {key: value for schema in SCHEMAS.values() for key, value in schema.behavior().items()}


def require_layout(branches: Mapping[str, Form], layout: Layout) -> None:
    """Raise SchemaError unless the tree has this layout."""
    recognise_as = recognise(branches.keys())
    if recognise_as is not layout:
        msg = f"the tree has the layout {recognise_as.value}, not {layout.value}"
        raise SchemaError(msg, advice="use StopSchema, which chooses")


def _columns(table: Table, branches: Mapping[str, Form]) -> dict[str, Form]:
    """Columns of one number per event, those that the tree has."""
    return {
        name: _numpy(
            f"{_load(branches[branch])},{change}", kind or branches[branch]["primitive"], doc, branch
        )
        for name, (branch, change, kind, doc) in table.items()
        if branch in branches and branches[branch]["class"] == "NumpyArray"
    }


def _list_of(what: _Collection, name: str, branches: Mapping[str, Form], place: str) -> Form:
    counter = f"{what.counter}_{NOMINAL}"
    contents = {}
    for field, (base_branch, change, kind, doc) in what.table.items():
        branch = f"{base_branch}_{NOMINAL}"
        if branch not in branches or not branches[branch]["class"].startswith("ListOffset"):
            continue
        load = _load(branches[branch])
        matched = f"{load},{counter},!load,{branch},{counter},{Repair.NONE.value},{place},!t3m_matched"
        program = f"{load if branch == counter else matched},{change}"
        contents[field] = _numpy(program, kind or branches[branch]["content"]["primitive"], doc, branch)
    return {
        "class": "ListOffsetArray",
        "offsets": "i64",
        "content": _record(name, contents, what.record),
        "parameters": {"__doc__": name},
        "form_key": branches[counter]["form_key"],
    }


def _record(name: str, contents: Mapping[str, Form], record: str | None = None) -> Form:
    return {
        "class": "RecordArray",
        "fields": list(contents),
        "contents": list(contents.values()),
        "parameters": {"__doc__": name} | ({"__record__": record} if record else {}),
        "form_key": quote(f"!invalid,{name}"),
    }


def _numpy(program: str, primitive: str, doc: str, branch: str) -> Form:
    return {
        "class": "NumpyArray",
        "primitive": primitive,
        "inner_shape": [],
        "parameters": {"__doc__": f"{doc} (branch {branch})"},
        "form_key": quote(program),
    }


def _load(form: Form) -> str:
    """The program, coffea's own, that reads the branch."""
    return unquote(form["form_key"])

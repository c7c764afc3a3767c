"""The stop search the slow way: one event, one region, one cut at a time, on plain lists and floats.

This is what the columnar processor is compared with. It is written from the project's reference document on the search
(``stop_4body.md``; "section" below means a section of it) and shares no code with the package: no schema, no kernel, no
region file; every threshold is typed in again. GeV and radians.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import uproot

MISSING = math.nan

# section 1.5: the weight of an event, without cross-section and luminosity; the trigger weight is for lepton triggers
FACTORS = (
    "WeightEventsPU", "WeightEventselSF", "WeightEventsmuSF", "WeightEventsJVT", "WeightEventsbTag", "WeightEventsSF_global",
)  # fmt: skip

# section 5.3: absolute weights in place of the generator's
THEORY = "LHE3Weight_"

# section 6.1: what a variation replaces, by how its name begins
LEPTON_NAMES = (
    "ptleptons", "etaleptons", "phileptons", "massleptons", "flavlep", "isSignallep", "LepIsoFCLoose", "LepIsoGradient",
    "Originlep", "passORlep", "passORjet", "EtMiss_tst", "EtMiss_tstPhi", "EtMiss_SigObj", "WeightEventselSF",
    "WeightEventsmuSF", "WeightEventsSF_global",
)  # fmt: skip
JET_NAMES = (
    "ptjets", "etajets", "phijets", "isBjets", "passORjet", "passORlep", "EtMiss_tst", "EtMiss_tstPhi", "EtMiss_SigObj",
    "WeightEventsJVT", "WeightEventsbTag",
)  # fmt: skip
MET_NAMES = ("EtMiss_tst", "EtMiss_tstPhi", "EtMiss_SigObj")
ALL_NAMES = dict.fromkeys((*LEPTON_NAMES, *JET_NAMES, *FACTORS))

# section 1.4
TRIGGERS = (
    (297729, ["xe70_mht"]),
    (302393, ["xe90_mht_L1XE50", "xe80_tc_lcw_L1XE50"]),
    (302872, ["xe90_mht_L1XE50"]),
    (311481, ["xe110_mht_L1XE50"]),
    (328393, ["xe90_pufit_L1XE50", "xe110_pufit_L1XE55"]),
    (330470, ["xe100_pufit_L1XE50", "xe100_pufit_L1XE55", "xe110_pufit_L1XE55"]),
    (331975, ["xe110_pufit_L1XE50", "xe110_pufit_L1XE55"]),
    (348196, ["xe110_pufit_L1XE50"]),
    (355273, ["xe110_pufit_L1XE50", "xe120_pufit_L1XE50"]),
    (math.inf, ["xe110_pufit_xe70_L1XE50"]),
)

# section 8, GeV: above the first, up to and with the second
SLICES = {
    410470: (-math.inf, 200), 410472: (-math.inf, 200),
    410646: (-math.inf, 200), 410647: (-math.inf, 200), 410648: (-math.inf, 200), 410649: (-math.inf, 200),
    407345: (200, 300), 407346: (300, 400), 407347: (400, math.inf),
    411193: (200, 300), 411196: (200, 300), 411199: (200, 300), 411202: (200, 300),
    411194: (300, 400), 411197: (300, 400), 411200: (300, 400), 411203: (300, 400),
    411195: (400, math.inf), 411198: (400, math.inf), 411201: (400, math.inf), 411204: (400, math.inf),
}  # fmt: skip

# section 1.3
PROMPT = (10, 12, 13, 14, 43, 22)
ORIGIN_UNKNOWN_IS_PROMPT = (410142, 410144, 364242, 364243, 364244, 364245, 364246, 364247, 364248, 364249)

# sections 1.1 and 2.2: electron pT, |eta|, muon pT, |eta|, jet pT, |eta|, |eta| of b-jets
OBJECTS = {
    "139fb": (4.5, 2.47, 4.0, 2.4, 20.0, 2.8, 2.5),
    "36fb": (7.0, 2.47, 7.0, 2.5, 25.0, 2.5, 2.5),
}

# the demo's fake factors: simulated, pT edges 0, 7, 15, 30 and |eta| edges 0, 1.37
ELECTRON_FACTORS = ((0.20, 0.16), (0.32, 0.27), (0.42, 0.38), (0.50, 0.45))
MUON_FACTORS = ((0.60, 0.52), (0.50, 0.45), (0.46, 0.42), (0.55, 0.50))


def dphi(first: float, second: float) -> float:
    """Azimuthal distance in [0, pi]."""
    return abs(math.remainder(first - second, 2 * math.pi))


@dataclass(frozen=True)
class Lepton:
    """A baseline lepton."""

    pt: float
    eta: float
    phi: float
    mass: float
    flavour: int
    signal: bool
    gradient: bool
    loose: bool
    origin: int = 0

    @property
    def is_electron(self) -> bool:
        return abs(self.flavour) == 11

    @property
    def identified(self) -> bool:  # section 7
        return self.signal and (self.gradient if self.is_electron else self.loose)

    @property
    def energy(self) -> float:
        return math.hypot(self.mass, self.pt * math.cosh(self.eta))

    @property
    def vector(self) -> tuple[float, float, float]:
        return self.pt * math.cos(self.phi), self.pt * math.sin(self.phi), self.pt * math.sinh(self.eta)

    @property
    def fake_factor(self) -> float:
        row = sum(self.pt >= edge for edge in (7, 15, 30))
        column = int(abs(self.eta) >= 1.37)
        return (ELECTRON_FACTORS if self.is_electron else MUON_FACTORS)[row][column]


@dataclass(frozen=True)
class Jet:
    """A signal jet."""

    pt: float
    eta: float
    phi: float
    tagged: bool


@dataclass
class Event:
    """What is seen of one event under one variation; all that regions cut on follows from it."""

    leptons: list[Lepton]
    jets: list[Jet]
    met: float
    met_phi: float
    met_significance: float
    trigger: bool = True
    cleaning: bool = True
    weight: float = 1.0
    weights: dict[str, float] = field(default_factory=dict)
    flat: dict[str, Any] = field(default_factory=dict)

    @property
    def n_baseline(self) -> int:
        return self.flat["nlep"] if self.flat else len(self.leptons)

    @property
    def n_signal(self) -> int:
        return sum(lepton.identified for lepton in self.leptons)

    @cached_property
    def pair(self) -> list[Lepton]:
        """The two signal leptons, else the leading two."""
        signal = [lepton for lepton in self.leptons if lepton.identified]
        return signal if len(signal) == 2 else self.leptons[:2]

    @property
    def has_pair(self) -> bool:
        return len(self.pair) == 2

    @property
    def opposite(self) -> bool:
        return self.has_pair and self.pair[0].flavour * self.pair[1].flavour < 0

    @property
    def same_flavour(self) -> bool:
        return self.has_pair and abs(self.pair[0].flavour) == abs(self.pair[1].flavour)

    @property
    def m_ll(self) -> float:
        if self.flat:
            return self.flat["mll"]
        one, two = self.pair
        total = [sum(parts) for parts in zip(one.vector, two.vector, strict=True)]
        return math.sqrt(max((one.energy + two.energy) ** 2 - sum(part**2 for part in total), 0.0))

    @property
    def n_jets(self) -> int:
        return self.flat["njet"] if self.flat else len(self.jets)

    @property
    def n_b(self) -> int:
        return self.flat["nbjet"] if self.flat else sum(jet.tagged for jet in self.jets)

    @property
    def jet1_pt(self) -> float:
        return self.jets[0].pt if self.jets else MISSING

    @property
    def third_jet_share(self) -> float:
        return self.jets[2].pt / self.met if len(self.jets) > 2 else 0.0

    @property
    def both_tagged(self) -> bool:
        return len(self.jets) > 1 and self.jets[0].tagged and self.jets[1].tagged

    @property
    def r_2l(self) -> float:
        return self.flat["METoverHTLep"] if self.flat else self.met / (self.pair[0].pt + self.pair[1].pt)

    @property
    def r_2l4j(self) -> float:
        if self.flat:
            return self.flat["R2l4j"]
        jets = sum(jet.pt for jet in self.jets[:4])
        return self.met / (self.met + self.pair[0].pt + self.pair[1].pt + jets)

    @cached_property
    def boost(self) -> tuple[float, float]:
        """Modulus, and angle to the missing momentum."""
        if self.flat:
            return self.flat["pbll"], self.flat["DPhib"]
        x, y = self.met * math.cos(self.met_phi), self.met * math.sin(self.met_phi)
        for lepton in self.pair:
            x, y = x + lepton.vector[0], y + lepton.vector[1]
        return math.hypot(x, y), dphi(math.atan2(y, x), self.met_phi)

    @property
    def nearest_jet(self) -> float:
        if self.flat:
            return self.flat["minDRlep2jets"]
        second = self.pair[1]
        distances = [math.hypot(jet.eta - second.eta, dphi(jet.phi, second.phi)) for jet in self.jets]
        return min(distances, default=math.inf)

    @cached_property
    def razor(self) -> tuple[float, float, float, float]:
        """M_Delta^R, R_pT, 1/gamma_R+1, dphi_beta^R: closed form of section 3, massless leptons."""
        if self.flat:
            return tuple(self.flat[name] for name in ("MDR", "RPT", "gamInvRp1", "DPB_vSS"))
        return super_razor(self.pair, self.met, self.met_phi)

    @cached_property
    def m_t2(self) -> float:
        return m_t2(self.pair, self.met * math.cos(self.met_phi), self.met * math.sin(self.met_phi))


def boosted(vector: list[float], beta: tuple[float, float, float]) -> list[float]:
    """A four-vector (E, x, y, z) in the frame that moves with -beta."""
    square = sum(part**2 for part in beta)
    gamma = 1 / math.sqrt(1 - square)
    along = sum(b * p for b, p in zip(beta, vector[1:], strict=True))
    factor = (gamma - 1) * along / square + gamma * vector[0] if square else vector[0]
    return [gamma * (vector[0] + along), *(p + b * factor for b, p in zip(beta, vector[1:], strict=True))]


def super_razor(pair: list[Lepton], met: float, met_phi: float) -> tuple[float, float, float, float]:
    """Section 3, steps 1 to 5."""
    one, two = ([lepton.pt * math.cosh(lepton.eta), *lepton.vector] for lepton in pair)
    along = -(one[3] + two[3]) / (one[0] + two[0])
    one, two = boosted(one, (0, 0, along)), boosted(two, (0, 0, along))
    total = [a + b for a, b in zip(one, two, strict=True)]
    recoil = (total[1] + met * math.cos(met_phi), total[2] + met * math.sin(met_phi))
    square = recoil[0] ** 2 + recoil[1] ** 2
    d = total[1] * recoil[0] + total[2] * recoil[1]
    energy = total[0]
    shat = math.sqrt(2 * (energy**2 - d + energy * math.sqrt(max(energy**2 + square - 2 * d, 0))))
    scale = 1 / math.sqrt(square + shat**2)
    beta = (-recoil[0] * scale, -recoil[1] * scale, 0.0)
    one, two = boosted(one, beta), boosted(two, beta)
    total = [a + b for a, b in zip(one, two, strict=True)]
    angle = dphi(math.atan2(total[2], total[1]), math.atan2(beta[1], beta[0]))
    # the angle to the boost itself, which is along the recoil
    angle = math.pi - angle
    beta_r = [(a - b) / (one[0] + two[0]) for a, b in zip(one[1:], two[1:], strict=True)]
    gamma = 1 / math.sqrt(1 - min(sum(part**2 for part in beta_r), 1 - 1e-12))
    recoil_pt = math.sqrt(square)
    return shat / (2 * gamma), recoil_pt / (recoil_pt + shat / 4), 1 / gamma, angle


def m_t2(pair: list[Lepton], miss_x: float, miss_y: float) -> float:
    """Stransverse mass with massless invisible particles, by brute minimization: the squared masses are convex."""
    reach = 3 * (abs(miss_x) + abs(miss_y) + pair[0].pt + pair[1].pt)
    (x1, y1, _), (x2, y2, _) = pair[0].vector, pair[1].vector
    square1, square2 = pair[0].mass ** 2, pair[1].mass ** 2
    energy1, energy2 = math.hypot(pair[0].mass, pair[0].pt), math.hypot(pair[1].mass, pair[1].pt)
    hypot = math.hypot

    def larger(x: float, y: float) -> float:
        """The larger one of both squared transverse masses, where (x, y) goes with the first lepton."""
        u, v = miss_x - x, miss_y - y
        first = square1 + 2 * (energy1 * hypot(x, y) - x1 * x - y1 * y)
        second = square2 + 2 * (energy2 * hypot(u, v) - x2 * u - y2 * v)
        return first if first > second else second

    def best_of(function: Any) -> float:
        low, high = -reach, reach
        golden = (math.sqrt(5) - 1) / 2
        left, right = high - golden * (high - low), low + golden * (high - low)
        at_left, at_right = function(left), function(right)
        for _ in range(48):  # to 1e-10 of the reach
            if at_left < at_right:
                high, right, at_right = right, left, at_left
                left = high - golden * (high - low)
                at_left = function(left)
            else:
                low, left, at_left = left, right, at_right
                right = low + golden * (high - low)
                at_right = function(right)
        return min(at_left, at_right)

    return math.sqrt(max(best_of(lambda x: best_of(lambda y: larger(x, y))), 0.0))


# --- regions: section 2, and section 9 for what is not verified ---------------------------------------------------------


def two_leptons(event: Event, anti: bool) -> bool:
    """Exactly two; for the estimate of fakes all baseline leptons count."""
    return (event.n_baseline if anti else event.n_signal) == 2


def preselection(event: Event, anti: bool) -> bool:
    return (
        event.cleaning and event.trigger and event.n_baseline == 2 and two_leptons(event, anti)
        and event.opposite and event.met > 250
    )  # fmt: skip


def four_body(event: Event, anti: bool) -> bool:
    return preselection(event, anti) and event.m_ll > 10 and event.jet1_pt > 150


def four_body_signal(event: Event, anti: bool) -> bool:
    return (
        four_body(event, anti) and event.nearest_jet > 1 and event.met > 400 and event.met_significance > 10
        and event.boost[0] > 280
    )  # fmt: skip


def small(event: Event, anti: bool) -> bool:
    return (
        four_body_signal(event, anti) and event.pair[0].pt < 25 and event.pair[1].pt < 10 and event.r_2l > 25
        and event.r_2l4j > 0.44
    )  # fmt: skip


def large(event: Event, anti: bool) -> bool:
    return (
        four_body_signal(event, anti) and event.pair[0].pt < 100 and 10 <= event.pair[1].pt < 50 and event.r_2l > 13
        and event.r_2l4j > 0.38
    )  # fmt: skip


def beside(event: Event, anti: bool, *, tagged: bool, low: float, high: float) -> bool:
    """Control and validation regions: soft leptons, b-tag or veto, lower R_2l."""
    return (
        four_body(event, anti) and event.pair[0].pt < 100 and event.pair[1].pt < 50
        and (event.n_b >= 1) == tagged and low <= event.r_2l < high
    )  # fmt: skip


def four_body_36(event: Event, anti: bool) -> bool:
    return (
        event.cleaning and event.trigger and two_leptons(event, anti) and event.opposite and event.met > 200
        and event.m_ll > 10 and event.pair[0].pt < 80 and event.pair[1].pt < 35 and event.n_jets >= 2
        and event.jet1_pt > 150 and event.third_jet_share < 0.14 and event.r_2l4j > 0.35 and event.r_2l > 12
        and not event.both_tagged
    )  # fmt: skip


def hard_leptons(event: Event, anti: bool) -> bool:
    return (
        event.cleaning and event.n_baseline == 2 and two_leptons(event, anti) and event.opposite
        and event.pair[0].pt > 25 and event.pair[1].pt > 20 and event.m_ll > 20
    )  # fmt: skip


def two_body(event: Event, anti: bool) -> bool:
    return (
        hard_leptons(event, anti) and (not event.same_flavour or abs(event.m_ll - 91.2) > 20) and event.n_b >= 1
        and event.boost[1] < 1.5 and event.met_significance > 12
    )  # fmt: skip


def three_body(event: Event, anti: bool, *, same: bool, top: bool) -> bool:
    if not hard_leptons(event, anti) or event.same_flavour != same or event.met_significance <= 12:
        return False
    if same and 71.2 <= event.m_ll <= 111.2:
        return False
    mass, r_pt, gamma, angle = event.razor
    if not (gamma > 0.7 and angle > 2.3):
        return False
    return (
        event.n_b >= 1 and mass > 120 and r_pt > 0.70
        if top
        else event.n_b == 0 and mass > 105 and r_pt > 0.78
    )


def regions_of(event: Event, anti: bool) -> Iterator[str]:
    """The regions on the objects of 139 fb-1 that an event is in."""
    if preselection(event, anti):
        yield "preselection"
        if four_body(event, anti):
            chosen = {
                "SRA": small(event, anti),
                "SRB": large(event, anti),
                "CRtop": beside(event, anti, tagged=True, low=-math.inf, high=8),
                "CRDib": beside(event, anti, tagged=False, low=-math.inf, high=8),
                "VRtop": beside(event, anti, tagged=True, low=8, high=13),
                "VRDib": beside(event, anti, tagged=False, low=8, high=13),
            }
            yield from (name for name, inside in chosen.items() if inside)
    if two_body(event, anti):
        flavour = "SF" if event.same_flavour else "DF"
        for low, high in ((110, 120), (120, 140), (140, 160), (160, 180), (180, 220)):
            if low <= event.m_t2 < high:
                yield f"SR2body{flavour}_{low}_{high}"
        if event.m_t2 >= 220:
            yield f"SR2body{flavour}_220_inf"
        for low in (110, 120, 140, 160, 180, 200, 220):
            if event.m_t2 > low:
                yield f"SR2body_{low}_inf"
    for flavour, same in (("SF", True), ("DF", False)):
        for name, top in (("SRW", False), ("SRt", True)):
            if three_body(event, anti, same=same, top=top):
                yield f"{name}_{flavour}"


# --- reading -----------------------------------------------------------------------------------------------------------


def replaced(name: str, variation: str) -> bool:
    """Whether a variation has a column of its own; section 6.1."""
    if variation.startswith(("EG_", "MUON_")):
        return name in LEPTON_NAMES
    return name in (JET_NAMES if variation.startswith("JET_") else MET_NAMES)


def raw_events(tree: Any, variation: str, kinematic: list[str]) -> Iterator[dict[str, Any]]:
    """The values of each event by the base names of their branches, those of the variation where it has them.

    Args:
        tree: The tree.
        variation: Nominal, which comes with the varied weights, or a variation of objects.
        kinematic: All variations of objects, whose weights belong to them alone.
    """
    branches = set(tree.keys())
    chosen = {}
    for name in ALL_NAMES:
        own = variation != "Nominal" and replaced(name, variation)
        branch = f"{name}_{variation if own else 'Nominal'}"
        if branch in branches:
            chosen[name] = branch
    for name in ("RunNumber", "ChannelNumber", "cleaningVeto", "GenFiltMET", "WeightEvents"):
        chosen[name] = name
    chosen |= {name: name for name in branches if name.startswith("HLT_")}
    if variation == "Nominal":
        varied = [
            name for name in branches if name.startswith("WeightEvents") and name.endswith(("up", "down"))
        ]
        chosen |= {name: name for name in varied if not name.endswith(tuple(kinematic))}
        chosen |= {name: name for name in branches if name.startswith(THEORY)}
    values = {name: tree[branch].array().to_list() for name, branch in chosen.items()}
    for index in range(tree.num_entries):
        yield {name: column[index] for name, column in values.items()}


def fired(raw: dict[str, Any]) -> bool:
    """Whether a chain of the event's run took it; section 1.4."""
    chains = next(chains for last, chains in TRIGGERS if raw["RunNumber"] <= last)
    return any(raw[f"HLT_{chain}_Nominal"] for chain in chains)


def factor_of(names: list[str], branch: str) -> str | None:
    """The factor that a branch of a varied weight belongs to; section 5.2."""
    return next((name for name in names if branch.startswith(f"{name}_")), None)


def weights_of(raw: dict[str, Any], is_data: bool) -> tuple[float, dict[str, float]]:
    """Nominal weight, and that of each weight variation: what is varied replaces its factor."""
    if is_data:
        return 1.0, {}
    nominal = {"WeightEvents": raw["WeightEvents"], **{name: raw[name] for name in FACTORS}}
    varied: dict[str, dict[str, float]] = {}
    for branch, value in raw.items():
        factor = factor_of(list(FACTORS), branch) if branch.endswith(("__1up", "__1down")) else None
        if factor is not None:
            varied.setdefault(branch.removeprefix(f"{factor}_"), {})[factor] = value
        if branch.startswith(THEORY):
            varied[branch] = {"WeightEvents": value}
    return (
        math.prod(nominal.values()),
        {name: math.prod((nominal | own).values()) for name, own in varied.items()},
    )


def loopsusy_event(raw: dict[str, Any], objects: str, is_data: bool) -> Event:
    """The event with the objects of one publication."""
    electron_pt, electron_eta, muon_pt, muon_eta, jet_pt, jet_eta, b_eta = OBJECTS[objects]
    leptons = []
    for index, momentum in enumerate(raw["ptleptons"]):
        lepton = Lepton(
            pt=momentum / 1000,
            eta=raw["etaleptons"][index],
            phi=raw["phileptons"][index],
            mass=raw["massleptons"][index] / 1000,
            flavour=raw["flavlep"][index],
            signal=raw["isSignallep"][index],
            gradient=raw["LepIsoGradient"][index],
            loose=raw["LepIsoFCLoose"][index],
            origin=0 if is_data else raw["Originlep"][index],
        )
        least, most = (electron_pt, electron_eta) if lepton.is_electron else (muon_pt, muon_eta)
        if raw["passORlep"][index] and lepton.pt > least and abs(lepton.eta) < most:
            leptons.append(lepton)
    jets = []
    for index, momentum in enumerate(raw["ptjets"]):
        eta = raw["etajets"][index]
        if raw["passORjet"][index] and momentum / 1000 > jet_pt and abs(eta) < jet_eta:
            tagged = raw["isBjets"][index] > 2 and abs(eta) < b_eta
            jets.append(Jet(momentum / 1000, eta, raw["phijets"][index], tagged))
    weight, weights = weights_of(raw, is_data)
    return Event(
        leptons=sorted(leptons, key=lambda lepton: -lepton.pt),
        jets=sorted(jets, key=lambda jet: -jet.pt),
        met=raw["EtMiss_tst"] / 1000,
        met_phi=raw["EtMiss_tstPhi"],
        met_significance=raw["EtMiss_SigObj"],
        trigger=fired(raw),
        cleaning=not raw["cleaningVeto"],
        weight=weight,
        weights=weights,
    )


def histfitter_event(raw: dict[str, Any], is_data: bool) -> Event:
    """The event of a row of flat variables; section 6.3."""
    leptons = [
        Lepton(
            raw[f"lep{n}pT"], raw[f"lep{n}eta"], raw[f"lep{n}phi"], raw[f"lep{n}mass"], raw[f"lepflav{n}"],
            raw[f"isSignalLep{n}"], raw[f"LepIsoGradient{n}"], raw[f"LepIsoFCLoose{n}"],
        )
        for n in range(1, min(raw["nlep"], 3) + 1)
    ]  # fmt: skip
    jets = [
        Jet(raw[f"jet{n}pT"], raw[f"jet{n}eta"], raw[f"jet{n}phi"], raw[f"jet{n}bTagBin"] > 2)
        for n in range(1, min(raw["njet"], 4) + 1)
    ]
    weight, weights = weights_of(raw, is_data)
    return Event(
        leptons, jets, raw["MET"], raw["METphi"], raw["METsig"], weight=weight, weights=weights, flat=raw
    )


# --- counting ----------------------------------------------------------------------------------------------------------


@dataclass
class Sums:
    """Raw number, sum of weights, sum of squared weights by (region, variation)."""

    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, region: str, variation: str, weight: float) -> None:
        """Count one event."""
        sums = self.values.setdefault((region, variation), [0, 0.0, 0.0])
        sums[0] += 1
        sums[1] += weight
        sums[2] += weight * weight

    def get(self, region: str, variation: str) -> tuple[float, float, float]:
        """Zero where no event was counted."""
        return tuple(self.values.get((region, variation), (0, 0.0, 0.0)))


@dataclass
class LoopResult:
    """What the loop counted: events with identified leptons, and weighted ones with anti-identified leptons."""

    yields: Sums = field(default_factory=Sums)
    fakes: Sums = field(default_factory=Sums)


def fake_weight(event: Event) -> float:
    """Section 7; zero where all are identified, or one is unusable."""
    anti = [lepton for lepton in event.leptons if not lepton.identified]
    if not anti or any(not lepton.is_electron and not lepton.signal for lepton in anti):
        return 0.0
    return math.prod(lepton.fake_factor for lepton in anti) * (-1) ** (len(anti) + 1)


def is_prompt(event: Event, channel: int) -> bool:
    """Both leptons of the pair are; section 1.3."""
    allowed = (*PROMPT, 0) if channel in ORIGIN_UNKNOWN_IS_PROMPT else PROMPT
    return event.has_pair and all(lepton.origin in allowed for lepton in event.pair)


def count(
    result: LoopResult, event: Event, regions: list[str], variation: str, *, fake: float | None
) -> None:
    """Add an event to its regions, under one variation or, for nominal, under all weight variations."""
    sums = result.yields if fake is None else result.fakes
    factor = 1.0 if fake is None else fake
    for region in regions:
        sums.add(region, variation, event.weight * factor)
        for name, weight in event.weights.items():
            sums.add(region, name, weight * factor)


def sliced_away(raw: dict[str, Any], is_data: bool) -> bool:
    """Whether the event belongs to another slice; section 8."""
    if is_data or raw["ChannelNumber"] not in SLICES:
        return False
    above, up_to = SLICES[raw["ChannelNumber"]]
    return not above < raw["GenFiltMET"] / 1000 <= up_to


def loop_loopsusy(path: Path, variations: list[str], *, is_data: bool, fakes: bool = True) -> LoopResult:
    """One file of the layout loopsusy."""
    result = LoopResult()
    with uproot.open(path) as file:
        tree = file["myTree"]
        for variation in ["Nominal", *variations]:
            for raw in raw_events(tree, variation, variations):
                if sliced_away(raw, is_data):
                    continue
                for objects in OBJECTS:
                    event = loopsusy_event(raw, objects, is_data)
                    if fakes and not is_data and not is_prompt(event, raw["ChannelNumber"]):
                        continue
                    _count_both(result, event, objects, variation, fakes)
    return result


def _count_both(result: LoopResult, event: Event, objects: str, variation: str, fakes: bool) -> None:
    ways: list[tuple[bool, float | None]] = [(False, None)]
    weight = fake_weight(event) if fakes else 0.0
    if weight:
        ways.append((True, weight))
    for anti, fake in ways:
        if objects == "139fb":
            regions = list(regions_of(event, anti))
        else:
            regions = ["SR4body_36fb"] if four_body_36(event, anti) else []
        count(result, event, regions, variation, fake=fake)


def loop_histfitter(
    path: Path, sample: str, variations: list[str], *, is_data: bool, fakes: bool = True
) -> LoopResult:
    """One file of the layout histfitter: a tree per variation; stitched, triggered and cleaned when it was made."""
    result = LoopResult()
    with uproot.open(path) as file:
        for variation in ["Nominal", *variations]:
            ending = "NONE" if is_data else "WEIGHTS" if variation == "Nominal" else variation
            tree = file[f"{sample}_{ending}"]
            columns = {name: tree[name].array().to_list() for name in tree.keys()}  # noqa: SIM118
            for index in range(tree.num_entries):
                raw = {name: column[index] for name, column in columns.items()}
                if fakes and not is_data and not raw["AllOrigin"]:
                    continue
                event = histfitter_event(raw, is_data)
                count(result, event, list(regions_of(event, False)), variation, fake=None)
                if fakes and raw["FNP_WEIGHTS"]:
                    count(result, event, list(regions_of(event, True)), variation, fake=raw["FNP_WEIGHTS"])
    return result

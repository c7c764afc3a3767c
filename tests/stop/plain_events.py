"""Events of plain Python objects, their variables in plain Python, and a source of columns made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mt2 import mt2

from columnar_af.errors import MissingBranchError
from columnar_af.ntuples.fast_reader import Column


@dataclass
class Lepton:
    pt: float
    eta: float
    phi: float
    flavour: int = 11
    identified: bool = True
    anti_identified: bool = False
    passes: bool = True
    mass: float = 0.0
    origin: int = 12


@dataclass
class Jet:
    pt: float
    eta: float
    phi: float
    is_tagged: bool = False
    passes: bool = True


@dataclass
class Event:
    leptons: list[Lepton] = field(default_factory=list)
    jets: list[Jet] = field(default_factory=list)
    met: float = 300.0
    met_phi: float = 0.0
    met_significance: float = 15.0
    run: int = 300000
    event: int = 1
    channel_number: int = 410648
    gen_filt_met: float = 100.0
    met_trigger: bool = True
    cleaning_veto: bool = False


FLAGS = ("passes", "identified", "anti_identified", "is_tagged", "met_trigger", "cleaning_veto")


class PlainSource:
    """Columns of plain events; single precision where the ntuples have it."""

    layout = "plain"
    fallbacks: tuple[str, ...] = ()

    def __init__(self, events, variation="Nominal", shifted=frozenset(), without=()):
        self.events, self.variation, self.shifted, self.without = events, variation, shifted, without
        self.reads: list[str] = []

    def why_missing(self, name):
        return f"no {name}" if name in self.without else None

    def read(self, name) -> Any:
        self.reads.append(name)
        if name in self.without:
            raise MissingBranchError(name)
        what, _, part = name.partition("_")
        if what not in ("lepton", "jet"):
            values = np.array([getattr(event, name) for event in self.events])
            return values if len(values) else np.zeros(0, np.bool_ if name in FLAGS else np.float64)
        lists = [getattr(event, f"{what}s") for event in self.events]
        content = np.array([getattr(one, part) for several in lists for one in several])
        if not len(content):
            content = np.zeros(0, np.bool_ if part in FLAGS else np.float64)
        offsets = np.concatenate([[0], np.cumsum([len(several) for several in lists])]).astype(np.int64)
        return Column(content, offsets)


def delta_r(one, other):
    dphi = math.remainder(one.phi - other.phi, 2 * math.pi)
    return math.hypot(one.eta - other.eta, dphi)


def overlap_removed(leptons, jets, b_jet_eta=2.5):
    """Leptons and jets that stay, step by step."""
    electrons = [one for one in leptons if abs(one.flavour) == 11]
    muons = [one for one in leptons if abs(one.flavour) == 13]
    muons = [muon for muon in muons if all(delta_r(muon, electron) >= 0.01 for electron in electrons)]
    for electron in electrons:
        jets = [
            jet
            for jet in jets
            if delta_r(jet, electron) >= 0.2
            or (jet.is_tagged and abs(jet.eta) < b_jet_eta and not electron.pt > 100)
        ]
    kept = [
        lepton
        for lepton in leptons
        if (lepton in electrons or any(lepton is muon for muon in muons))
        and all(delta_r(lepton, jet) >= min(0.4, 0.04 + 10 / lepton.pt) for jet in jets)
    ]
    return kept, jets


def baseline(lepton, objects):
    lowest, largest = objects.electron if abs(lepton.flavour) == 11 else objects.muon
    return lepton.pt > lowest and abs(lepton.eta) < largest


def momentum(lepton):
    x, y, z = (
        lepton.pt * math.cos(lepton.phi),
        lepton.pt * math.sin(lepton.phi),
        lepton.pt * math.sinh(lepton.eta),
    )
    return x, y, z, math.sqrt(x * x + y * y + z * z + lepton.mass**2)


def chosen_pair(leptons):
    signal = sorted((one for one in leptons if one.identified), key=lambda one: -one.pt)
    pair = signal if len(signal) == 2 else sorted(leptons, key=lambda one: -one.pt)[:2]
    return pair, len(signal)


def variables(event, objects, *, compute_overlap=False):
    """All variables of an event, in plain Python."""
    leptons = [one for one in event.leptons if baseline(one, objects)]
    jets = [one for one in event.jets if one.pt > objects.jet_pt and abs(one.eta) < objects.jet_eta]
    if compute_overlap:
        leptons, jets = overlap_removed(leptons, jets, objects.b_jet_eta)
    else:
        leptons = [one for one in leptons if one.passes]
        jets = [one for one in jets if one.passes]
    jets = sorted(jets, key=lambda one: -one.pt)
    tagged = [jet.is_tagged and abs(jet.eta) < objects.b_jet_eta for jet in jets]
    pair, n_signal = chosen_pair(leptons)
    nan = math.nan
    jet_pts = [jet.pt for jet in jets] + [nan, nan, nan]
    found = {
        "n_leptons": n_signal,
        "n_baseline_leptons": len(leptons),
        "n_jets": len(jets),
        "n_b_jets": sum(tagged),
        **{f"jet{n}_pt": jet_pts[n - 1] for n in (1, 2, 3)},
        **{f"jet{n}_is_b": len(jets) >= n and tagged[n - 1] for n in (1, 2)},
        "jet3_pt_over_met": jets[2].pt / event.met if len(jets) > 2 else 0.0,
        "met": event.met,
        "met_phi": event.met_phi,
        "met_significance": event.met_significance,
        "gen_filt_met": event.gen_filt_met,
        "trigger": event.met_trigger,
        "cleaning": not event.cleaning_veto,
        "channel_number": event.channel_number,
        "run": event.run,
        "event": event.event,
    }
    for n in (1, 2):
        one = pair[n - 1] if len(pair) >= n else None
        for name in ("pt", "eta", "phi", "flavour"):
            found[f"lep{n}_{name}"] = getattr(one, name) if one else nan
        found[f"lep{n}_is_electron"] = one is not None and abs(one.flavour) == 11
        found[f"identified{n}"] = one is not None and one.identified
        found[f"anti_identified{n}"] = one is not None and one.anti_identified
    return found | pair_variables(pair, event, jets)


def transverse_mass(lepton, event):
    return math.sqrt(2 * lepton.pt * event.met * (1 - math.cos(lepton.phi - event.met_phi)))


def is_prompt(lepton, event):
    special = event.channel_number in (410142, 410144) or 364242 <= event.channel_number <= 364249
    return lepton.origin in (10, 12, 13, 14, 43, 22) or (lepton.origin == 0 and special)


def pair_variables(pair, event, jets):
    names = (
        *("r_2l", "r_2l4j", "r_2l2j", "m_ll", "pt_ll", "dphi_ll", "pt_boost", "dphi_boost", "delta_x"),
        *("met_over_pt_boost", "m_t_lep1", "m_t_lep2", "m_t2_ll", "cos_theta_b", "min_dr_l2_jets"),
    )
    flags = ("opposite_charge", "same_flavour", "prompt")
    if len(pair) < 2:
        none = dict.fromkeys(names, math.nan) | dict.fromkeys(flags, False)
        return none | ({"m_t_lep1": transverse_mass(pair[0], event)} if pair else {})
    first, second = pair
    (x1, y1, z1, e1), (x2, y2, z2, e2) = momentum(first), momentum(second)
    met_x, met_y = event.met * math.cos(event.met_phi), event.met * math.sin(event.met_phi)
    boost_x, boost_y = x1 + x2 + met_x, y1 + y2 + met_y
    sum_pt, jet_pts = first.pt + second.pt, [jet.pt for jet in jets]
    return {
        "opposite_charge": first.flavour * second.flavour < 0,
        "same_flavour": abs(first.flavour) == abs(second.flavour),
        "prompt": is_prompt(first, event) and is_prompt(second, event),
        "r_2l": event.met / sum_pt,
        "r_2l4j": event.met / (event.met + sum_pt + sum(jet_pts[:4])),
        "r_2l2j": event.met / (event.met + sum_pt + sum(jet_pts[:2])),
        "m_ll": math.sqrt(max((e1 + e2) ** 2 - (x1 + x2) ** 2 - (y1 + y2) ** 2 - (z1 + z2) ** 2, 0)),
        "pt_ll": math.hypot(x1 + x2, y1 + y2),
        "dphi_ll": abs(math.remainder(first.phi - second.phi, 2 * math.pi)),
        "pt_boost": math.hypot(boost_x, boost_y),
        "dphi_boost": abs(math.remainder(math.atan2(boost_y, boost_x) - event.met_phi, 2 * math.pi)),
        "met_over_pt_boost": event.met / math.hypot(boost_x, boost_y),
        "m_t_lep1": transverse_mass(first, event),
        "m_t_lep2": transverse_mass(second, event),
        "m_t2_ll": mt2(first.mass, x1, y1, second.mass, x2, y2, met_x, met_y, 0, 0),
        "cos_theta_b": abs(math.tanh((first.eta - second.eta) / 2)),
        "delta_x": 2 * abs(z1 + z2) / 13000,
        "min_dr_l2_jets": min((delta_r(second, jet) for jet in jets), default=math.inf),
    }


def random_events(seed, size):
    """Events with everything that can go wrong: no leptons, many, equal momenta, unordered, at thresholds."""
    rng = np.random.default_rng(seed)

    def lepton():
        momentum = float(rng.choice([4.0, 4.5, 7.0, 20.0, rng.exponential(15) + 1]))
        identified = bool(rng.random() < 0.6)
        return Lepton(
            pt=momentum,
            eta=float(rng.choice([rng.uniform(-2.8, 2.8), 2.4, -2.47])),
            phi=float(rng.uniform(-math.pi, math.pi)),
            flavour=int(rng.choice([11, -11, 13, -13])),
            identified=identified,
            anti_identified=not identified and bool(rng.random() < 0.7),
            passes=bool(rng.random() < 0.8),
            mass=float(rng.choice([0.0, 0.10566])),
            origin=int(rng.choice([0, 10, 12, 22, 26])),
        )

    def jet():
        return Jet(
            pt=float(rng.choice([20.0, 25.0, 50.0, rng.exponential(60) + 10])),
            eta=float(rng.uniform(-3.2, 3.2)),
            phi=float(rng.uniform(-math.pi, math.pi)),
            is_tagged=bool(rng.random() < 0.4),
            passes=bool(rng.random() < 0.8),
        )

    return [
        Event(
            leptons=[lepton() for _ in range(rng.integers(0, 6))],
            jets=[jet() for _ in range(rng.integers(0, 7))],
            met=float(rng.exponential(200) + 1),
            met_phi=float(rng.uniform(-math.pi, math.pi)),
            event=number,
            channel_number=int(rng.choice([410648, 364243])),
            met_trigger=bool(rng.random() < 0.5),
            cleaning_veto=bool(rng.random() < 0.1),
        )
        for number in range(size)
    ]


def golden_events():
    """The soft and the hard event whose variables two independent codes computed."""
    soft = Event(
        [Lepton(22, 0.5, 2.9, 11), Lepton(8, -0.3, -2.6, -13)],
        [Jet(380, 0.2, -0.1), Jet(60, -1.1, 0.6), Jet(30, 1.5, -1.5)],
        450,
        3.0,
    )
    hard = Event(
        [Lepton(110, 0.8, 0.4, 11), Lepton(65, -0.6, 2.7, -11)],
        [Jet(90, 0.3, 1.2), Jet(50, -1, -0.5), Jet(35, 2, 2), Jet(25, -2.2, -2.8), Jet(22, 0.1, 0.9)],
        180,
        -1.9,
    )
    return [soft, hard]

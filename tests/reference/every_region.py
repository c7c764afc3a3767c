"""Events on both sides of every threshold of every region of the stop search, found with the package, judged by the plain loop.

An event has two leptons (and perhaps a third), up to four jets and ETmiss. Random changes of a few hand-made events give, for
each region and cut, events that fail this cut and no other. The straight line from such an event to one that is in the region is
then halved until both ends are neighbours: two events, one in the region and one outside of it, with nearly the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from columnar_af.ntuples.fast_reader import Column
from columnar_af.selection.region_evaluation import passes
from columnar_af.stop.objects import OBJECTS_36, OBJECTS_139
from columnar_af.stop.variables import StopVariables

OBJECTS = {"139fb": OBJECTS_139, "36fb": OBJECTS_36}
JETS, LEPTONS = 4, 3
HALVINGS = 16
MEV = 1000.0
"""The files hold MeV."""

TOO_SOFT = 1.0
"""GeV; an object of this momentum is not there."""

TWO_JETS = [(300, 0.3, 3.0), (45, -1.5, 2.5)]
HARD = [(120, 0.3, 2.0), (100, -0.4, -2.0)]
THREE_BODY = [(62, 0.8, 0.5), (31, -0.8, -0.5)]
AT_THRESHOLD = 27 / 120
"""Takes the hard leptons to their thresholds, 25 and 20 GeV; m_T2 stays where ETmiss grows in turn."""

TWO_BODY_MET = (140, 180, 260, 330, 390, 500, 560, 700)
"""GeV; takes the pair of hard leptons through the bins of m_T2."""

BASES = (
    ([(9, 0.8, 0.6), (6, -0.6, -0.8)], 600, TWO_JETS),  # SRA
    ([(30, 0.8, 0.6), (15, -0.6, -0.8)], 900, TWO_JETS),  # SRB
    ([(14, 0.8, 0.6), (8, -0.6, -0.8)], 1500, TWO_JETS),  # far inside of both
    ([(40, 0.8, 0.6), (20, -0.6, -0.8)], 300, TWO_JETS),  # control
    ([(20, 0.8, 0.6), (10, -0.6, -0.8)], 300, TWO_JETS),  # validation
    ([(18, 0.8, 0.6), (9, -0.6, -0.8)], 450, [*TWO_JETS, (40, 1.0, 1.5)]),  # 36 fb-1
    ([(8, 1.0, 1.0), (7.3, -0.7, -1.0)], 230, [(170, 0.3, 3.0), (30, -1.5, 2.5)]),  # the same, low ETmiss
    *((HARD, met, TWO_JETS) for met in TWO_BODY_MET),
    *(([(25.5, 0.3, 2.0), (21, -0.4, -2.0)], met / AT_THRESHOLD, TWO_JETS) for met in TWO_BODY_MET),
    *(([(120, 0.3, 2.6), (100, 0.3, 2.9)], met, TWO_JETS) for met in TWO_BODY_MET),  # close together
    (THREE_BODY, 1180, TWO_JETS),
    ([(25.5, 0.8, 0.5), (21, -0.8, -0.5)], 2500, TWO_JETS),
    ([(62, 0.2, 0.3), (50, -0.2, -0.2)], 1800, TWO_JETS),
)  # leptons and jets as (pT, eta, phi); ETmiss points along phi = 0


@dataclass
class Events:
    """Columns of equal length; GeV and radians.

    Attributes:
        leptons, jets: pT, eta, phi, shape (events, objects, 3).
        met: ETmiss, its azimuth, its significance, shape (events, 3).
        flavours: 11 or 13 with the sign of the charge, shape (events, leptons).
        identified, tagged: Flags, shape (events, objects).
        trigger, dirty: Flags, shape (events,).
    """

    leptons: np.ndarray
    jets: np.ndarray
    met: np.ndarray
    flavours: np.ndarray
    identified: np.ndarray
    tagged: np.ndarray
    trigger: np.ndarray
    dirty: np.ndarray

    def __len__(self):
        return len(self.met)

    def take(self, which):
        return Events(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def replaced(self, rows, other):
        """With the events of some rows from elsewhere."""
        which = np.arange(len(self))
        which[rows] += len(self)
        return Events.join(self, other).take(which)

    @classmethod
    def join(cls, *parts):
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def between(self, other, share):
        """Momenta, angles and ETmiss on the way to the other events; flags and flavours stay."""
        share = share[:, None]
        return replace(
            self,
            leptons=self.leptons + share[..., None] * (other.leptons - self.leptons),
            jets=self.jets + share[..., None] * (other.jets - self.jets),
            met=self.met + share * (other.met - self.met),
        )


def base_events():
    """The hand-made events, with all flavours and numbers of b-tagged jets that regions ask for."""
    parts = []
    for leptons, met, jets in BASES:
        for second in (-11, -13):
            for tags in (0, 1):
                lepton_momenta = np.full((1, LEPTONS, 3), TOO_SOFT)
                lepton_momenta[0, :2] = leptons
                jet_momenta = np.full((1, JETS, 3), TOO_SOFT)
                jet_momenta[0, : len(jets)] = jets
                parts.append(
                    Events(
                        lepton_momenta,
                        jet_momenta,
                        np.array([[met, 0.0, 20.0]]),
                        np.array([[11, second, 13]]),
                        np.array([[True, True, False]]),
                        np.arange(JETS)[None] < tags,
                        np.array([True]),
                        np.array([False]),
                    )
                )
    return Events.join(*parts)


def changed(bases, rng, copies):
    """Copies of events with one flag or flavour changed in every other event, and some momenta and angles in all."""
    origin = np.repeat(np.arange(len(bases)), copies)
    events = bases.take(origin)
    size = len(events)

    def some(shape, probability):
        return rng.random((size, *shape)) < probability

    for objects, probability in ((events.leptons, 0.25), (events.jets, 0.25)):
        slots = objects.shape[1]
        objects[..., 0] *= np.where(some((slots,), probability), np.exp(rng.normal(0, 0.9, (size, slots))), 1)
        objects[..., 1] += np.where(some((slots,), probability), rng.normal(0, 1.0, (size, slots)), 0)
        objects[..., 2] += np.where(some((slots,), probability), rng.normal(0, 1.2, (size, slots)), 0)
    events.met[:, 0] *= np.where(some((), 0.4), np.exp(rng.normal(0, 0.7, size)), 1)
    events.met[:, 1] += np.where(some((), 0.2), rng.normal(0, 1.0, size), 0)
    events.met[:, 2] *= np.where(some((), 0.2), np.exp(rng.normal(-0.6, 0.5, size)), 1)
    kind = np.where(some((), 0.5), rng.integers(0, 8, size), -1)
    events.trigger[kind == 0] = False
    events.dirty[kind == 1] = True
    events.flavours[kind == 2, 1] *= -1
    events.flavours[kind == 3, 1] = -24 - events.flavours[kind == 3, 1]  # -11 and -13 change places
    events.identified[kind == 4, 1] = False
    events.leptons[kind == 5, 2] = (12.0, 1.5, 1.5)  # a third lepton, which is not identified
    events.tagged[kind == 6, 0] ^= True
    events.tagged[kind == 7, :2] = True
    return events, origin


def stored(values):
    """Numbers as a file of single precision gives them back."""
    return values.astype(np.float32)


def stored_in_mev(values):
    """Momenta in GeV, which the file holds in MeV."""
    return stored(values * MEV).astype(np.float64) / MEV


class ArraySource:
    """Columns of events, as the variables read them from a file."""

    layout = "plain"
    variation = "Nominal"
    shifted = frozenset()
    fallbacks = ()

    def __init__(self, events):
        self.columns = {
            "met": stored_in_mev(events.met[:, 0]), "met_phi": stored(events.met[:, 1]),
            "met_significance": stored(events.met[:, 2]),
            "met_trigger": events.trigger, "cleaning_veto": events.dirty,
        }  # fmt: skip
        lepton = {
            **momenta(events.leptons),
            "mass": stored_in_mev(np.where(np.abs(events.flavours) == 11, 0.000511, 0.10566)), "flavour": events.flavours, "identified": events.identified,
            "anti_identified": ~events.identified, "passes": np.ones_like(events.identified),
        }  # fmt: skip
        jet = {
            **momenta(events.jets),
            "is_tagged": events.tagged, "passes": np.ones_like(events.tagged),
        }  # fmt: skip
        for what, columns in (("lepton", lepton), ("jet", jet)):
            for name, values in columns.items():
                offsets = np.arange(len(values) + 1) * values.shape[1]
                self.columns[f"{what}_{name}"] = Column(values.ravel(), offsets.astype(np.int64))

    def read(self, name):
        return self.columns[name]

    def why_missing(self, name):
        return None if name in self.columns else f"no {name}"


def momenta(objects):
    pt, eta, phi = np.moveaxis(objects, -1, 0)
    return {"pt": stored_in_mev(pt), "eta": stored(eta), "phi": stored(phi)}


def failures(regions, events):
    """Region -> index of the only cut that each event fails: the number of cuts for none, negative for several."""
    found, known = {}, {}
    variables = {name: StopVariables(ArraySource(events), OBJECTS[name]) for name in regions.object_sets}
    for region in regions:
        table = []
        for cut in region.cuts:
            key = (region.objects, cut.expression)
            if key not in known:
                values = {
                    name: np.asarray(getattr(variables[region.objects], name)) for name in cut.variables
                }
                known[key] = passes(cut.expression, values)
            table.append(~known[key])
        failed = np.array(table)
        found[region.name] = np.select(
            [failed.sum(axis=0) == 0, failed.sum(axis=0) == 1], [len(region.cuts), failed.argmax(axis=0)], -1
        )
    return found


def neighbours(regions, seed, tries, copies):
    """Events on both sides of the threshold of each cut of each region, where one alone can be failed.

    Args:
        regions: The regions.
        seed: Of the random changes.
        tries: Most pairs that are tried per region and cut, until the outer one fails this cut alone.
        copies: Random changes of each hand-made event.

    Returns:
        Inner, outer and far events, of equal length, and the region and cut that each of them is for. Where the far event
        differs by a flag there is no line, and the inner event is the hand-made one.
    """
    bases = base_events()
    pool, origin = changed(bases, np.random.default_rng(seed), copies)
    inside, only = failures(regions, bases), failures(regions, pool)
    chosen, homes, labels = [], [], []
    for region in regions:
        good = inside[region.name] == len(region.cuts)
        for index in range(len(region.cuts)):
            fails = np.flatnonzero(only[region.name] == index)
            fails = fails[np.argsort(~good[origin[fails]], kind="stable")][
                :tries
            ]  # changes of what is inside first
            chosen += fails.tolist()
            homes += [event if good[event] else int(np.argmax(good)) for event in origin[fails]]
            labels += [(region.name, index)] * len(fails)
    far = pool.take(chosen)
    home = bases.take(homes)
    inner, outer = halved(regions, home, far, [name for name, _ in labels])
    best = first_alone(failures(regions, outer), labels)
    inner, outer, far, home = (events.take(best) for events in (inner, outer, far, home))
    labels = [labels[row] for row in best]
    only = failures(regions, inner)
    flagged = [row for row, (name, _) in enumerate(labels) if only[name][row] != len(regions[name].cuts)]
    return inner.replaced(flagged, home), outer, far, labels


def first_alone(only, labels):
    """For each region and cut the first row that fails this cut alone; the first row of all where none does."""
    best = {}
    for row, (name, index) in enumerate(labels):
        alone = only[name][row] == index
        if alone > best.get((name, index), (-1, 0))[0]:
            best[name, index] = (alone, row)
    return [row for _, row in best.values()]


def halved(regions, start, far, names):
    """The inner and the outer ends of the lines from one event to another, after all halvings.

    Flags and flavours are those of the far event, on both sides: there is no line between them.
    """
    start = replace(far, leptons=start.leptons, jets=start.jets, met=start.met)
    low, high = np.zeros(len(far)), np.ones(len(far))
    sizes = np.array([len(regions[name].cuts) for name in names])
    position = {name: number for number, name in enumerate(regions.names)}
    columns, rows = np.array([position[name] for name in names]), np.arange(len(far))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        only = failures(regions, start.between(far, middle))
        passes = np.stack([only[name] for name in regions.names])[columns, rows] == sizes
        low, high = np.where(passes, middle, low), np.where(passes, high, middle)
    return start.between(far, low), start.between(far, high)


def loopsusy_columns(events, types):
    """Branch -> (C++ type, values) of the layout loopsusy; weights are numbers from 0.5 to 1.5."""
    size = len(events)
    weights = iter(np.random.default_rng(1).uniform(0.5, 1.5, (len(types), size)))
    identified = events.identified
    known = {
        "ptleptons": events.leptons[..., 0] * MEV, "etaleptons": events.leptons[..., 1], "phileptons": events.leptons[..., 2],
        "massleptons": np.where(np.abs(events.flavours) == 11, 0.511, 105.66), "flavlep": events.flavours,
        "isSignallep": np.ones_like(identified), "LepIsoGradient": identified, "LepIsoFCLoose": identified,
        "Originlep": np.full(identified.shape, 12), "passORlep": np.ones_like(identified),
        "ptjets": events.jets[..., 0] * MEV, "etajets": events.jets[..., 1], "phijets": events.jets[..., 2],
        "isBjets": np.where(events.tagged, 5, 1), "passORjet": np.ones_like(events.tagged),
        "EtMiss_tst": events.met[:, 0] * MEV, "EtMiss_tstPhi": events.met[:, 1], "EtMiss_SigObj": events.met[:, 2],
        "cleaningVeto": events.dirty, "RunNumber": np.full(size, 355000), "ChannelNumber": np.full(size, 364254),
        "EventNumber": np.arange(size), "GenFiltMET": np.zeros(size),
    }  # fmt: skip
    columns = {}
    for branch, kind in types.items():
        name = branch.removesuffix("_Nominal")
        slots = (
            (JETS if "jets" in name.lower() or name == "passORjet" else LEPTONS,) if "vector" in kind else ()
        )
        if name.startswith("HLT_"):
            values = events.trigger.astype(int)
        elif name.startswith("Weight"):
            values = next(weights)
        else:
            values = known.get(name, np.ones((size, *slots), int))
        columns[branch] = (kind, values.tolist())
    return columns

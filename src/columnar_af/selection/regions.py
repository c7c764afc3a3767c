"""Regions as values: named lists of cuts with their sources, and what is to be drawn of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import hist

from columnar_af.errors import ConfigError
from columnar_af.selection.cut_expressions import Expression, names_of

Kind = Literal["preselection", "signal", "control", "validation"]

UNVERIFIED = "threshold not verified"


@dataclass(frozen=True)
class Place:
    """A line of a file of regions.

    Attributes:
        file: Its path.
        line: From 1.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


@dataclass(frozen=True)
class RegionCut:
    """One cut of a region.

    Attributes:
        name: Unique in the region.
        expression: What passes.
        text: The expression as it was written.
        source: Where its threshold is from.
        verified: Whether the source was read, and says so.
        place: Its line.
    """

    name: str
    expression: Expression
    text: str
    source: str
    verified: bool
    place: Place

    @property
    def variables(self) -> tuple[str, ...]:
        """What it cuts on."""
        return names_of(self.expression)


@dataclass(frozen=True)
class Binning:
    """How a variable is drawn.

    Attributes:
        variable: Its name.
        bins, low, high: Bins of equal width.
        label: Of the axis, with the unit in brackets.
    """

    variable: str
    bins: int
    low: float
    high: float
    label: str

    @property
    def axis(self) -> hist.axis.Regular:
        """A new axis, with overflow and underflow."""
        return hist.axis.Regular(self.bins, self.low, self.high, name=self.variable, label=self.label)


@dataclass(frozen=True)
class Region:
    """A selection of events.

    Attributes:
        name: As in results.
        title: For humans.
        publication: Key in :attr:`RegionSet.publications`.
        objects: Set of objects that its variables are computed from.
        kind: ``preselection``, ``signal``, ``control`` or ``validation``.
        cuts: In order; an event passes all of them.
        preselection: Number of leading cuts that are shared with other regions by ``begins_with``.
        histograms: The variables that are drawn of its events.
        n_minus_1: Cut -> how its variable is drawn for the events that pass all other cuts.
        blinded: Whether its data are left out until it is opened.
        place: Its line.
    """

    name: str
    title: str
    publication: str
    objects: str
    kind: Kind
    cuts: tuple[RegionCut, ...]
    preselection: int
    histograms: tuple[Binning, ...]
    n_minus_1: Mapping[str, Binning]
    blinded: bool
    place: Place

    @property
    def verified(self) -> bool:
        """Whether the thresholds of all its cuts are."""
        return all(cut.verified for cut in self.cuts)

    @property
    def unverified_cuts(self) -> tuple[str, ...]:
        """Names of the cuts whose thresholds are not verified."""
        return tuple(cut.name for cut in self.cuts if not cut.verified)

    @property
    def remark(self) -> str:
        """What any report of the region must say; empty where all its cuts are verified."""
        if self.verified:
            return ""
        return f"{UNVERIFIED}: {', '.join(self.unverified_cuts)}"

    @property
    def variables(self) -> tuple[str, ...]:
        """All that its cuts use, each once."""
        return tuple(dict.fromkeys(name for cut in self.cuts for name in cut.variables))


@dataclass(frozen=True)
class RegionSet:
    """The regions of an analysis.

    Attributes:
        regions: Name -> region, in the order of the file.
        exclusive: Groups of regions, no two of which may share an event.
        checked_on_events: Pairs of such regions that could not be proven exclusive from their cuts alone.
        publications: Key -> title.
        file: Where they are declared.
    """

    regions: Mapping[str, Region]
    exclusive: tuple[tuple[str, ...], ...] = ()
    checked_on_events: tuple[tuple[str, str], ...] = ()
    publications: Mapping[str, str] = field(default_factory=dict)
    file: str = ""

    def __iter__(self) -> Iterator[Region]:
        return iter(self.regions.values())

    def __len__(self) -> int:
        return len(self.regions)

    def __contains__(self, name: object) -> bool:
        return name in self.regions

    def __getitem__(self, name: str) -> Region:
        """A region by its name.

        Raises:
            ConfigError: There is none of this name.
        """
        if name not in self.regions:
            msg = f"there is no region {name!r} in {self.file}"
            raise ConfigError(msg, advice=f"the regions are {', '.join(self.regions)}")
        return self.regions[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(self.regions)

    @property
    def object_sets(self) -> tuple[str, ...]:
        """The sets of objects that they use, each once."""
        return tuple(dict.fromkeys(region.objects for region in self))

    def without(self, flag: str) -> RegionSet:
        """These regions without the cuts that are nothing but this flag."""

        def kept(region: Region) -> Region:
            chosen = [cut for cut in region.cuts if str(cut.expression) != flag]
            shared = sum(str(cut.expression) != flag for cut in region.cuts[: region.preselection])
            return replace(region, cuts=tuple(chosen), preselection=shared)

        return replace(self, regions={name: kept(region) for name, region in self.regions.items()})

    def only(self, names: Iterable[str]) -> RegionSet:
        """The regions of these names, in the order of the file.

        Raises:
            ConfigError: There is no region of one of the names.
        """
        chosen = {self[name].name for name in names}
        return replace(
            self,
            regions={name: region for name, region in self.regions.items() if name in chosen},
            exclusive=tuple(tuple(name for name in group if name in chosen) for group in self.exclusive),
            checked_on_events=tuple(pair for pair in self.checked_on_events if chosen.issuperset(pair)),
        )

    @property
    def remarks(self) -> dict[str, str]:
        """Region -> what any report of it must say, for those that have such a remark."""
        return {region.name: region.remark for region in self if region.remark}

"""Reads regions from a YAML file, and refuses what cannot be meant, with its line.

::

    publications: {SUSY-2018-08: "JHEP 04 (2021) 165"}
    histograms:                     # how variables are drawn
      met: {bins: 20, range: [200, 1200], label: "$E_T^{miss}$ [GeV]"}
    selections:                     # lists of cuts that several regions begin with
      two_leptons:
        - {cut: "n_leptons == 2", source: GB139, verified: true}
    regions:
      SRA:
        title: small mass difference
        publication: SUSY-2018-08
        objects: 139fb
        kind: signal                # preselection, signal, control, validation; signal regions are blinded
        begins_with: two_leptons    # or a list
        cuts:
          - {cut: "r_2l > 25", source: from memory, verified: false}
        histograms: [met]
    exclusive: [[SRA, SRB]]         # no event may be in two of these
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from columnar_af.declarations.located import Located, load
from columnar_af.selection import cut_intervals
from columnar_af.selection.cut_expressions import CutError, Variable, names_of, parse
from columnar_af.selection.regions import Binning, Kind, Place, Region, RegionCut, RegionSet

TOP = ("publications", "histograms", "selections", "regions", "exclusive")
REGION = ("title", "publication", "objects", "kind", "begins_with", "cuts", "histograms", "blinded")
CUT = ("cut", "name", "source", "verified")
BINNING = ("bins", "range", "label")
KINDS: tuple[Kind, ...] = ("preselection", "signal", "control", "validation")


@dataclass(frozen=True)
class _Context:
    """What the parts of a file refer to."""

    variables: Mapping[str, Variable]
    object_sets: tuple[str, ...]
    publications: Mapping[str, str]
    binnings: Mapping[str, Binning]
    selections: Mapping[str, tuple[RegionCut, ...]]


def load_regions(
    path: str | Path, variables: Mapping[str, Variable], object_sets: Iterable[str]
) -> RegionSet:
    """The regions of a file.

    Args:
        path: The YAML file.
        variables: What a cut may use.
        object_sets: Names of the sets of objects that a region may choose from.

    Raises:
        ConfigError: With the line of what is wrong: a name, an operator, a unit, cuts that contradict each other, or
            regions that shall exclude each other and overlap.
    """
    return regions_of(load(path), variables, object_sets)


def regions_of(document: Located, variables: Mapping[str, Variable], object_sets: Iterable[str]) -> RegionSet:
    """The regions of a document; see :func:`load_regions`."""
    top = document.mapping(TOP, required=("regions",))
    context = _Context(
        variables,
        tuple(object_sets),
        {name: item.string() for name, item in _optional(top, "publications").items()},
        {name: _binning(name, item, variables) for name, item in _optional(top, "histograms").items()},
        {
            name: tuple(_cut(item, variables) for item in cuts.items())
            for name, cuts in _optional(top, "selections").items()
        },
    )
    regions = {
        name: _region(name, item, Place(item.file, (top["regions"].keys or {})[name]), context)
        for name, item in top["regions"].mapping().items()
    }
    groups = tuple(_group(item, regions) for item in (top["exclusive"].items() if "exclusive" in top else []))
    unproven = _checked(groups, top, regions, variables)
    return RegionSet(regions, groups, unproven, context.publications, document.file)


def _optional(top: Mapping[str, Located], key: str) -> dict[str, Located]:
    return top[key].mapping() if key in top else {}


def _binning(name: str, item: Located, variables: Mapping[str, Variable]) -> Binning:
    if name not in variables:
        msg = f"there is no variable {name!r} to draw"
        raise item.error(msg, advice=f"the variables are {', '.join(variables)}")
    keys = item.mapping(BINNING, required=BINNING)
    ends = [end.number() for end in keys["range"].items()]
    if len(ends) != 2 or not ends[0] < ends[1]:
        msg = f"the range of {name} is {ends}, expected two rising numbers"
        raise keys["range"].error(msg)
    bins = keys["bins"].whole()
    if bins < 1:
        msg = f"{name} is drawn in {bins} bins, expected one or more"
        raise keys["bins"].error(msg)
    return Binning(name, bins, ends[0], ends[1], keys["label"].string())


def _cut(item: Located, variables: Mapping[str, Variable]) -> RegionCut:
    keys = item.mapping(CUT, required=("cut", "source", "verified"))
    text = keys["cut"].string()
    try:
        expression = parse(text, variables)
    except CutError as error:
        msg = f"the cut {text!r} cannot be understood: {error.message}"
        raise keys["cut"].error(msg, position=error.position) from error
    name = keys["name"].string() if "name" in keys else names_of(expression)[0]
    place = Place(item.file, item.line)
    return RegionCut(name, expression, text, keys["source"].string(), keys["verified"].boolean(), place)


def _region(name: str, item: Located, place: Place, context: _Context) -> Region:
    keys = item.mapping(REGION, required=("title", "publication", "objects", "kind", "cuts"))
    publication = keys["publication"].choice(*context.publications)
    shared = tuple(cut for chosen in _shared(keys, context) for cut in context.selections[chosen])
    own = tuple(_cut(cut, context.variables) for cut in keys["cuts"].items())
    cuts = (*shared, *own)
    _refuse_repeated_names(name, cuts, item)
    keys["kind"].choice(*KINDS)
    kind = KINDS[KINDS.index(keys["kind"].value)]
    region = Region(
        name=name,
        title=keys["title"].string(),
        publication=publication,
        objects=keys["objects"].choice(*context.object_sets),
        kind=kind,
        cuts=cuts,
        preselection=len(shared),
        histograms=_drawn(keys, context),
        n_minus_1={} if kind == "preselection" else _n_minus_1(cuts, context),
        blinded=keys["blinded"].boolean() if "blinded" in keys else kind == "signal",
        place=place,
    )
    _refuse_contradiction(region, item, context.variables)
    return region


def _shared(keys: Mapping[str, Located], context: _Context) -> list[str]:
    if "begins_with" not in keys:
        return []
    item = keys["begins_with"]
    chosen = item.items() if isinstance(item.value, list) else [item]
    return [each.choice(*context.selections) for each in chosen]


def _refuse_repeated_names(name: str, cuts: tuple[RegionCut, ...], item: Located) -> None:
    lines: dict[str, int] = {}
    for cut in cuts:
        if cut.name in lines:
            msg = f"region {name} has two cuts named {cut.name!r}, on lines {lines[cut.name]} and {cut.place.line}"
            raise item.error(msg, advice="give one of them a name of its own: {cut: ..., name: ...}")
        lines[cut.name] = cut.place.line


def _drawn(keys: Mapping[str, Located], context: _Context) -> tuple[Binning, ...]:
    chosen = keys["histograms"].items() if "histograms" in keys else []
    return tuple(context.binnings[item.choice(*context.binnings)] for item in chosen)


def _n_minus_1(cuts: tuple[RegionCut, ...], context: _Context) -> dict[str, Binning]:
    """The first variable of each cut that has a binning."""
    found = {}
    for cut in cuts:
        drawn = [context.binnings[name] for name in cut.variables if name in context.binnings]
        if drawn:
            found[cut.name] = drawn[0]
    return found


def _refuse_contradiction(region: Region, item: Located, variables: Mapping[str, Variable]) -> None:
    for number in range(1, len(region.cuts) + 1):
        if cut_intervals.boxes([cut.expression for cut in region.cuts[:number]], variables) == ():
            cut = region.cuts[number - 1]
            msg = f"region {region.name}: no event can pass {cut.text!r} (line {cut.place.line}) and the cuts before it"
            raise item.error(msg)


def _group(item: Located, regions: Mapping[str, Region]) -> tuple[str, ...]:
    group = tuple(name.choice(*regions) for name in item.items())
    if len(set(group)) < len(group):
        msg = "a region is twice in a group of regions that exclude each other"
        raise item.error(msg)
    return group


def _checked(
    groups: tuple[tuple[str, ...], ...],
    top: Mapping[str, Located],
    regions: Mapping[str, Region],
    variables: Mapping[str, Variable],
) -> tuple[tuple[str, str], ...]:
    """The pairs that are not proven exclusive; those that certainly overlap are refused."""
    unproven: list[tuple[str, str]] = []
    extents = Extents(regions.values(), variables)
    for number, group in enumerate(groups):
        for pair in combinations(group, 2):
            first, second = (regions[name] for name in pair)
            if extents.exclude(first, second):
                continue
            if extents.overlap(first, second):
                msg = (
                    f"{first.name} (line {first.place.line}) and {second.name} (line {second.place.line}) shall exclude "
                    "each other, and their cuts let the same events pass"
                )
                place = top["exclusive"].items()[number]
                raise place.error(msg, advice="give one of them a cut that the other inverts")
            unproven.append((first.name, second.name))
    return tuple(dict.fromkeys(unproven))


class Extents:
    """What the cuts of regions leave of each variable.

    Args:
        regions: The regions.
        variables: What their cuts use.
    """

    def __init__(self, regions: Iterable[Region], variables: Mapping[str, Variable]) -> None:
        self._boxes = {
            region.name: cut_intervals.boxes([cut.expression for cut in region.cuts], variables)
            for region in regions
        }

    def exclude(self, first: Region, second: Region) -> bool:
        """Whether the cuts of two regions prove that no event is in both."""
        left, right = self._boxes[first.name], self._boxes[second.name]
        same = first.objects == second.objects  # else their variables are not the same numbers
        return same and left is not None and right is not None and cut_intervals.exclude(left, right)

    def overlap(self, first: Region, second: Region) -> bool:
        """Whether their cuts prove that some event is in both, if there are any."""
        left, right = self._boxes[first.name], self._boxes[second.name]
        same = first.objects == second.objects
        return same and left is not None and right is not None and cut_intervals.overlap(left, right)

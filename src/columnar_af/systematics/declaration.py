"""The declared variations of an analysis: a list that is checked, from Python or from YAML.

The YAML is a list; each entry describes one variation, or several that differ in their names only:

```yaml
- name: MET_SoftTrk_ResoPara          # its direction and nuisance parameter are what the name says, unless given
  kind: columns
- nuisances: [JET_GroupedNP_1, JET_GroupedNP_2]       # each with __1up and __1down, unless "endings" says otherwise
  kind: columns
- names: [EL_EFF_ID__1up, EL_EFF_ID__1down]
  kind: weight-replaces
  factors: {WeightEventselSF: "WeightEventselSF_{name}"}
- name: luminosity
  kind: normalization
  sizes: {ttbar: [0.017, -0.017]}
```
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from columnar_af.declarations.located import Located, load
from columnar_af.errors import ConfigError
from columnar_af.systematics.variation import Kind, Variation

KEYS = tuple(field.name for field in fields(Variation))
NAMING = ("name", "names", "nuisances")
NEAREST = 5
"""Names that an error lists where there are more."""

ENDINGS = ("__1up", "__1down")
"""What is appended to the names under ``nuisances``."""


@dataclass(frozen=True)
class Nuisance:
    """The variations of one nuisance parameter.

    Attributes:
        name: Its name.
        up: The up variation, or the only one.
        down: The down variation; None where there is one side, which is to be mirrored.
    """

    name: str
    up: Variation
    down: Variation | None = None

    @property
    def correlation(self) -> str:
        """Nuisances of the same correlation move together."""
        return self.up.correlation


class Systematics:
    """A checked list of variations.

    Args:
        variations: In the order in which results hold them.

    Raises:
        ConfigError: A name is given twice, a nuisance parameter has two variations of the same direction, or a column is
            used twice for the same factor.
    """

    def __init__(self, variations: Iterable[Variation] = ()) -> None:
        self.variations = tuple(variations)
        self.places: Mapping[str, str] = {}
        """Variation -> where it is declared, ``file, line n``; empty for those made in Python."""
        _check(self.variations, self.place)

    @classmethod
    def load(cls, path: str | Path) -> Systematics:
        """Read a YAML file.

        Raises:
            ConfigError: The file cannot be used; the message names the line.
        """
        path = Path(path)
        found = list(_read(path))
        places = {id(variation): place for variation, place in found}
        _check([variation for variation, _ in found], lambda variation: places[id(variation)])
        loaded = cls(variation for variation, _ in found)
        loaded.places = {variation.name: place for variation, place in found}
        return loaded

    @classmethod
    def of_names(cls, names: Iterable[str], kind: Kind = "columns") -> Systematics:
        """Variations of which only the names are known; the names say direction and nuisance parameter."""
        return cls(Variation(name, kind) for name in names)

    def __len__(self) -> int:
        return len(self.variations)

    def __iter__(self) -> Iterator[Variation]:
        return iter(self.variations)

    def __getitem__(self, name: str) -> Variation:
        for variation in self.variations:
            if variation.name == name:
                return variation
        near = difflib.get_close_matches(name, self.names, n=NEAREST, cutoff=0.4) or self.names
        more = f" and {len(self.names) - len(near[:NEAREST])} more" if len(self.names) > NEAREST else ""
        msg = f"there is no variation {name!r}; there are {', '.join(near[:NEAREST]) or 'none'}{more}"
        raise ConfigError(msg)

    def __add__(self, other: Systematics) -> Systematics:
        both = Systematics((*self.variations, *other.variations))
        both.places = {**self.places, **other.places}
        return both

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(variation.name for variation in self.variations)

    def of_kind(self, *kinds: Kind) -> tuple[Variation, ...]:
        """The variations of these kinds, in order."""
        return tuple(variation for variation in self.variations if variation.kind in kinds)

    @property
    def weights(self) -> tuple[Variation, ...]:
        """The variations that move weights and nothing else, in order."""
        return tuple(variation for variation in self.variations if variation.is_weight)

    def nuisances(self) -> dict[str, Nuisance]:
        """Name -> nuisance parameter; a single variation is its up side, whatever its direction."""
        sides: dict[str, dict[str, Variation]] = {}
        for variation in self.variations:
            sides.setdefault(variation.nuisance, {})[variation.side] = variation
        return {name: _nuisance(name, found) for name, found in sides.items()}

    def place(self, variation: Variation | str) -> str:
        """Where a variation is declared, for messages."""
        name = variation if isinstance(variation, str) else variation.name
        return self.places.get(name, "declared in Python")


def _nuisance(name: str, sides: Mapping[str, Variation]) -> Nuisance:
    if "up" not in sides:
        return Nuisance(name, sides["down"])
    return Nuisance(name, sides["up"], sides.get("down"))


def _check(variations: Sequence[Variation], place: Callable[[Variation], str]) -> None:
    names: dict[str, Variation] = {}
    sides: dict[tuple[str, str], Variation] = {}
    columns: dict[tuple[str, str, str], Variation] = {}
    for one in variations:
        other = names.setdefault(one.name, one)
        if other is not one:
            msg = f"the variation {one.name} is declared twice: {place(other)}, and {place(one)}"
            raise ConfigError(msg, advice="leave one of them out")
        _check_sides(one, sides, place)
        _check_factors(one, columns, place)


def _check_sides(
    one: Variation, sides: dict[tuple[str, str], Variation], place: Callable[[Variation], str]
) -> None:
    other = sides.setdefault((one.nuisance, one.side), one)
    if other is one:
        return
    shared = sorted(set(one.factors) & set(other.factors))
    which = f", which both use the weight factor {', '.join(shared)}" if shared else ""
    msg = (
        f"the nuisance parameter {one.nuisance} has two variations {one.side}{which}: {other.name} ({place(other)}) and "
        f"{one.name} ({place(one)})"
    )
    advice = (
        "make them one variation with several factors, or give each its own nuisance and the same correlation"
    )
    raise ConfigError(msg, advice=advice)


def _check_factors(
    one: Variation, columns: dict[tuple[str, str, str], Variation], place: Callable[[Variation], str]
) -> None:
    for factor, column in one.factors.items():
        other = columns.setdefault((one.kind, factor, column), one)
        if other is not one:
            msg = (
                f"the column {column} is used twice for the weight factor {factor}: by {other.name} ({place(other)}) and by "
                f"{one.name} ({place(one)})"
            )
            raise ConfigError(msg, advice="one effect counted twice is too large: leave one of them out")


# --- YAML -------------------------------------------------------------------------------------------------------------


def _read(path: Path) -> Iterator[tuple[Variation, str]]:
    """The variations of a file, each with its place."""
    document = load(path)
    if not isinstance(document.value, list):
        msg = f"{path} is no list of variations"
        raise ConfigError(msg, advice='begin each variation with "- name: ..."')
    for item in document.items():
        yield from _entry(item)


def _entry(item: Located) -> Iterator[tuple[Variation, str]]:
    place = f"{item.file}, line {item.line}"
    try:
        for values in _expanded(item.plain()):
            yield Variation(**values), place
    except (ConfigError, TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        text = error.message if isinstance(error, ConfigError) else str(error)
        advice = error.advice if isinstance(error, ConfigError) else f"known keys: {', '.join(KEYS)}"
        msg = f"{place}: {text}"
        raise ConfigError(msg, advice=advice) from error


def _expanded(entry: Any) -> Iterator[dict[str, Any]]:
    """The arguments of each variation of an entry."""
    if not isinstance(entry, dict):
        msg = f"{entry!r} is no variation, expected keys and values"
        raise ConfigError(msg, advice='write "- name: ..." and "kind: ..."')
    given = [key for key in NAMING if key in entry]
    unknown = [key for key in entry if key not in (*KEYS, *NAMING, "endings")]
    if len(given) != 1 or unknown or "kind" not in entry:
        what = f"unknown key {unknown[0]!r}" if unknown else f"expected a kind and one of {', '.join(NAMING)}"
        raise ConfigError(what, advice=f"known keys: {', '.join((*KEYS, *NAMING[1:], 'endings'))}")
    common = {key: value for key, value in entry.items() if key in KEYS and key != "name"}
    for name in _names(entry, given[0]):
        columns = {str(k): str(v).replace("{name}", name) for k, v in entry.get("factors", {}).items()}
        sizes = {str(k): tuple(map(float, v)) for k, v in entry.get("sizes", {}).items()}
        yield {**common, "name": name, "factors": columns, "sizes": sizes}


def _names(entry: Mapping[str, Any], given: str) -> list[str]:
    value = entry[given]
    if given == "name":
        return [str(value)]
    if not isinstance(value, list):
        msg = f"{given} is {value!r}, expected a list of names"
        raise ConfigError(msg)
    endings = entry.get("endings", ENDINGS) if given == "nuisances" else ("",)
    return [f"{name}{ending}" for name in value for ending in endings]

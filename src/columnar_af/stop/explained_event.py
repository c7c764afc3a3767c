"""One event of the stop search explained: every cut of every region, its weight, and whether it counts at all.

Data in a blinded region are not explained: their values would tell what the blinding keeps out of results. Events that do not say
whether they are data are taken as data.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from columnar_af.errors import WorkAddress
from columnar_af.ntuples.stop import StopSource
from columnar_af.ntuples.stop.same_event import same_event_source
from columnar_af.selection.region_explanation import FAKES, ViewStory, region_story
from columnar_af.stop.blinding import BLINDED
from columnar_af.stop.views import Method, ReadOnce, View
from columnar_af.systematics import NOMINAL, Variation

IS_DATA = "is_data"


def explained_event(
    method: Method, events: Any, variations: Sequence[Variation], address: WorkAddress
) -> tuple[ViewStory, ...]:
    """The stories of the first event: nominal, the estimate of fakes where it counts for that, and the variations.

    Args:
        method: How events are selected.
        events: One event, as a processor gets it.
        variations: What else is shown; of objects, or of weights.
        address: Where the event is, for errors.

    Raises:
        MissingBranchError: The ntuple lacks a variation.
    """
    is_data = bool(events.metadata.get(IS_DATA, True))
    weights = tuple(one for one in variations if one.is_weight and not is_data)
    nominal = View.of(method, events, is_data=is_data, weight_variations=weights, address=address)
    if is_data and not nominal.counted[next(iter(nominal.variables))][0]:
        return (_blinded(method, events),)
    stories = [_story(nominal, NOMINAL, (*_unknown(events), *_notes(nominal)))]
    stories += _fakes(nominal)
    if not is_data:
        stories += (_varied(nominal, events, one) for one in variations)
    return tuple(stories)


def _blinded(method: Method, events: Any) -> ViewStory:
    """The story of an event in a closed region: none."""
    closed = ",".join(name for name, why in method.blinding.closed.items() if why == BLINDED)
    text = f"this event of data is in a blinded region, and left out of every result; -p unblind={closed} opens them"
    return ViewStory(NOMINAL, notes=(*_unknown(events), text))


def _unknown(events: Any) -> Iterator[str]:
    if IS_DATA not in events.metadata:
        yield "the metadata do not say whether these are data, so that they are taken as data: name a fileset instead of a file"


def _story(view: View, label: str, notes: Iterable[str] = (), *, anti: bool = False) -> ViewStory:
    closed = view.method.blinding.closed if view.is_data else {}
    stories = []
    for region in view.method.regions:
        variables = view.variables[region.objects]
        why = closed.get(region.name, "")
        hidden = "" if not why or anti else why if why == BLINDED else f"{BLINDED}: {why}"
        stories.append(region_story(region, _EveryLepton(variables) if anti else variables, hidden=hidden))
    return ViewStory(label, tuple(stories), _weights(view), tuple(notes))


def _weights(view: View) -> dict[str, float]:
    if view.is_data:
        return {}
    factors = {name: float(values[0]) for name, values in view.weights.factors.items()}
    return {"weight": float(view.weights.nominal[0]), **factors}


def _notes(view: View) -> Iterator[str]:
    """Why an event of simulation does not count."""
    if view.is_data:
        return
    if not view.stitched[0]:
        variables = view.any_variables
        yield (
            f"does not count: generator ETmiss {variables.gen_filt_met[0]:.6g} GeV is outside of the slice of sample "
            f"{variables.channel_number[0]}"
        )
    for name, counted in view.counted.items():
        if view.method.fakes and view.stitched[0] and not counted[0]:
            yield f"does not count with the objects {name}: a lepton is not prompt, and fakes are estimated from data"


def _fakes(view: View) -> Iterator[ViewStory]:
    """The event as one with anti-identified leptons, where it is one."""
    weights = {}
    for name in view.variables:
        found = view.fake_weights(name)
        if found is not None and math.isfinite(found[0]) and found[0] != 0:
            weights[name] = float(found[0])
    if weights:
        text = ", ".join(f"{weight:.6g} with the objects {name}" for name, weight in weights.items())
        note = f"weight of the fake factors: {text}; every baseline lepton counts as a signal lepton"
        yield _story(view, FAKES, [note], anti=True)


class _EveryLepton:
    """Variables of which every baseline lepton counts as a signal lepton."""

    def __init__(self, variables: Any) -> None:
        self._variables = variables

    def __getattr__(self, name: str) -> Any:
        """A variable, or why it is missing."""
        return getattr(self._variables, "n_baseline_leptons" if name == "n_leptons" else name)


def _view(nominal: View, columns: StopSource) -> View:
    """The event with the columns of a variation."""
    source: Any = ReadOnce(columns)
    return View(
        method=nominal.method,
        source=source,
        is_data=nominal.is_data,
        variables={name: each.varied(source) for name, each in nominal.variables.items()},
        first=nominal,
        nominal=None if columns.shifted is None else nominal,
        address=nominal.address,
    )


def _varied(nominal: View, events: Any, variation: Variation) -> ViewStory:
    """The event under a variation; of weights, all but the weight is nominal's."""
    if variation.is_weight:
        names = ", ".join(variation.factors.values())
        changed = {"weight": float(nominal.weights.of(variation.name)[0])}
        return ViewStory(variation.name, weights=changed, notes=(f"only the weight changes, by {names}",))
    source = same_event_source(events, variation.name, nominal.method.missing)
    if source is None:
        return ViewStory(variation.name, notes=("the event is not in the tree of this variation",))
    return _story(
        _view(nominal, source),
        variation.name,
        [f"falls back to nominal: {name}" for name in source.fallbacks],
    )

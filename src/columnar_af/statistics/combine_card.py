"""The model as a combine datacard with a ROOT file of its histograms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hist import Hist
from hist.axis import Variable
from hist.storage import Weight

from columnar_af.errors import OutputError
from columnar_af.statistics.model import Bins, Channel, Model, ModelSample, Scaling, Shifting

NOTHING = "-"
RULE = "-" * 12

Column = tuple[Channel, ModelSample]


def identifier(name: str) -> str:
    """A name that combine takes: letters, digits and underscores."""
    return re.sub(r"\W+", "_", name)


def datacard(model: Model, shapes_file: str) -> str:
    """The text of the card.

    Scalings are ``lnN`` lines (down/up), changes of shape are ``shape?`` lines, the statistical uncertainty of the simulation
    is autoMCStats, free normalizations are ``rateParam`` lines. Numbers have all their digits.

    Args:
        model: The model.
        shapes_file: Name of the file with its histograms, beside the card.
    """
    columns = [(channel, sample) for channel in model.channels for sample in channel.samples]
    channels = [identifier(channel.name) for channel in model.channels]
    observed = [_number(sum(channel.observed or channel.expected)) for channel in model.channels]
    lines = [
        f"# signal: {model.signal or 'none'}; made by columnar-af export",
        *(f"# note: {note}" for note in model.notes),
        *(
            f"# blinded or without data: {name}; the expected background stands there"
            for name in model.blinded
        ),
        f"imax {len(channels)}",
        "jmax *",
        "kmax *",
        RULE,
        f"shapes * * {shapes_file} $CHANNEL/$PROCESS $CHANNEL/$PROCESS_$SYSTEMATIC",
        RULE,
        _line("bin", channels),
        _line("observation", observed),
        RULE,
        _line("bin", [identifier(channel.name) for channel, _ in columns]),
        _line("process", [identifier(sample.name) for _, sample in columns]),
        _line("process", _process_numbers(columns)),
        _line("rate", [_number(sum(sample.values)) for _, sample in columns]),
        RULE,
        *_luminosity(model, columns),
        *_effects(model, columns),
        *_free_normalizations(model),
        "* autoMCStats 0",
    ]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return repr(float(value))


def _line(name: str, entries: Iterable[str]) -> str:
    return f"{name:<48} " + " ".join(f"{entry:>24}" for entry in entries)


def _process_numbers(columns: Sequence[Column]) -> list[str]:
    """0 for the signal, positive numbers for backgrounds."""
    backgrounds = dict.fromkeys(sample.name for _, sample in columns if not sample.is_signal)
    numbers = {name: str(number) for number, name in enumerate(backgrounds, 1)}
    return [numbers.get(sample.name, "0") for _, sample in columns]


def _luminosity(model: Model, columns: Sequence[Column]) -> list[str]:
    factor = _number(1 + model.luminosity_uncertainty)
    entries = [factor if sample.has_luminosity else NOTHING for _, sample in columns]
    return [] if set(entries) == {NOTHING} else [_line("lumi lnN", entries)]


def _effects(model: Model, columns: Sequence[Column]) -> Iterator[str]:
    for name in model.nuisances:
        entries = [_effect(name, sample) for _, sample in columns]
        kind = "lnN" if all(entry == NOTHING or "/" in entry for entry in entries) else "shape?"
        yield _line(f"{identifier(name)} {kind}", entries)


def _effect(name: str, sample: ModelSample) -> str:
    for effect in sample.effects:
        if effect.name == name:
            return f"{effect.down!r}/{effect.up!r}" if isinstance(effect, Scaling) else "1"
    return NOTHING


def _free_normalizations(model: Model) -> Iterator[str]:
    """combine multiplies a process by its rateParam; ours are named mu_ and the sample."""
    users = {
        factor: identifier(sample.name)
        for channel in model.channels
        for sample in channel.samples
        for factor in sample.factors
    }
    for name, (low, high) in model.free.items():
        yield f"{identifier(name)} rateParam * {users[name]} 1 [{low:g},{high:g}]"


def card_histograms(model: Model) -> dict[str, Hist]:
    """Path in the ROOT file -> histogram."""
    found = {}
    for channel in model.channels:
        place = identifier(channel.name)
        observed = channel.observed or channel.expected
        found[f"{place}/data_obs"] = histogram(channel, observed, observed)
        for sample in channel.samples:
            name = f"{place}/{identifier(sample.name)}"
            squares = tuple(error**2 for error in sample.errors)
            found[name] = histogram(channel, sample.values, squares)
            for effect in sample.shiftings:
                found |= _shape(channel, name, effect)
    return found


def _shape(channel: Channel, name: str, effect: Shifting) -> dict[str, Hist]:
    nothing = tuple(0.0 for _ in effect.up)
    return {
        f"{name}_{identifier(effect.name)}{side}": histogram(channel, contents, nothing)
        for side, contents in (("Up", effect.up), ("Down", effect.down))
    }


def histogram(channel: Channel, values: Bins, variances: Bins) -> Hist:
    """A weighted histogram with the bins of a channel."""
    filled = Hist(Variable(channel.edges, name=channel.variable), storage=Weight())
    view = filled.view()
    view.value, view.variance = np.array(values), np.array(variances)
    return filled


def write_root(path: Path, histograms: Mapping[str, Any]) -> Path:
    """Write histograms into a ROOT file.

    Raises:
        OutputError: It cannot be written.
    """
    import uproot  # noqa: PLC0415  (slow to import)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with uproot.recreate(path) as file:
            for name, content in histograms.items():
                file[name] = content
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}"
        raise OutputError(msg, advice="check the disk and the permissions, or name another folder") from error
    return path


def write_card(model: Model, path: Path) -> tuple[Path, Path]:
    """Write ``NAME.txt`` and ``NAME.root`` beside it.

    Raises:
        OutputError: They cannot be written.
    """
    shapes = write_root(path.with_suffix(".root"), card_histograms(model))
    try:
        path.write_text(datacard(model, shapes.name))
    except OSError as error:
        msg = f"cannot write the datacard {path}: {error.strerror or error}"
        raise OutputError(msg, advice="check the disk and the permissions, or name another folder") from error
    return path, shapes

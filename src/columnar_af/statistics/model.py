"""One statistical model, HistFactory's: channels, samples, and what moves them. The writers and the fits start from it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from columnar_af.errors import ConfigError

Bins = tuple[float, ...]

SIGNAL_STRENGTH = "mu_sig"
LUMINOSITY_UNCERTAINTY = 0.017
"""Of the Run 2 data: lumi parameter 1.0 ± 0.017 of the successor's HistFitter configuration, and of ATLAS-CONF-2019-021."""
FREE_RANGE = (0.0, 5.0)
"""Of the free normalizations, as in the same configuration."""
SIGNAL_RANGE = (0.0, 10.0)
"""Of the signal strength, until a fit knows better."""


@dataclass(frozen=True)
class Scaling:
    """A nuisance parameter that scales all bins of a sample alike (HistFactory's ``normsys``, combine's ``lnN``).

    Attributes:
        name: The parameter.
        up, down: Factor at +1 and -1 standard deviation.
    """

    name: str
    up: float
    down: float


@dataclass(frozen=True)
class Shifting:
    """A nuisance parameter that changes the shape of a sample (``histosys``, ``shape``).

    Attributes:
        name: The parameter.
        up, down: Contents at +1 and -1 standard deviation.
    """

    name: str
    up: Bins
    down: Bins


@dataclass(frozen=True)
class ModelSample:
    """A sample in a channel.

    Attributes:
        name: Its name.
        values, errors: Expected events and their statistical uncertainty, per bin.
        factors: Free parameters that multiply it.
        scalings, shiftings: What its nuisance parameters do.
        has_luminosity: Whether the uncertainty of the luminosity belongs to it.
        is_signal: Whether it is the signal.
    """

    name: str
    values: Bins
    errors: Bins
    factors: tuple[str, ...] = ()
    scalings: tuple[Scaling, ...] = ()
    shiftings: tuple[Shifting, ...] = ()
    has_luminosity: bool = False
    is_signal: bool = False

    @property
    def effects(self) -> tuple[Scaling | Shifting, ...]:
        """All that its nuisance parameters do."""
        return (*self.scalings, *self.shiftings)


@dataclass(frozen=True)
class Channel:
    """A region in the model.

    Attributes:
        name: Its name.
        variable, edges: How it is binned.
        observed: Events in data per bin; None while nothing is observed (blinded, or no data).
        samples: What is expected in it.
    """

    name: str
    variable: str
    edges: Bins
    observed: Bins | None
    samples: tuple[ModelSample, ...]

    @property
    def expected(self) -> Bins:
        """Sum of the backgrounds before any fit."""
        backgrounds = [sample.values for sample in self.samples if not sample.is_signal]
        return tuple(sum(values) for values in zip(*backgrounds, strict=True))


@dataclass(frozen=True)
class Model:
    """A likelihood with at most one signal.

    Attributes:
        channels: Its regions.
        free: Free normalizations of backgrounds -> their range.
        signal: Name of the signal, whose strength is ``mu_sig``; None without one.
        luminosity_uncertainty: Relative.
        notes: What a reader must know.
    """

    channels: tuple[Channel, ...]
    free: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    signal: str | None = None
    luminosity_uncertainty: float = LUMINOSITY_UNCERTAINTY
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Names are given once; a signal must be in a channel.

        Raises:
            ConfigError: They are not, or it is not.
        """
        names = [channel.name for channel in self.channels]
        if len(set(names)) != len(names) or not names:
            msg = f"the regions of a model must be named once each, and there must be one: {', '.join(names) or 'none'}"
            raise ConfigError(msg)
        if self.signal is not None and not any(
            sample.is_signal and any(sample.values) for channel in self.channels for sample in channel.samples
        ):
            msg = f"the signal {self.signal} is expected in none of {', '.join(names)}"
            raise ConfigError(
                msg, advice="no limit can be set on it here; leave it out, or simulate more events"
            )

    def channel(self, name: str) -> Channel:
        """The channel of a name.

        Raises:
            ConfigError: There is none.
        """
        for channel in self.channels:
            if channel.name == name:
                return channel
        msg = f"there is no region {name!r} in this model"
        raise ConfigError(msg, advice=f"there are {', '.join(channel.name for channel in self.channels)}")

    def only(self, names: Collection[str]) -> Model:
        """The model of some of its channels, without the signal where these do not have it."""
        channels = tuple(channel for channel in self.channels if channel.name in names)
        has_signal = any(sample.is_signal for channel in channels for sample in channel.samples)
        used = {factor for channel in channels for sample in channel.samples for factor in sample.factors}
        free = {name: range_ for name, range_ in self.free.items() if name in used}
        return replace(self, channels=channels, free=free, signal=self.signal if has_signal else None)

    def with_observed(self, observed: Mapping[str, Bins]) -> Model:
        """The model with other data in the named channels."""
        return replace(
            self,
            channels=tuple(
                replace(channel, observed=observed.get(channel.name, channel.observed))
                for channel in self.channels
            ),
        )

    @property
    def blinded(self) -> tuple[str, ...]:
        """Channels in which nothing is observed."""
        return tuple(channel.name for channel in self.channels if channel.observed is None)

    @property
    def nuisances(self) -> tuple[str, ...]:
        """Names of the nuisance parameters, in the order in which they first come."""
        return tuple(
            dict.fromkeys(
                effect.name
                for channel in self.channels
                for sample in channel.samples
                for effect in sample.effects
            )
        )


def statistical_errors(channel: Channel) -> Bins:
    """Relative statistical uncertainty of all backgrounds together, per bin: what ``staterror`` and autoMCStats move."""
    totals = channel.expected
    squares = zip(*(sample.errors for sample in channel.samples if not sample.is_signal), strict=True)
    return tuple(
        math.hypot(*errors) / total if total else 0.0 for errors, total in zip(squares, totals, strict=True)
    )

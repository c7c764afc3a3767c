"""A region of which only three numbers are known: events observed, expected background and its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

from columnar_af.errors import ConfigError
from columnar_af.statistics.limits import Discovery, HypothesisOptions, discovery
from columnar_af.statistics.model import Channel, Model, ModelSample, Scaling
from columnar_af.statistics.yields import CUTS, CUTS_EDGES


@dataclass(frozen=True)
class Counts:
    """A published region.

    Attributes:
        observed: Events in data.
        background, uncertainty: Expected background and its total uncertainty.
        name: Of the region.
    """

    observed: float
    background: float
    uncertainty: float
    name: str = "SR"

    @classmethod
    def parse(cls, text: str) -> Counts:
        """From ``"[NAME] OBSERVED BACKGROUND UNCERTAINTY"``, for example ``"10 12.8 3.2"``.

        Raises:
            ConfigError: It is something else.
        """
        words = text.replace("±", " ").replace("+-", " ").split()
        *name, observed, background, uncertainty = (
            words if len(words) in (3, 4) else ["", "nan", "nan", "nan"]
        )
        try:
            numbers = float(observed), float(background), float(uncertainty)
        except ValueError:
            numbers = math.nan, math.nan, math.nan
        is_usable = all(math.isfinite(number) for number in numbers) and numbers[0] >= 0
        if not is_usable or numbers[1] <= 0 or numbers[2] < 0:
            msg = f"--counts {text!r}: expected events observed, expected background and its uncertainty"
            raise ConfigError(msg, advice='for example --counts "10 12.8 3.2", or "SRA 10 12.8 3.2"')
        return cls(*numbers, *name)

    def model(self) -> Model:
        """A channel with one nuisance parameter, which scales the background by its uncertainty."""
        relative = self.uncertainty / self.background
        scaling = Scaling("background_uncertainty", 1 + relative, max(1 - relative, 0.01))
        background = ModelSample(
            "background", (self.background,), (0.0,), scalings=(scaling,) if relative else ()
        )
        return Model((Channel(self.name, CUTS, CUTS_EDGES, (self.observed,), (background,)),))


def count(
    counts: Counts, luminosity: float = math.nan, options: HypothesisOptions | None = None
) -> Discovery:
    """p0 and limits on the number of signal events of a published region."""
    return discovery(counts.model(), counts.name, luminosity, options)

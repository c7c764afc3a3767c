"""Blocks of events, each from its own seed: the unit in which samples are made, so that memory stays bounded and the result
does not depend on who makes which block."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from columnar_af.ntuples.simulation.stop_detector import generate
from columnar_af.ntuples.simulation.stop_events import Events, Flags, Generated
from columnar_af.ntuples.simulation.stop_reconstruction import View, passes_skim, reconstruct
from columnar_af.ntuples.simulation.stop_samples import Campaign, Sample
from columnar_af.ntuples.simulation.stop_variations import NOMINAL
from columnar_af.ntuples.simulation.stop_weights import (
    LARGEST_WEIGHT,
    nominal_factors,
    product_of_factors,
)

BLOCK_EVENTS = 10_000
"""Counted events of a block; part of what a seed means."""

TRIES_PER_EVENT = 8
FEWEST_TRIES, MOST_TRIES = 1_000, 40_000
"""Candidates that are generated at once; part of what a seed means, too."""

EVENT_NUMBERS_PER_BLOCK = 10_000_000

Counts = Callable[[Events, View], Flags]
"""Which of the kept events count towards the number that was asked for."""


@dataclass(frozen=True)
class Block:
    """Events of one block.

    Attributes:
        events: Those that the ntuples keep.
        nominal: Their nominal view.
        generated: All generated events behind them, measured or not; None where nobody asks, as for data.
    """

    events: Events
    nominal: View
    generated: Generated | None = None

    @property
    def tried(self) -> int:
        """Number of generated events."""
        return 0 if self.generated is None else len(self.generated)

    @property
    def sum_of_weights(self) -> float:
        """Sum of the generator's weights of all of them."""
        return 0.0 if self.generated is None else float(self.generated.weight.sum())


def seeded(seed: int, *parts: str | int) -> np.random.Generator:
    """A random generator for one part of the work, independent of all other parts."""
    key = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in parts]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _kept(events: Events) -> tuple[Events, View]:
    view = reconstruct(events, NOMINAL)
    kept = passes_skim(events, view)
    events = events.take(kept)
    return events, reconstruct(events, NOMINAL)


def simulate_block(
    rng: np.random.Generator, sample: Sample, campaign: Campaign, wanted: int, counts: Counts
) -> Block:
    """Generate until ``wanted`` events count, and stop right before the next one that would.

    Stopping there makes wanted / tried an unbiased estimate of the acceptance (inverse binomial sampling, with the last
    success left out), however small the block is.

    Args:
        rng: The block's random generator.
        sample, campaign: What to generate.
        wanted: Number of events that shall count.
        counts: Which events count.
    """
    tries = int(np.clip(TRIES_PER_EVENT * wanted, FEWEST_TRIES, MOST_TRIES))
    parts: list[Events] = []
    every: list[Generated] = []
    found = tried = 0
    while found <= wanted:
        found_events, generated = generate(rng, sample, campaign, tries)
        kept, view = _kept(found_events)
        kept = replace(kept, candidate=kept.candidate + tried)
        found += int(counts(kept, view).sum())
        parts.append(kept)
        every.append(generated)
        tried += tries
    events = Events.join(parts)
    counted = np.flatnonzero(counts(events, reconstruct(events, NOMINAL)))
    end = int(events.candidate[counted[wanted]])
    events = events.take(events.candidate < end)
    return Block(events, reconstruct(events, NOMINAL), Generated.join(every).take(slice(end)))


def _numbered(block: Block, first: int) -> Block:
    numbers = first + 1 + np.arange(len(block.events), dtype=np.uint64)
    return replace(block, events=replace(block.events, number=numbers.astype(np.uint64)))


def simulated_blocks(
    seed: int, sample: Sample, campaign: Campaign, file_number: int, wanted: int, counts: Counts
) -> Iterator[Block]:
    """The blocks of one file of a simulated sample, in order.

    Args:
        seed: The user's seed.
        sample, campaign: What to generate.
        file_number: Number of the file among those of sample and campaign, from 0.
        wanted: Counted events of the file.
        counts: Which events count.
    """
    for number, start in enumerate(range(0, wanted, BLOCK_EVENTS)):
        rng = seeded(seed, sample.name, campaign.name, file_number, number)
        block = simulate_block(rng, sample, campaign, min(BLOCK_EVENTS, wanted - start), counts)
        yield _numbered(block, (file_number * 1000 + number) * EVENT_NUMBERS_PER_BLOCK)


def data_events(
    seed: int, processes: Sequence[tuple[Sample, float]], campaign: Campaign
) -> tuple[Events, dict[str, int]]:
    """Events as the campaign's luminosity would give them: unweighted, all processes mixed.

    Each process gives a Poisson number of candidates, and each candidate passes with its scale factors as probability, so
    that the weighted simulation describes these events in every distribution.

    Args:
        seed: The user's seed.
        processes: Samples and the strength with which each is mixed in (1 for backgrounds).
        campaign: Luminosity and running conditions.

    Returns:
        The events in random order, and how many each process gave.
    """
    parts: list[Events] = []
    numbers: dict[str, int] = {}
    for sample, strength in processes:
        rng = seeded(seed, "data", sample.name, campaign.name)
        expected = sample.cross_section * 1000.0 * campaign.luminosity * strength * LARGEST_WEIGHT
        left = int(rng.poisson(expected))
        numbers[sample.name] = 0
        while left > 0:
            tries = min(left, MOST_TRIES)
            generated, _ = generate(rng, sample, campaign, tries)
            events, view = _kept(generated)
            weight = product_of_factors(nominal_factors(events, view))
            events = events.take(rng.random(len(events)) * LARGEST_WEIGHT < weight)
            parts.append(events)
            numbers[sample.name] += len(events)
            left -= tries
    joined = Events.join(parts)
    order = seeded(seed, "data", campaign.name).permutation(len(joined))
    joined = joined.take(order)
    first = 1 + np.arange(len(joined), dtype=np.uint64)
    return replace(joined, number=first.astype(np.uint64), generator_weight=np.ones(len(joined))), numbers

"""Recovery: what an executor loses is submitted again, and nothing is counted twice.

A killed worker takes more with it than its own chunk: coffea's executors then give nothing back at all. Here a lost batch
is divided until the chunk that kills its worker is alone. Workers are killed most often for their memory, so that such a
chunk is then processed in parts; if that does not help, it is given up, while all others are done.
"""

from __future__ import annotations

import logging
import pickle
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace

from columnar_af.errors import ErrorRecord, ExecutorError, ProcessorError
from columnar_af.processing.chunk import Chunk, ChunkOutcome
from columnar_af.processing.endurance import MAX_PARTS
from columnar_af.processing.merge import Outcomes
from columnar_af.redaction import redact

MAX_ATTEMPTS = 3
"""Attempts after which a chunk that loses its worker, also when it runs alone, is processed in parts, with one attempt for
each division. A worker may die by bad luck twice; distributed gives up after three further attempts too
(``distributed.scheduler.allowed-failures``)."""

FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 5.0
"""Waits before what was lost with its scheduler is submitted again; doubled with each loss in a row, because it needs time
to come back. A killed worker needs no wait: its successor takes seconds to start. Chosen, not measured."""

Attempt = Callable[[Sequence[Chunk]], tuple[Outcomes, BaseException | None]]
"""Runs a batch of chunks; returns what came back, and why the rest did not (None where nothing is missing)."""

logger = logging.getLogger(__name__)


@dataclass
class Recovered:
    """All chunks of a plan after recovery.

    Attributes:
        outcomes: One outcome per chunk.
        attempts: Chunk number -> how often it was submitted.
    """

    outcomes: Outcomes = field(default_factory=Outcomes)
    attempts: Counter[int] = field(default_factory=Counter)


def run_all(
    chunks: Sequence[Chunk],
    attempt: Attempt,
    *,
    in_flight: int,
    reproduce: Callable[[Chunk], str],
    batch_size: int | None = None,
    recovered: Recovered | None = None,
) -> Recovered:
    """Run chunks until each of them is done, has failed, or was lost too often.

    Args:
        chunks: The chunks.
        attempt: Runs a batch.
        in_flight: How many chunks the executor works on at a time, the first ones of a batch first: when it breaks, the
            first ``in_flight`` missing chunks are under suspicion. 0 where the order is not known.
        reproduce: Gives the command that runs a chunk alone.
        batch_size: Most chunks that are submitted at a time; all where None.
        recovered: What is known of other chunks already; it is added to.
    """
    recovered = Recovered() if recovered is None else recovered
    batches = _in_batches(chunks, batch_size)
    losses_in_a_row = 0
    patience = len(chunks).bit_length() + 2 * (
        MAX_ATTEMPTS + MAX_PARTS.bit_length()
    )  # halving down to one chunk, its attempts and divisions, twice
    while batches:
        batch = batches.pop()
        recovered.attempts.update(chunk.number for chunk in batch)
        outcomes, cause = attempt(batch)
        recovered.outcomes += outcomes
        lost = [chunk for chunk in batch if chunk.number not in outcomes]
        if not lost:
            losses_in_a_row = 0
            continue
        losses_in_a_row = 1 if len(outcomes) else losses_in_a_row + 1
        _tell_loss(lost, batch, cause)
        given_up = losses_in_a_row > patience
        alone = len(batch) == 1 and recovered.attempts[batch[0].number] >= MAX_ATTEMPTS
        if isinstance(cause, OSError | CancelledError | ExecutorError):
            time.sleep(min(FIRST_WAIT_S * 2 ** (losses_in_a_row - 1), LONGEST_WAIT_S))
        unsendable = is_pickling_error(cause)  # which neither another attempt nor less memory changes
        if unsendable and (len(batch) == 1 or given_up):
            for chunk in lost:
                recovered.outcomes += unsendable_outcome(chunk, cause, reproduce(chunk))
        elif alone and not given_up and lost[0].parts < min(MAX_PARTS, len(lost[0])):
            batches.append([replace(lost[0], parts=2 * lost[0].parts)])
        elif alone or given_up:
            for chunk in lost:
                tries = recovered.attempts[chunk.number]
                recovered.outcomes += lost_outcome(chunk, cause, tries, reproduce(chunk))
        else:
            # Suspects come first only in an executor that keeps what is done; if it does not, halving is faster.
            batches += divide(lost, in_flight if losses_in_a_row == 1 else 0)
    return recovered


def _tell_loss(lost: Sequence[Chunk], batch: Sequence[Chunk], cause: BaseException | None) -> None:
    reason = _reason(cause).partition(". ")[0]  # what the pool thinks of the reason is the same each time
    if len(batch) > 1:
        logger.warning("%d of %d chunks were lost (%s), recovering", len(lost), len(batch), reason)
        return
    (chunk,) = lost
    how = f", in {chunk.parts} parts" if chunk.parts > 1 else ""
    logger.warning("chunk %d alone%s was lost (%s): %s", chunk.number, how, reason, chunk.address)


def _in_batches(chunks: Sequence[Chunk], size: int | None) -> list[list[Chunk]]:
    """The chunks in batches, the last batch first."""
    size = max(size or len(chunks), 1)
    return [list(chunks[first : first + size]) for first in range(0, len(chunks), size)][::-1]


def divide(lost: list[Chunk], in_flight: int) -> list[list[Chunk]]:
    """The batches in which lost chunks are submitted again; the last one first.

    Those under suspicion are separated from the rest; where all are, they are halved.
    """
    suspects, rest = lost[:in_flight], lost[in_flight:]
    if suspects and rest:
        return [suspects, rest]
    if len(lost) == 1:
        return [lost]
    return [lost[len(lost) // 2 :], lost[: len(lost) // 2]]


def lost_outcome(chunk: Chunk, cause: BaseException | None, attempts: int, reproduce: str) -> Outcomes:
    """The outcome of a chunk that is given up."""
    msg = f"the chunk was lost {attempts} times: {_reason(cause)}"
    advice = (
        "the worker died, most often for lack of memory: run with a smaller --chunksize, or look for a crash in compiled "
        "code by running the chunk alone with --executor iterative"
    )
    error = ExecutorError(msg, advice=advice, address=chunk.address)
    return Outcomes.of(
        ChunkOutcome(chunk.number, 0, error=ErrorRecord.from_exception(error, reproduce=reproduce))
    )


_UNPICKLABLE = re.compile(r"[Cc](annot|an't) pickle .*")
"""How pickle says which object it refuses."""


def is_pickling_error(error: BaseException | None) -> bool:
    """Whether something could not be sent to another process.

    pickle, cloudpickle and dask have no error in common. The chunk function turns what the analysis raises into values,
    so that such an error comes from the machinery.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        text = str(error).lower()
        told = "cannot pickle" in text or "can't pickle" in text or "could not serialize" in text
        if isinstance(error, pickle.PicklingError) or (
            told and isinstance(error, TypeError | AttributeError)
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def unsendable_outcome(chunk: Chunk, cause: BaseException | None, reproduce: str = "") -> Outcomes:
    """The outcome of a chunk whose result cannot be sent back."""
    told = _UNPICKLABLE.search(str(cause))  # dask puts it at the end of a traceback in the message
    reason = told[0] if told else _reason(cause)
    msg = f"process() returns what cannot be sent to another process: {reason}"
    advice = (
        "return histograms, cutflows, numbers, texts, NumPy arrays, and lists and dicts of these; no open files, locks, "
        "generators or functions"
    )
    error = ProcessorError(msg, advice=advice, address=chunk.address)
    return Outcomes.of(
        ChunkOutcome(chunk.number, 0, error=ErrorRecord.from_exception(error, reproduce=reproduce))
    )


def _reason(cause: BaseException | None) -> str:
    """The first line of it: the machinery's errors are long, and say the same each time."""
    if cause is None:
        return "the executor did not return it"
    return redact(f"{type(cause).__name__}: {cause}".splitlines()[0])

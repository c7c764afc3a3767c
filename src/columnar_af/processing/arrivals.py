"""Arrivals: what happens to outcomes when they come back from workers, and when there are too many failures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from threading import Lock

from columnar_af.errors import ErrorRecord, TooManyFailuresError
from columnar_af.processing.chunk import Chunk, ChunkOutcome
from columnar_af.processing.journal.recorder import Recorder
from columnar_af.processing.merge import Outcomes
from columnar_af.processing.recovery import Recovered


@dataclass
class Arrivals:
    """Called with outcomes as they arrive, perhaps in another thread.

    Attributes:
        recovered: All that is known of the run's chunks: at first, what an earlier run left.
        recorder: Writes the journal; None where there is none.
        on_done: Called with the outcomes, too.
        max_failures: How many chunks may fail; any number where None.
        bad_files_are_skipped: Whether files that cannot be read do not count as failures.
    """

    recovered: Recovered
    recorder: Recorder | None
    on_done: Callable[[Outcomes], None]
    max_failures: int | None
    bad_files_are_skipped: bool
    _kept: Outcomes = field(default_factory=Outcomes)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        if self.max_failures is not None:
            self._kept += self.recovered.outcomes

    def __call__(self, outcomes: Outcomes) -> None:
        """Take note.

        Raises:
            OutputError: The journal cannot be written.
            TooManyFailuresError: More chunks have failed than may.
        """
        if self.recorder is not None:
            self.recorder.record(outcomes)
        self.on_done(outcomes)
        if self.max_failures is not None:
            with self._lock:
                self._count(outcomes, self.max_failures)

    def _count(self, outcomes: Outcomes, allowed: int) -> None:
        known = len(self._kept.errors)
        self._kept += outcomes
        if len(self._kept.errors) == known:
            return
        failures = sum(
            not (error.input_is_bad and self.bad_files_are_skipped) for error in self._kept.errors.values()
        )
        if failures > allowed:
            msg = f"the run was stopped: {failures} chunks failed, and {allowed} may"
            raise TooManyFailuresError(
                msg, advice="correct what the first error says, or raise --max-failures"
            )

    def stopped(self, chunks: Iterable[Chunk], error: TooManyFailuresError) -> Recovered:
        """What is known when a run was stopped; the chunks that it did not reach have failed for that."""
        unreached = [chunk for chunk in chunks if chunk.number not in self._kept]
        stopped = TooManyFailuresError(f"the chunk was not reached: {error.message}", advice=error.advice)
        for chunk in unreached:
            record = ErrorRecord.from_exception(stopped, address=chunk.address)
            self._kept += Outcomes.of(ChunkOutcome(chunk.number, 0, error=record))
        return Recovered(self._kept, self.recovered.attempts)

    @property
    def reused(self) -> Collection[int]:
        """Numbers of the chunks whose partial result an earlier run left."""
        return self.recorder.reused if self.recorder is not None else ()

    @property
    def reused_entries(self) -> int:
        """Their entries."""
        return sum(self.recovered.outcomes.entries[number] for number in self.reused)

    @property
    def notes(self) -> list[str]:
        """What the user should know, in words."""
        return self.recorder.notes if self.recorder is not None else []

"""The recorder: writes what comes back from workers into the journal, and gives back what an earlier run left there."""

from __future__ import annotations

import logging
import os
import platform
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from columnar_af.errors import OutputError
from columnar_af.processing.chunk import Chunk, ChunkMetrics, ChunkOutcome
from columnar_af.processing.journal.ingredients import Ingredients
from columnar_af.processing.journal.journal import FORMAT, VERSION, Journal
from columnar_af.processing.merge import Outcomes
from columnar_af.results.ledger import Ledger
from columnar_af.results.plain_values import plain

logger = logging.getLogger(__name__)


@dataclass
class Recorder:
    """Keeps the journal of one run.

    Attributes:
        journal: The open journal.
        ingredients: What the partial results of this run are made from.
        chunks: The planned chunks.
        attempts: Chunk number -> how often it was submitted until now.
        notes: What the user should know, in words.
        reused: Numbers of the chunks whose partial result an earlier run left.
    """

    journal: Journal
    ingredients: Ingredients
    chunks: Sequence[Chunk]
    attempts: Counter[int] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    reused: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._run = uuid.uuid4().hex
        self._keys = {chunk.number: self.ingredients.key(chunk) for chunk in self.chunks}
        self._written: set[int] = set()
        self._done: set[int] = set()
        self._lock = Lock()

    def begin(self, *, resume: bool, request: Mapping[str, Any]) -> Outcomes:
        """Write what is planned, and take over what an earlier run has done.

        Args:
            resume: Whether to take over anything.
            request: What was asked for, in plain values.

        Returns:
            The outcomes that need no work.

        Raises:
            OutputError: The disk refuses.
        """
        self.journal.write([self._begin(resume, request), *self._planned()])
        self._tell_damage()
        outcomes = Outcomes()
        if resume:
            for outcome in self._earlier():
                outcomes += Outcomes.of(outcome)
            self.journal.write([self._record("reused", number) for number in sorted(self.reused)])
            self._written |= self.reused
            self._done |= self.reused
        return outcomes

    def _begin(self, resume: bool, request: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "kind": "run",
            "format": FORMAT,
            "version": VERSION,
            "run": self._run,
            "started": datetime.now(UTC).isoformat(),
            "host": platform.node(),
            "pid": os.getpid(),
            "command": sys.argv,
            "resume": resume,
            "request": plain(request),
            "ingredients": self.ingredients.to_json(),
        }

    def _planned(self) -> Iterator[dict[str, Any]]:
        for chunk in self.chunks:
            yield {
                **self._record("planned", chunk.number),
                "dataset": chunk.dataset,
                "file": chunk.file,
                "tree": chunk.tree,
                "start": chunk.start,
                "stop": chunk.stop,
                "uuid": chunk.uuid,
                "metadata": plain(chunk.metadata),
            }

    def _record(self, kind: str, number: int) -> dict[str, Any]:
        return {"kind": kind, "run": self._run, "number": number, "key": self._keys.get(number)}

    def _tell_damage(self) -> None:
        damaged = self.journal.ledger.damaged
        if damaged:
            self.notes.append(
                f"{len(damaged)} lines of the ledger are torn or damaged and were passed over: {list(damaged[:10])}"
            )

    def _earlier(self) -> Iterator[ChunkOutcome]:
        """The outcomes that are in the journal, if their partial results are what was written."""
        without_form: dict[str, int] = {}
        for chunk in self.chunks:
            record = self.journal.ledger.done.get(self._keys[chunk.number] or "")
            if record is None:
                continue
            if record["partial"] is None:
                without_form[record["problem"]] = without_form.get(record["problem"], 0) + 1
                continue
            try:
                partial = self.journal.load(record)
            except OutputError as error:
                self._note(f"chunk {chunk.number} runs again: {error.message}")
                continue
            self.reused.add(chunk.number)
            columns = ChunkMetrics(
                columns=tuple(record["columns"])
            )  # it costs nothing now, but has read these
            yield ChunkOutcome(chunk.number, len(chunk), partial, metrics=columns)
        for problem, count in without_form.items():
            self._note(_cannot_resume(problem, f"{count} chunks that are done run again"))

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            logger.warning(text)

    def record(self, outcomes: Outcomes) -> None:
        """Write what came back; called from any thread, with each outcome once or more.

        Raises:
            OutputError: The disk refuses.
        """
        with self._lock:
            numbers = [number for number in outcomes.entries if number not in self._written]
            self.journal.write([self._fate(number, outcomes) for number in numbers])
            self._written.update(numbers)
            self._done.update(number for number in numbers if number not in outcomes.errors)
            outcomes.stored.clear()  # it is on the disk

    def _fate(self, number: int, outcomes: Outcomes) -> dict[str, Any]:
        metrics = outcomes.metrics[number]
        error = outcomes.errors.get(number)
        cost = asdict(metrics)
        fate = {
            **self._record("done" if error is None else "failed", number),
            "entries": outcomes.entries[number],
            **cost,
            "attempts": self.attempts[number] + metrics.attempts - 1,
        }
        if error is not None:
            return {**fate, "error": error.to_json()}
        return {**fate, **self._stored(number, outcomes)}

    def _stored(self, number: int, outcomes: Outcomes) -> dict[str, Any]:
        stored, key = outcomes.stored.get(number), self._keys[number]
        problem = "the executor did not pass it on" if key is not None else self._without_key()
        if stored is not None and stored.problem:
            problem = f"{stored.problem} in what process() returns"
            self._note(_cannot_resume(problem, "its chunks would run again"))
        if stored is None or not stored.data or key is None:
            return {"partial": None, "problem": problem}
        return {"partial": self.journal.store(key, stored.data)}

    def _without_key(self) -> str:
        if not self.ingredients.untold:
            return "the file has no UUID"
        problem = f"it holds {', '.join(self.ingredients.untold)}, whose contents cannot be hashed"
        self._note(_cannot_resume(problem, "its chunks would run again"))
        return problem

    def finish(self, ledger: Ledger, *, whole: bool) -> None:
        """Write how it ended, and remove partial results that are of no more use.

        Args:
            ledger: The books of the run.
            whole: Whether the run was of the whole fileset, so that what it did not use is of no use.

        Raises:
            OutputError: The disk refuses.
        """
        self.journal.write(self._endings(ledger))
        if whole and ledger.complete:
            self.journal.keep_only({key for key in self._keys.values() if key is not None})

    def _endings(self, ledger: Ledger) -> Iterable[dict[str, Any]]:
        for entry in ledger:
            # What was done may have failed since then: in merging, when its result did not add up with the others.
            is_news = entry.status != "done" and entry.number in self._done
            if entry.status == "skipped" or entry.number not in self._written or is_news:
                error = None if entry.error is None else entry.error.to_json()
                yield {
                    **self._record(entry.status, entry.number),
                    "file": entry.file,
                    "entries": entry.entries,
                    "attempts": entry.attempts,
                    "error": error,
                }
        totals = {key: value for key, value in ledger.to_json().items() if key != "chunks"}
        yield {
            "kind": "finished",
            "run": self._run,
            "finished": datetime.now(UTC).isoformat(),
            "reused": len(self.reused),
            **totals,
        }


def _cannot_resume(problem: str, consequence: str) -> str:
    return (
        f"the result of this processor cannot be resumed, because {problem}: {consequence}; "
        "return histograms, cutflows, numbers, texts, NumPy arrays, and lists and dicts of these"
    )

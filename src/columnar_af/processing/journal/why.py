"""Why a chunk was run again, or would be: which of the things that its result is made from has changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from columnar_af.errors import ConfigError, OutputError
from columnar_af.processing.journal.journal import LedgerFile, RunRecord, read_ledger
from columnar_af.results.result_folder import JOURNAL

SHARED = {
    "definitions": "source of",
    "parameters": "parameter",
    "corrections": "contents of the file",
    "versions": "version of",
}
"""Ingredients of a run that are tables -> how a change in one of their rows is told."""


_MADE_UP = re.compile(r"@[0-9a-f]{8}(?=\.)")
"""What a script's module name has to tell it from others of the same name."""


@dataclass(frozen=True)
class Answer:
    """Why a chunk ran or did not.

    Attributes:
        chunk: The chunk, in one line.
        fate: What became of it in the latest run, in one line.
        changes: What had changed since it was done before, one line each.
    """

    chunk: str
    fate: str
    changes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """All in lines."""
        return "\n".join([self.chunk, self.fate, *(f"  {change}" for change in self.changes)])


def why(directory: Path, number: int) -> Answer:
    """Why a chunk of the latest run in a folder was run, or was not.

    Args:
        directory: The folder of the result.
        number: Number of the chunk in the latest run, as the ledger has it.

    Raises:
        OutputError: There is no ledger in the folder, or it cannot be read.
        ConfigError: The latest run has no such chunk.
    """
    ledger = read_ledger(directory)
    if not ledger.runs:
        msg = f"{directory / JOURNAL} holds no ledger; expected the folder of a run, as columnar-af run -o DIR writes it"
        raise OutputError(msg, advice="name the folder of a run")
    latest = ledger.runs[-1]
    if number not in latest.planned:
        msg = f"the latest run in {directory} has no chunk {number}"
        raise ConfigError(msg, advice=f"it has the chunks 0 to {max(latest.planned, default=-1)}")
    planned = latest.planned[number]
    place = f"{planned['file']}:{planned['tree']}[{planned['start']}:{planned['stop']}]"
    chunk = f"chunk {number}: dataset {planned['dataset']}, {place}"
    try:
        return _answer(chunk, ledger, latest, planned)
    except (KeyError, TypeError, AttributeError) as error:  # well checked nonsense: another program wrote it
        msg = f"the ledger in {directory / JOURNAL} cannot be understood: {type(error).__name__}: {error}"
        raise OutputError(msg, advice="run with the release that wrote it, or name another folder") from error


def _answer(chunk: str, ledger: LedgerFile, latest: RunRecord, planned: Mapping[str, Any]) -> Answer:
    fate = latest.fates.get(planned["number"])
    if fate is not None and fate["kind"] == "reused":
        return Answer(chunk, "was not run: everything that its result is made from is the same as before")
    ended = _ended(fate)
    earlier = _earlier(ledger, latest, planned)
    if earlier is None:
        return Answer(chunk, f"{ended}: no run before had these entries of this file done")
    run, before = earlier
    if planned["key"] is None:
        return Answer(chunk, ended, (_no_key(latest, planned),))
    if before["key"] == planned["key"]:
        return Answer(chunk, ended, (_same_key(latest, ledger.done.get(planned["key"], {})),))
    return Answer(
        chunk, f"{ended}: it was done before, but since then", tuple(_changes(run, before, latest, planned))
    )


def _ended(fate: Mapping[str, Any] | None) -> str:
    if fate is None:
        return "was planned, and the run ended before it came back"
    if fate["kind"] == "done":
        return f"was run on {fate['host']}"
    message = (fate.get("error") or {}).get("message", "no reason is known")
    return f"{'was skipped' if fate['kind'] == 'skipped' else 'failed'} ({message.splitlines()[0]})"


def _no_key(latest: RunRecord, planned: Mapping[str, Any]) -> str:
    untold = latest.begin["ingredients"]["untold"]
    if not planned["uuid"]:
        return "its file has no UUID, by which it could be told from another one"
    return f"the processor holds {', '.join(untold)}, whose contents cannot be hashed, so that nothing is taken for the same"


def _same_key(latest: RunRecord, done: Mapping[str, Any]) -> str:
    if not latest.begin["resume"]:
        return "nothing has changed: the run was told without --resume to do everything"
    if done.get("partial") is None:
        return f"nothing has changed, but its result could not be kept: {done.get('problem') or 'it was not stored'}"
    return "nothing has changed, but its stored result was missing or damaged"


def _earlier(
    ledger: LedgerFile, latest: RunRecord, planned: Mapping[str, Any]
) -> tuple[RunRecord, Mapping[str, Any]] | None:
    """The last run before that had this chunk done, and its record there: the same entries, else another part of the file."""
    found = None
    for run in reversed([run for run in ledger.runs if run is not latest]):
        for other in run.planned.values():
            if any(other[key] != planned[key] for key in ("dataset", "file", "tree")) or not _done(
                run, other
            ):
                continue
            if (other["start"], other["stop"]) == (planned["start"], planned["stop"]):
                return run, other
            found = found or (run, other)
    return found


def _done(run: RunRecord, planned: Mapping[str, Any]) -> bool:
    fate = run.fates.get(planned["number"])
    return fate is not None and fate["kind"] in ("done", "reused")


def _changes(
    run: RunRecord, before: Mapping[str, Any], latest: RunRecord, planned: Mapping[str, Any]
) -> Iterator[str]:
    """What differs between a chunk that was done and one that was planned, one line each."""
    if before["uuid"] != planned["uuid"]:
        yield f"the file was replaced: UUID {before['uuid']} -> {planned['uuid']}"
    ranges = [f"{record['start']}:{record['stop']}" for record in (before, planned)]
    if ranges[0] != ranges[1]:
        yield f"the entries are others, {ranges[0]} -> {ranges[1]}: the chunk size or the file has changed"
    old, new = run.begin["ingredients"], latest.begin["ingredients"]
    told = [line for name, words in SHARED.items() for line in _table(words, old[name], new[name])]
    yield from told
    for name in ("processor", "schema"):
        if old[name] != new[name] and not told:
            yield f"the {name} has changed: a value that it uses"
    if old == new and before["metadata"] != planned["metadata"]:
        yield f"the metadata of the dataset: {before['metadata']} -> {planned['metadata']}"


def _table(words: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name) and not _told_by_its_methods(name, old, new):
            shown = _MADE_UP.sub("", name.removeprefix("class "))
            yield f"{words} {shown}: {_short(old.get(name))} -> {_short(new.get(name))}"


def _told_by_its_methods(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Whether the change of a class is one of its methods, which is told by itself."""
    methods = f"{name.removeprefix('class ')}."
    return name.startswith("class ") and any(
        other.startswith(methods) and old.get(other) != new.get(other) for other in old.keys() | new.keys()
    )


def _short(text: str | None) -> str:
    if text is None:
        return "none"
    return text[:12] if len(text) == 64 else text

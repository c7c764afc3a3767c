"""The family of exceptions, and the address of the work that an exception carries.

::

    ColumnarAFError
    ├── ConfigError          what the user wrote is wrong: command line, options
    │   ├── FilesetError     a fileset file, its metadata, or a path in it
    │   ├── ProcessorNotFoundError   PROCESSOR names nothing that can be run
    │   ├── MissingModuleError       a processor needs a module that the workers lack
    │   └── VersionError     a pair of installed versions that does not work together
    ├── ReadError            an input file cannot be read: missing, truncated, no tree
    │   └── SchemaError      it can be read, but its branches are not what the ntuple promises
    │       └── MissingBranchError   the analysis reads a branch or field that it does not have
    ├── ProcessorError       the analysis code raised
    ├── ExecutorError        the machinery lost the work: killed worker, broken pool, lost scheduler
    │   └── OutOfMemoryError a chunk does not fit into memory, not even in parts
    ├── IncompleteRunError   a run ended with chunks that failed
    ├── TooManyFailuresError a run was stopped, because more chunks failed than --max-failures allows
    └── OutputError          a result, ntuple or figure cannot be written, or cannot be read back

Each error says what was wrong, what was expected, and what to do. Where it happened is added on the way up by
:func:`work_address`, so that the code that fails need not know which chunk it works on.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from columnar_af.redaction import redact, redacted


@dataclass(frozen=True)
class WorkAddress:
    """Where in the work something happened. Every part may be unknown (None).

    Attributes:
        dataset: Name of the dataset in the fileset.
        file: Path or URL of the input file.
        tree: Path of the tree in the file.
        start, stop: Entry range, ``start`` included, ``stop`` excluded.
        branch: Branch of the tree, where one is to blame.
        cut: Cut of the selection, where one is to blame.
    """

    dataset: str | None = None
    file: str | None = None
    tree: str | None = None
    start: int | None = None
    stop: int | None = None
    branch: str | None = None
    cut: str | None = None

    def filled_from(self, other: WorkAddress) -> WorkAddress:
        """This address, with its unknown parts taken from ``other``."""
        return replace(
            self, **{key: getattr(other, key) for key, value in asdict(self).items() if value is None}
        )

    def redacted(self) -> WorkAddress:
        """This address without credentials in it."""
        return WorkAddress(**redacted(asdict(self)))

    def __str__(self) -> str:
        """One line, only with the parts that are known, and without credentials."""
        parts = [
            f"{key} {value}"
            for key, value in asdict(self).items()
            if value is not None and key not in ("start", "stop")
        ]
        if self.start is not None or self.stop is not None:
            parts.insert(
                sum(getattr(self, key) is not None for key in ("dataset", "file", "tree")),
                f"entries {self.start}:{self.stop}",
            )
        return redact(", ".join(parts))


class ColumnarAFError(Exception):
    """Base of all errors that columnar-af raises on purpose.

    Args:
        message: What was wrong and what was expected.
        advice: What to do about it, one sentence.
        address: Where it happened, as far as the raising code knows.
    """

    def __init__(self, message: str, *, advice: str = "", address: WorkAddress | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.address = address or WorkAddress()
        self.reproduce = ""
        """The command that runs the failing chunk alone; set where the chunk is known."""

    def __str__(self) -> str:
        """Message, place, advice and command, a line each."""
        lines = [self.message]
        if str(self.address):
            lines.append(f"  where: {self.address}")
        if self.advice:
            lines.append(f"  what to do: {self.advice}")
        if self.reproduce:
            lines.append(f"  reproduce: {self.reproduce}")
        return redact("\n".join(lines))

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep advice, address and command when an error travels between processes."""
        return _rebuild, (type(self), self.message, self.advice, self.address, self.reproduce)


def _rebuild(
    kind: type[ColumnarAFError], message: str, advice: str, address: WorkAddress, reproduce: str
) -> ColumnarAFError:
    error = kind(message, advice=advice, address=address)
    error.reproduce = reproduce
    return error


class ConfigError(ColumnarAFError):
    """What the user wrote cannot be used."""


class FilesetError(ConfigError):
    """A fileset file, its metadata, or a path in it is wrong."""


class ProcessorNotFoundError(ConfigError):
    """PROCESSOR names nothing that can be run."""


class MissingModuleError(ConfigError):
    """A processor needs a module that the workers do not have."""


class VersionError(ConfigError):
    """Installed versions do not work together."""


class ReadError(ColumnarAFError):
    """An input file cannot be read."""


class SchemaError(ReadError):
    """The branches of an input file are not what the ntuple promises."""


class MissingBranchError(SchemaError):
    """The analysis reads a branch or a field that the input file does not have."""


class ProcessorError(ColumnarAFError):
    """The analysis code raised an exception."""


class ExecutorError(ColumnarAFError):
    """The machinery lost work: a killed worker, a broken pool, a lost scheduler."""


class OutOfMemoryError(ExecutorError):
    """A chunk does not fit into the memory of its worker, not even in parts."""


class IncompleteRunError(ColumnarAFError):
    """A run ended with chunks that failed.

    Attributes:
        result: The RunResult of all that did not fail; its ledger lists what did.
    """

    result: Any = None


class TooManyFailuresError(ColumnarAFError):
    """A run was stopped, because more chunks failed than the user allows."""


class OutputError(ColumnarAFError):
    """A result, an ntuple or a figure cannot be written, or cannot be read back."""


@contextmanager
def work_address(address: WorkAddress) -> Iterator[None]:
    """Add ``address`` to any :class:`ColumnarAFError` that passes; what the error already knows stays."""
    try:
        yield
    except ColumnarAFError as error:
        error.address = error.address.filled_from(address)
        raise


@dataclass(frozen=True)
class ErrorRecord:
    """An error as a value: what a chunk returns instead of raising, and what the ledger keeps.

    Attributes:
        kind: Class name, of the family above for errors raised on purpose.
        message: What was wrong.
        advice: What to do.
        address: Where.
        reproduce: Command that runs this chunk alone.
        traceback: Formatted traceback of the process where it happened.
        input_is_bad: True where the input file is to blame (:class:`ReadError`), so that ``--bad-files skip`` may leave
            it out. An error of the analysis code is never skipped.
    """

    kind: str
    message: str
    advice: str = ""
    address: WorkAddress = WorkAddress()
    reproduce: str = ""
    traceback: str = ""
    input_is_bad: bool = False

    @classmethod
    def from_exception(
        cls, error: BaseException, *, address: WorkAddress | None = None, reproduce: str = ""
    ) -> ErrorRecord:
        """The record of ``error``, without credentials; ``address`` fills what the error does not know itself."""
        ours = error if isinstance(error, ColumnarAFError) else None
        known = ours.address if ours else WorkAddress()
        return cls(
            kind=type(error).__name__,
            message=redact(ours.message if ours else f"{type(error).__name__}: {error}"),
            advice=redact(ours.advice) if ours else "",
            address=known.filled_from(address or WorkAddress()).redacted(),
            reproduce=redact(reproduce),
            traceback=redact("".join(traceback.format_exception(error))),
            input_is_bad=isinstance(error, ReadError),
        )

    def as_exception(self) -> ColumnarAFError:
        """The error again, to be raised; of the class that it had, or :class:`ProcessorError` where it was no error of ours."""
        families = [ColumnarAFError]
        for family in families:  # which grows while it is walked
            families += family.__subclasses__()
        kind = next((family for family in families if family.__name__ == self.kind), ProcessorError)
        error = kind(self.message, advice=self.advice, address=self.address)
        error.reproduce = self.reproduce
        return error

    def __str__(self) -> str:
        """As the exception would print: kind, message, place, advice, command."""
        error = ColumnarAFError(f"{self.kind}: {self.message}", advice=self.advice, address=self.address)
        error.reproduce = self.reproduce
        return str(error)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``summary.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> ErrorRecord:
        """The inverse of :meth:`to_json`."""
        return cls(**{**record, "address": WorkAddress(**record["address"])})

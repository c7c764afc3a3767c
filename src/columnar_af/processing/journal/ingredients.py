"""What a partial result is made from. Two chunks with the same ingredients have the same result, and one need not run."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from columnar_af.errors import ConfigError
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.local_modules import is_local
from columnar_af.processing.source_hash import SourceRecord, source_record
from columnar_af.results.provenance import installed_versions

NOT_NUMERIC = ("dask", "distributed", "dask-awkward", "columnar-af")
"""Packages that move chunks but do not compute; columnar-af's own numeric code counts by its source."""

NUMERIC_ROOMS = ("corrections", "kernels", "mva", "ntuples", "processors", "selection")
"""Folders of ours that take part in what a chunk gives; ``processors`` is there in an installed package only, where they are
no local modules."""

DECLARED = "correction_files"
"""Attribute of a processor that names files it reads and that are not seen otherwise: paths, one or a list."""

HASHED_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Ingredients:
    """What all chunks of a run have in common.

    Attributes:
        processor: Hash of its source and parameters.
        definitions: Name of each definition of its own -> hash of its source; to say what changed.
        parameters: Attribute of the processor -> its value, or the hash of it; to say what changed.
        schema: Hash of the schema that the events are read with.
        corrections: Path of each correction file -> hash of its contents.
        versions: Package of the numeric stack -> version; ``columnar-af`` -> hash of its numeric code.
        untold: Types of values of the processor that cannot be hashed; with any of them, no result can be told from another.
    """

    processor: str
    definitions: Mapping[str, str]
    parameters: Mapping[str, str]
    schema: str
    corrections: Mapping[str, str]
    versions: Mapping[str, str]
    untold: tuple[str, ...] = ()

    @classmethod
    def of(cls, processor: Any, schema: Any, source: SourceRecord | None = None) -> Ingredients:
        """The ingredients of a run.

        Args:
            processor: The processor.
            schema: The schema class.
            source: What the processor consists of, where it is known already.

        Raises:
            ConfigError: A correction file that the processor declares cannot be read.
        """
        source = source or source_record(processor)
        schema_source = _schema_record(schema)
        paths = {*source.files, *schema_source.files, *_declared(processor)}
        versions = {name: text for name, text in installed_versions().items() if name not in NOT_NUMERIC}
        return cls(
            processor=source.digest,
            definitions={**schema_source.definitions, **source.definitions},
            parameters={name: _told(value) for name, value in getattr(processor, "__dict__", {}).items()},
            schema=schema_source.digest,
            corrections={str(path): file_hash(path) for path in sorted(paths)},
            versions={**versions, "columnar-af": _own_code()},
            untold=tuple(sorted({*source.untold, *schema_source.untold})),
        )

    def key(self, chunk: Chunk) -> str | None:
        """The name of a chunk's partial result: a hash of all that it is made from.

        None where that is not known: the file has no UUID, or the processor holds what cannot be hashed.
        The place of the file is no part of it: a copy elsewhere has the same UUID and the same events.
        """
        if not chunk.uuid or self.untold:
            return None
        common = {
            "processor": self.processor,
            "schema": self.schema,
            "corrections": sorted(self.corrections.values()),
            "versions": self.versions,
        }
        return _hash({**common, **of_chunk(chunk)})

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def _schema_record(schema: Any) -> SourceRecord:
    """What a schema consists of; one of an installed package by its name, since the versions and our own code count anyway."""
    module = sys.modules.get(schema.__module__)
    if module is not None and is_local(module):
        return source_record(schema)
    return SourceRecord(f"{schema.__module__}.{schema.__qualname__}", {}, ())


def of_chunk(chunk: Chunk) -> dict[str, Any]:
    """The ingredients that are a chunk's own, by name."""
    return {
        "dataset": chunk.dataset,
        "metadata": dict(chunk.metadata),
        "uuid": chunk.uuid,
        "tree": chunk.tree,
        "entries": f"{chunk.start}:{chunk.stop}",
    }


def _hash(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def _declared(processor: Any) -> Iterator[Path]:
    declared = getattr(processor, DECLARED, ())
    for path in [declared] if isinstance(declared, str | Path) else declared:
        if not Path(path).is_file():
            msg = f"the processor declares the correction file {path}, which is not there"
            raise ConfigError(msg, advice=f"correct {DECLARED} of the processor")
        yield Path(path)


def file_hash(path: Path) -> str:
    """SHA-256, hexadecimal, of the contents of a file.

    Raises:
        ConfigError: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(HASHED_AT_ONCE):
                digest.update(block)
    except OSError as error:
        msg = f"the processor uses the file {path}, which cannot be read: {error.strerror or error}"
        raise ConfigError(msg, advice="correct its path or its permissions") from error
    return digest.hexdigest()


def _told(value: Any) -> str:
    """A parameter in a few words; what is longer than a line by its hash."""
    if isinstance(value, str | int | float | bool | type(None)):
        text = repr(value)
        if len(text) <= 80:
            return text
    return f"{type(value).__name__} {source_record(value).digest[:16]}"


@cache
def _own_code() -> str:
    """Hash of the numeric code of this package, so that a developer's change counts, too."""
    digest = hashlib.sha256()
    package = Path(str(files("columnar_af")))
    for room in NUMERIC_ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            place = path.relative_to(package)
            if "simulation" not in place.parts:  # which makes files and reads none
                digest.update(place.as_posix().encode() + path.read_bytes())
    return digest.hexdigest()

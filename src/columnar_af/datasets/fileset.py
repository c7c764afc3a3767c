"""Filesets: which files belong to which dataset, and what is known about the dataset beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

KNOWN_METADATA = ("era", "luminosity", "cross_section", "is_data")
"""Metadata that columnar-af itself understands; all other keys are the user's own."""


@dataclass(frozen=True)
class Metadata:
    """What is known about a dataset before any file is opened. None means: not told.

    Attributes:
        era: Data-taking era, for example ``2017B`` or ``2018``; the processor decides what an unknown era means.
        luminosity: Integrated luminosity in fb⁻¹.
        cross_section: Cross-section times branching fraction in pb.
        is_data: True for collision data, False for simulation.
        extra: The user's own keys, JSON values, passed on untouched.
    """

    era: str | None = None
    luminosity: float | None = None
    cross_section: float | None = None
    is_data: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Flat plain values: what is known of the four keys above, then the user's own keys."""
        known = {key: getattr(self, key) for key in KNOWN_METADATA}
        return {**{key: value for key, value in known.items() if value is not None}, **self.extra}

    def __reduce__(self) -> tuple[Any, ...]:
        """Read-only mappings do not pickle; plain dicts do."""
        return type(self), (self.era, self.luminosity, self.cross_section, self.is_data, dict(self.extra))


@dataclass(frozen=True)
class InputFile:
    """One file of a dataset.

    Attributes:
        path: Absolute local path, or a URL (``root://``, ``https://``) exactly as it was written.
        tree: Path of the tree in the file, without cycle; None where inspection shall find it.
        steps: Entry ranges ``(start, stop)`` to which a preprocessed fileset restricts the file; None for all entries.
        entries: Number of entries that a preprocessed fileset promises; inspection compares it.
        uuid: UUID that a preprocessed fileset promises; inspection compares it.
    """

    path: str
    tree: str | None = None
    steps: tuple[tuple[int, int], ...] | None = None
    entries: int | None = None
    uuid: str | None = None


@dataclass(frozen=True)
class Dataset:
    """Files that are analysed as one: same era, same process, same weight.

    Attributes:
        name: Name, unique in the fileset.
        files: The files, in the order of the fileset.
        metadata: What is known about them.
    """

    name: str
    files: tuple[InputFile, ...]
    metadata: Metadata = Metadata()


@dataclass(frozen=True)
class Fileset:
    """Datasets by name, in the order in which they were written.

    Attributes:
        datasets: Read-only mapping from name to dataset.
    """

    datasets: Mapping[str, Dataset]

    def __post_init__(self) -> None:
        object.__setattr__(self, "datasets", MappingProxyType(dict(self.datasets)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Read-only mappings do not pickle; plain dicts do."""
        return type(self), (dict(self.datasets),)

    def __iter__(self) -> Iterator[Dataset]:
        """The datasets, in order."""
        return iter(self.datasets.values())

    def __len__(self) -> int:
        """Number of datasets."""
        return len(self.datasets)

    def __getitem__(self, name: str) -> Dataset:
        """The dataset of a name."""
        return self.datasets[name]

    @property
    def files(self) -> tuple[tuple[str, InputFile], ...]:
        """All files with the name of their dataset, in order."""
        return tuple((dataset.name, file) for dataset in self for file in dataset.files)

    @classmethod
    def load(cls, source: str | Path | Sequence[str | Path], *, folder: str | Path | None = None) -> Fileset:
        """Read a fileset file, or make a fileset of ROOT files.

        Args:
            source: A fileset file (``.yaml``, ``.yml``, ``.json``), or one or more ROOT paths, URLs or globs, each
                optionally followed by ``:path/of/tree``. ROOT files make one dataset: it bears the stem of the file, or
                what the stems of several files have in common, or else ``dataset``. Its metadata are empty.
            folder: Local folder or URL where relative paths start; by default that of the fileset file, or the working
                folder for ROOT files.

        Returns:
            The fileset, with local paths absolute and globs expanded in sorted order.

        Raises:
            FilesetError: The file cannot be understood, a glob matches nothing, or a file is listed twice.
        """
        from columnar_af.datasets.dialects import load  # noqa: PLC0415  # the dialects build the types above

        return load(source, folder)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], *, folder: str | Path = ".") -> Fileset:
        """A fileset from plain values in any of coffea's dialects.

        Args:
            document: Dataset name -> list of paths, or ``{"files": ..., "metadata": ...}``.
            folder: Local folder or URL where relative paths start.

        Raises:
            FilesetError: As for :meth:`load`.
        """
        from columnar_af.datasets.dialects import from_document  # noqa: PLC0415  # as above

        return from_document(document, folder)

    def to_coffea(self) -> dict[str, Any]:
        """The fileset in coffea's form: ``{dataset: {"files": {path: tree}, "metadata": {...}}}``.

        A dataset whose trees are not named lists its paths, for the ``treename`` argument of Runner. A file of a
        preprocessed fileset keeps ``steps``, ``num_entries`` and ``uuid``, which ``dataset_tools`` reads, not Runner.

        Raises:
            FilesetError: A dataset names the tree of some of its files only, or reads several trees of one file;
                coffea has no words for that.
        """
        from columnar_af.datasets.dialects import to_coffea  # noqa: PLC0415  # as above

        return to_coffea(self)

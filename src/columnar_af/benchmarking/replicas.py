"""More data than there is: a fileset whose files are listed more than once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from columnar_af.datasets.fileset import Fileset, InputFile
from columnar_af.datasets.paths import is_remote
from columnar_af.errors import ConfigError


def replicated(fileset: Fileset, size: int, folder: Path) -> Fileset:
    """The fileset with each file listed ``size`` times, under names of its own: links, so that nothing is copied.

    Args:
        fileset: Its files are local where ``size`` exceeds 1.
        size: How often.
        folder: For the links; those that are there already are taken.

    Raises:
        ConfigError: A file is remote and shall be listed more than once.
    """
    if size == 1:
        return fileset
    datasets = {
        name: replace(
            dataset,
            files=tuple(
                replica
                for number, file in enumerate(dataset.files)
                for replica in _replicas(file, size, folder / f"{size}" / name, number)
            ),
        )
        for name, dataset in fileset.datasets.items()
    }
    return Fileset(datasets)


def _replicas(file: InputFile, size: int, folder: Path, number: int) -> Iterator[InputFile]:
    if is_remote(file.path):
        msg = f"{file.path} is remote and cannot be listed more than once"
        raise ConfigError(msg, advice="measure size 1 only, or copy the file to a local disk")
    folder.mkdir(parents=True, exist_ok=True)
    for replica in range(size):
        link = folder / f"{number:04d}_{replica:04d}_{Path(file.path).name}"
        if not link.is_symlink():
            link.symlink_to(Path(file.path).resolve())
        yield replace(file, path=str(link))

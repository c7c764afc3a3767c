"""Reading and writing filesets in the dialects that are in use.

- ``{dataset: [paths]}`` and ``{dataset: {"files": [paths] | {path: tree}, "treename": ..., "metadata": {...}}}`` of
  coffea's Runner;
- ``{dataset: {"files": {path: {object_path, steps, num_entries, uuid}}}}`` of coffea's ``dataset_tools``;
- the book-keeping file of the legacy D_s notebook (fsimone91/BPH_interactive_analysis, ``input.json``);
- plain ROOT paths and globs.

All of them become one :class:`~columnar_af.datasets.fileset.Fileset`; nothing behind this module knows dialects.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from columnar_af.datasets.document import (
    FILESET_SUFFIXES,
    nearest,
    read_document,
    refuse_strange_keys,
    text_keys,
    validate,
)
from columnar_af.datasets.fileset import Dataset, Fileset, InputFile
from columnar_af.datasets.metadata import read_metadata
from columnar_af.datasets.paths import expand, identity, is_remote, resolve, split_tree
from columnar_af.errors import FilesetError, WorkAddress, work_address

DEFAULT_NAME = "dataset"
"""Name of a dataset of ROOT files whose names have nothing in common; not ``data``, which would mean no simulation."""


def load(source: str | Path | Sequence[str | Path], folder: str | Path | None = None) -> Fileset:
    """See :meth:`columnar_af.datasets.fileset.Fileset.load`."""
    sources = [str(source)] if isinstance(source, str | Path) else [str(item) for item in source]
    if not sources:
        msg = "the fileset is empty: expected a fileset file, or at least one ROOT file"
        raise FilesetError(msg, advice="name the files to read")
    documents = [item for item in sources if Path(item).suffix.lower() in FILESET_SUFFIXES]
    if not documents:
        return _from_root_files(sources, str(folder or Path.cwd()))
    if len(sources) > 1:
        msg = f"expected one fileset file or ROOT files, not both or several: {', '.join(sources)}"
        raise FilesetError(msg, advice="put all datasets into one fileset file")
    if is_remote(documents[0]):
        msg = f"a fileset file must be local: {documents[0]}"
        raise FilesetError(msg, advice="copy it here first; the ROOT files that it lists may be remote")
    path = Path(documents[0]).expanduser()
    return from_document(read_document(path), folder or path.absolute().parent, origin=str(path))


def _from_root_files(sources: Sequence[str], folder: str) -> Fileset:
    for source in sources:
        _refuse_what_is_no_root_file(source)
    files = tuple(_input_files(sources, folder))
    name = _common_name([Path(file.path).stem for file in files])
    return _checked({name: Dataset(name, files)}, "the list of files")


def _refuse_what_is_no_root_file(source: str) -> None:
    path = Path(split_tree(source)[0]).expanduser()
    if path.suffix == ".root" or is_remote(source) or path.exists() or "*" in source:
        return
    names = (
        [file.name for file in path.parent.iterdir() if file.suffix in (".root", *FILESET_SUFFIXES)]
        if path.parent.is_dir()
        else []
    )
    msg = f"expected a fileset file ({', '.join(FILESET_SUFFIXES)}) or a ROOT file, not {source!r}"
    raise FilesetError(msg, advice=nearest(path.name, sorted(names)) or "check the path")


def _common_name(stems: Sequence[str]) -> str:
    """The stem of one file; of several, the whole words and numbers with which all of them begin."""
    if len(set(stems)) == 1:
        return stems[0]
    words = [re.findall(r"[^\W\d_]+|\d+|[\W_]+", stem) for stem in stems]
    same = takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False))
    return "".join(column[0] for column in same).strip("_-. ") or DEFAULT_NAME


def from_document(document: Any, folder: str | Path, origin: str = "the fileset") -> Fileset:
    """A fileset from plain values in any of the dialects.

    Args:
        document: The values.
        folder: Local folder or URL where relative paths start.
        origin: Where the values come from, for messages.

    Raises:
        FilesetError: They are not a fileset, a glob matches nothing, or a file is listed twice.
    """
    document = text_keys(document)
    refuse_strange_keys(document, origin)
    validate(document, origin)
    datasets = {}
    for name, entry in document.items():
        with work_address(WorkAddress(dataset=name)):
            datasets[name] = _dataset(name, entry, str(folder), origin)
    return _checked(datasets, origin)


def _dataset(name: str, entry: Any, folder: str, origin: str) -> Dataset:
    if not isinstance(entry, dict):
        entry = {"files": entry}
    elif "rootpath" in entry:
        entry = _from_bookkeeping(entry)
    files = tuple(_input_files(entry["files"], folder, entry.get("treename")))
    return Dataset(name, files, read_metadata(entry.get("metadata") or {}, origin))


def _from_bookkeeping(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical form of an entry of the legacy book-keeping.

    The notebook put ``root://…/`` before every ``rootpath``, so a slash at its beginning (eras E and F) means nothing.
    """
    start = entry["rootpath"] if is_remote(entry["rootpath"]) else entry["rootpath"].lstrip("/")
    metadata = {
        "era": entry.get("era"),
        "luminosity": entry.get("lumi"),
        "is_data": entry["type"] == "data" if "type" in entry else None,
        "skim": entry.get("skim"),
    }
    return {
        "files": [f"{start.rstrip('/')}/{name}" for name in entry["files"].split()],
        "treename": entry.get("treename"),
        "metadata": {key: value for key, value in metadata.items() if value is not None},
    }


def _input_files(listed: Any, folder: str, treename: str | None = None) -> Iterator[InputFile]:
    """The files of one dataset, globs expanded; ``treename`` is the tree of those that name none themselves."""
    entries = listed.items() if isinstance(listed, dict) else _without_details(listed)
    for text, details in entries:
        spec = details if isinstance(details, dict) else {"object_path": details}
        path, tree = split_tree(text)
        file = InputFile(path, _tree(spec.get("object_path") or tree or treename), **_promises(spec, text))
        for match in expand(resolve(path, folder)):
            yield replace(file, path=match)


def _without_details(listed: str | Sequence[str]) -> Iterable[tuple[str, None]]:
    return ((path, None) for path in ([listed] if isinstance(listed, str) else listed))


def _tree(tree: str | None) -> str | None:
    """The path of a tree; cycles are refused, because older ones are partial copies of the same entries."""
    if tree is not None and ";" in tree:
        msg = f"the tree {tree!r} names a cycle; older cycles hold some of the same entries again"
        raise FilesetError(msg, advice=f"write {tree.split(';')[0]!r}: its newest cycle is read")
    return tree


def _promises(spec: Mapping[str, Any], path: str) -> dict[str, Any]:
    """What a preprocessed fileset says about a file: ``steps``, ``entries`` and ``uuid``."""
    steps, entries = spec.get("steps"), spec.get("num_entries")
    if steps is not None:
        _refuse_bad_steps(steps, entries, path)
        steps = tuple((start, stop) for start, stop in steps)
    return {"steps": steps, "entries": entries, "uuid": spec.get("uuid")}


def _refuse_bad_steps(steps: Sequence[Sequence[int]], entries: int | None, path: str) -> None:
    end = 0
    for start, stop in sorted((start, stop) for start, stop in steps):
        if stop < start or (entries is not None and stop > entries):
            msg = f"the step [{start}, {stop}] is no entry range of the file, which has {entries} entries"
            raise FilesetError(msg, advice="preprocess the file again", address=WorkAddress(file=path))
        if start < end:
            msg = f"the step [{start}, {stop}] overlaps the one before it, which ends at {end}"
            raise FilesetError(msg, advice="its events would count twice", address=WorkAddress(file=path))
        end = max(end, stop)


def _checked(datasets: Mapping[str, Dataset], origin: str) -> Fileset:
    """The fileset, after making sure that no entry is read twice: neither coffea nor dask would notice."""
    fileset = Fileset(datasets)
    seen: dict[str, list[tuple[str, InputFile]]] = defaultdict(list)
    for name, file in fileset.files:
        for other_name, other in seen[identity(file.path)]:
            if file.tree == other.tree or None in (file.tree, other.tree):
                _refuse_twice(origin, (other_name, other), (name, file))
        seen[identity(file.path)].append((name, file))
    return fileset


def _refuse_twice(origin: str, first: tuple[str, InputFile], second: tuple[str, InputFile]) -> None:
    where = " and ".join(f"as {file.path} in dataset {name!r}" for name, file in (first, second))
    msg = f"{origin} lists the same file twice, {where}"
    advice = "remove one of the two: its events would count twice"
    raise FilesetError(msg, advice=advice, address=WorkAddress(dataset=second[0], file=second[1].path))


def to_coffea(fileset: Fileset) -> dict[str, Any]:
    """See :meth:`columnar_af.datasets.fileset.Fileset.to_coffea`."""
    return {
        dataset.name: {"files": _coffea_files(dataset), "metadata": dataset.metadata.to_dict()}
        for dataset in fileset
    }


def _coffea_files(dataset: Dataset) -> list[str] | dict[str, Any]:
    address = WorkAddress(dataset=dataset.name)
    files = dataset.files
    if len({file.path for file in files}) < len(files):
        msg = "a dataset that reads several trees of one file has no form in coffea's filesets"
        raise FilesetError(msg, advice="make one dataset per tree", address=address)
    if all(file.tree is None and _coffea_file(file) is None for file in files):
        return [file.path for file in files]
    if any(file.tree is None for file in files):
        msg = "a dataset that names the tree of some of its files only has no form in coffea's filesets"
        raise FilesetError(msg, advice="name the tree of every file", address=address)
    return {file.path: _coffea_file(file) for file in files}


def _coffea_file(file: InputFile) -> str | dict[str, Any] | None:
    if file.steps is None and file.entries is None and file.uuid is None:
        return file.tree
    return {
        "object_path": file.tree,
        "steps": None if file.steps is None else [list(step) for step in file.steps],
        "num_entries": file.entries,
        "uuid": file.uuid,
    }

"""Locating processors: by name, in a script, in a notebook.

========================  ==============================================================================================
``ds_phi_pi``             the one processor defined in ``ds_phi_pi.py`` of the first of these folders that has it:
                          ``processors/`` of the working folder, of the checkout, of the installed package
``path.py:Class``         a class or an instance in a script; ``path.py`` alone where it defines one processor
``notebook.ipynb:Class``  the same in a notebook, whose cells are not run: see :mod:`columnar_af.processing.definitions`
========================  ==============================================================================================
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import linecache
import sys
import traceback
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coffea.processor import ProcessorABC

from columnar_af.errors import ConfigError, ProcessorNotFoundError
from columnar_af.processing.definitions import definitions_of, notebook_source
from columnar_af.processing.neighbours import importable, is_as_imported

PACKAGE = Path(__file__).parents[1]
"""Folder of the package ``columnar_af``."""


def search_folders() -> tuple[Path, ...]:
    """Where processors are looked for by name, in this order; only folders that exist."""
    folders = (Path.cwd() / "processors", PACKAGE.parents[1] / "processors", PACKAGE / "processors")
    return tuple(dict.fromkeys(folder for folder in folders if folder.is_dir()))


def available_processors() -> dict[str, Path]:
    """Names that can be given as PROCESSOR, and the file of each."""
    found: dict[str, Path] = {}
    for folder in search_folders():
        for file in sorted(folder.glob("*.py")):
            if not file.name.startswith("_"):
                found.setdefault(file.stem, file)
    return found


def load_processor(
    spec: str | type[ProcessorABC] | ProcessorABC, parameters: Mapping[str, Any] | None = None
) -> ProcessorABC:
    """The processor that ``spec`` names.

    Args:
        spec: A name, ``path.py:Class`` or ``notebook.ipynb:Class``, with ``Class`` a class or an instance. A class or an
            instance itself is taken as it is.
        parameters: Arguments with which a class is called, by name; none where None.

    Raises:
        ProcessorNotFoundError: There is no such name, file or class; the message lists what there is.
        ConfigError: The file cannot be imported, or the class does not take these parameters.
    """
    parameters = parameters or {}
    if not isinstance(spec, str):
        return _instance(spec, getattr(spec, "__name__", type(spec).__name__), parameters)
    location, _, attribute = spec.partition(":")
    path = Path(location).expanduser()
    if path.suffix == ".ipynb":
        module = _import_notebook(_existing(path))
    elif path.suffix == ".py":
        module = _import_script(_existing(path))
    else:
        module = _import_by_name(location)
    return _instance(_find(module, attribute), spec, parameters)


def _existing(path: Path) -> Path:
    if path.is_file():
        return path.resolve()
    siblings = (
        sorted(file.name for file in path.parent.glob(f"*{path.suffix}")) if path.parent.is_dir() else []
    )
    msg = f"there is no file {path}"
    raise ProcessorNotFoundError(msg, advice=_suggestion(path.name, siblings))


def _suggestion(word: str, existing: list[str]) -> str:
    match = difflib.get_close_matches(word, existing, n=1)
    listed = ", ".join(existing) or "nothing"
    return f"did you mean {match[0]}? There is: {listed}" if match else f"there is: {listed}"


def _import_by_name(name: str) -> types.ModuleType:
    available = available_processors()
    if name not in available:
        folders = ", ".join(str(folder) for folder in search_folders()) or "no folder named processors"
        msg = f"there is no processor {name!r} in {folders}"
        advice = f"{_suggestion(name, list(available))}; or give path.py:Class"
        raise ProcessorNotFoundError(msg, advice=advice)
    path = available[name].resolve()
    if path.parent == PACKAGE / "processors":
        return _imported(f"columnar_af.processors.{name}", path)
    return _imported(f"processors.{name}", path)


def _imported(name: str, path: Path) -> types.ModuleType:
    """The module of a file in a folder of processors: the one that ``from processors.x import X`` gives, if it did.

    One that was edited since it was loaded here is loaded anew.
    """
    loaded = sys.modules.get(name)
    if loaded is not None and Path(loaded.__file__ or "").resolve() == path and is_as_imported(name):
        return loaded
    return _execute(name, str(path), path.read_text(encoding="utf-8"), search=(path.parents[1], path.parent))


def _import_script(path: Path) -> types.ModuleType:
    return _execute(_module_name(path), str(path), path.read_text(encoding="utf-8"), search=(path.parent,))


def _import_notebook(path: Path) -> types.ModuleType:
    source, file = definitions_of(notebook_source(path), str(path)), f"{path} (definitions)"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)  # for tracebacks
    return _execute(_module_name(path), file, source, search=(path.parent,))


def _module_name(path: Path) -> str:
    """A name of its own, so that a script called ``hist.py`` does not become the package hist."""
    return f"{path.stem}@{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _execute(name: str, file: str, source: str, search: tuple[Path, ...]) -> types.ModuleType:
    """A new module from source, which may import its neighbours in the folders of ``search``."""
    module = types.ModuleType(name)
    module.__file__ = file
    module.__package__ = name.rpartition(".")[0]
    with importable(search), _import_errors(name, file):
        sys.modules[name] = module  # dataclasses and pickle look it up there
        exec(compile(source, file, "exec", dont_inherit=True), vars(module))  # the user's own analysis code
    return module


@contextmanager
def _import_errors(name: str, file: str) -> Iterator[None]:
    before = sys.modules.get(name)
    try:
        yield
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
        what = f"cannot be imported: {type(error).__name__}: {error}"
        if isinstance(error, ModuleNotFoundError):
            what = f"needs the module {error.name!r}, which is not there"
        msg = f"{file}, line {_line_of(error, file)}: the processor {what}"
        raise ConfigError(msg, advice="correct the file, or install what it imports") from error


def _line_of(error: BaseException, filename: str) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == filename:
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == filename), None)


def _find(module: types.ModuleType, attribute: str) -> Any:
    candidates = _processors_in(module)
    file, listed = module.__file__, ", ".join(candidates) or "no processor"
    if attribute and hasattr(module, attribute):
        found = getattr(module, attribute)
        if _is_processor(found):
            return found
        msg = f"{attribute!r} in {file} is no coffea.processor.ProcessorABC, neither subclass nor instance"
        raise ProcessorNotFoundError(msg, advice=f"there is: {listed}")
    if not attribute and len(candidates) == 1:
        return next(iter(candidates.values()))
    if not attribute and candidates:
        msg = f"{file} defines several processors: {listed}"
        raise ProcessorNotFoundError(msg, advice=f"name one: {file}:{next(iter(candidates))}")
    msg = f"{file} defines no processor{f' {attribute!r}' if attribute else ''}"
    raise ProcessorNotFoundError(msg, advice=_suggestion(attribute, list(candidates)))


def _is_processor(value: Any) -> bool:
    return isinstance(value, ProcessorABC) or (isinstance(value, type) and issubclass(value, ProcessorABC))


def _processors_in(module: types.ModuleType) -> dict[str, Any]:
    """Instances that the module holds, and classes that it defines and makes no instance of."""
    processors = {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and _is_processor(value)
    }
    instances = {name: value for name, value in processors.items() if isinstance(value, ProcessorABC)}
    made = {type(value) for value in instances.values()}
    classes = {
        name: value
        for name, value in processors.items()
        if isinstance(value, type) and value not in made and value.__module__ == module.__name__
    }
    return {**classes, **instances}


def _instance(found: Any, spec: str, parameters: Mapping[str, Any]) -> ProcessorABC:
    if isinstance(found, ProcessorABC):
        if parameters:
            msg = f"{spec} is made already and takes no parameters, got {', '.join(parameters)}"
            raise ConfigError(msg, advice="name its class instead")
        return found
    if not _is_processor(found):
        msg = f"expected a coffea.processor.ProcessorABC or the place of one as text, not {found!r}"
        raise ProcessorNotFoundError(msg, advice="derive the class from coffea.processor.ProcessorABC")
    signature = inspect.signature(found)
    try:
        signature.bind(**parameters)
    except TypeError as error:
        given = f"with the parameters {', '.join(parameters)}" if parameters else "without parameters"
        msg = f"{spec}: the class cannot be made {given}: {error}"
        takes = ", ".join(signature.parameters) or "none"
        advice = (
            f"it takes {takes}: give them by name, or name an instance, my_processor = {found.__name__}(...)"
        )
        raise ConfigError(msg, advice=advice) from error
    made: ProcessorABC = found(**parameters)
    return made

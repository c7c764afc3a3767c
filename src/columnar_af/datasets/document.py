"""Fileset documents: YAML and JSON read safely, and checked once, at the border."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Collection, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, cast

import jsonschema
import yaml

from columnar_af.declarations.safe_yaml import DEEPEST, parse_yaml
from columnar_af.errors import FilesetError, WorkAddress

FILESET_SUFFIXES = (".yaml", ".yml", ".json")
"""Endings by which a fileset file is told from a ROOT file."""


def read_document(path: Path) -> Any:
    """The plain values in a fileset file; nothing in it is ever executed.

    Raises:
        FilesetError: It does not exist, is not valid YAML or JSON, or says the same key twice, of which a parser would
            silently keep the last.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        msg = f"cannot read the fileset file {path}: {error.strerror}"
        raise FilesetError(msg, advice=nearest(path.name, _neighbours(path))) from error
    except UnicodeDecodeError as error:
        msg = f"{path} is not a text file: {error}"
        raise FilesetError(msg, advice="a fileset file is YAML or JSON in UTF-8") from error
    try:
        document = _parse_json(text) if path.suffix.lower() == ".json" else parse_yaml(text)
        _refuse_depth(document)
    except (yaml.YAMLError, ValueError) as error:
        msg = f"{path} cannot be understood: {error}"
        raise FilesetError(msg, advice="correct the file at the place that is named") from error
    except RecursionError as error:
        msg = f"{path} is nested too deeply to be a fileset"
        raise FilesetError(
            msg, advice="a fileset file has a few levels: datasets, files, metadata"
        ) from error
    except (TypeError, AttributeError, LookupError) as error:  # PyYAML's own, on texts that are hardly YAML
        msg = f"{path} cannot be understood: {type(error).__name__}: {error}"
        raise FilesetError(
            msg, advice="a fileset file is YAML or JSON: dataset name -> list of files"
        ) from error
    return document


def _neighbours(path: Path) -> list[str]:
    if not path.parent.is_dir():
        return []
    return sorted(file.name for file in path.parent.iterdir() if file.suffix.lower() in FILESET_SUFFIXES)


def _parse_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_distinct)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            msg = f"the key {name!r} appears twice in the same mapping"
            raise ValueError(msg)
        values[name] = value
    return values


def _refuse_depth(document: Any) -> None:
    level = {id(document): document}
    for _ in range(DEEPEST):
        inner = [
            item
            for value in level.values()
            for item in (
                value.values()
                if isinstance(value, dict)
                else value
                if isinstance(value, list | tuple)
                else ()
            )
        ]
        level = {id(item): item for item in inner}
        if not level:
            return
    raise RecursionError


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    text = resources.files("columnar_af.datasets").joinpath("fileset.schema.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))


def validate(document: Any, origin: str) -> None:
    """Check plain values against the schema of filesets.

    Args:
        document: The values, keys already text.
        origin: The file they come from, for messages.

    Raises:
        FilesetError: For the first violation, with dataset, key path, what was expected and what was found.
    """
    for violation in _validator().iter_errors(document):
        dataset, *keys = [str(key) for key in violation.absolute_path] or [""]
        place = f", at {' > '.join(keys)}" if keys else ""
        what = _unknown_key(violation) or _missing_key(violation)
        if what is None:
            expected = _rule(violation).get("description", violation.message)
            what = f"expected {expected}, not {_short(violation.instance)}", ""
        msg = f"{origin}{place}: {what[0]}"
        raise FilesetError(msg, advice=what[1], address=WorkAddress(dataset=dataset or None))


def _unknown_key(violation: jsonschema.ValidationError) -> tuple[str, str] | None:
    if violation.validator != "additionalProperties":
        return None
    known = list(_rule(violation)["properties"])
    unknown = next(key for key in _mapping(violation) if key not in known)
    return f"unknown key {unknown!r}; expected one of {', '.join(known)}", nearest(unknown, known)


def _missing_key(violation: jsonschema.ValidationError) -> tuple[str, str] | None:
    if violation.validator != "required":
        return None
    present = _mapping(violation)
    missing = next(key for key in _rule(violation)["required"] if key not in present)
    found = ", ".join(present) or "nothing"
    return f"the key {missing!r} is missing; found {found}", f"add {missing!r}"


def _rule(violation: jsonschema.ValidationError) -> Mapping[str, Any]:
    """The part of the schema that is violated."""
    return cast("Mapping[str, Any]", violation.schema)


def _mapping(violation: jsonschema.ValidationError) -> Mapping[str, Any]:
    """The offending value, where the rule is one for mappings."""
    return cast("Mapping[str, Any]", violation.instance)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def nearest(word: str, known: Collection[str]) -> str:
    """A question with the known word that looks most like ``word``; empty where none does."""
    match = difflib.get_close_matches(word.lower(), [name.lower() for name in known], n=1, cutoff=0.6)
    original = next((name for name in known if match and name.lower() == match[0]), None)
    return f"did you mean {original!r}?" if original else ""


def text_keys(document: Any) -> Any:
    """The document with whole numbers as keys of mappings turned into text: YAML reads ``2017:`` as a number."""
    if isinstance(document, Mapping):
        return {
            str(key) if isinstance(key, int) and not isinstance(key, bool) else key: text_keys(value)
            for key, value in document.items()
        }
    return [text_keys(item) for item in document] if isinstance(document, list | tuple) else document


def refuse_strange_keys(document: Any, origin: str, dataset: str | None = None) -> None:
    """Raise a :class:`FilesetError` for a key that is not text, such as a date or ``yes`` in YAML."""
    if isinstance(document, list):
        for item in document:
            refuse_strange_keys(item, origin, dataset)
    if not isinstance(document, Mapping):
        return
    for key, value in document.items():
        if not isinstance(key, str):
            msg = f"{origin}: the key {key!r} is read as {type(key).__name__}; expected text"
            raise FilesetError(msg, advice=f"put quotes around it: '{key}'", address=WorkAddress(dataset))
        refuse_strange_keys(value, origin, dataset or key)

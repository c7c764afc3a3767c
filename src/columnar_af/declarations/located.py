"""YAML whose values know their line, so that an error about what they mean can show it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from columnar_af.declarations.safe_yaml import STRANGE_TEXT, compose
from columnar_af.errors import ConfigError

DEEPEST = 20
"""Levels of nesting; declarations have five. Chosen."""

COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
"""What YAML calls mappings and lists without a tag of their own."""

LARGEST = 200_000
"""Largest number of values, aliases written out; the regions of the stop search have 3,000. Chosen."""


@dataclass(frozen=True)
class Located:
    """A value of a YAML file and where it stands.

    Attributes:
        value: A plain scalar, a list of Located, or a dict of key -> Located.
        file: Path of the file, for messages.
        line: From 1.
        text: The line itself.
        keys: For a mapping, key -> line of the key.
    """

    value: Any
    file: str
    line: int
    text: str = ""
    keys: Mapping[str, int] | None = None

    def error(self, message: str, advice: str = "", position: int | None = None) -> ConfigError:
        """An error about this value, with its line and, where given, a mark below ``position`` of the value."""
        column = None if position is None else self.text.find(str(self.value))
        mark = ""
        if column is not None and column >= 0 and position is not None:
            mark = f"\n      | {' ' * (column + position)}^"
        shown = f"\n {self.line:4d} | {self.text}{mark}" if self.text else ""
        return ConfigError(f"{self.file}, line {self.line}: {message}{shown}", advice=advice)

    def mapping(self, allowed: tuple[str, ...] = (), required: tuple[str, ...] = ()) -> dict[str, Located]:
        """This value as a mapping with these keys; any keys where ``allowed`` is empty.

        Raises:
            ConfigError: It is none, has another key, or lacks one.
        """
        if not isinstance(self.value, dict):
            msg = f"expected a mapping, found {self._kind()}"
            raise self.error(msg)
        for key, item in self.value.items():
            if allowed and key not in allowed:
                near = difflib.get_close_matches(key, allowed, n=1)
                msg = f"unknown key {key!r}{f'; did you mean {near[0]}?' if near else ''}"
                raise item.error(msg, advice=f"the keys here are {', '.join(allowed)}")
        missing = [key for key in required if key not in self.value]
        if missing:
            msg = f"the key {missing[0]!r} is missing"
            raise self.error(msg)
        return dict(self.value)

    def items(self) -> list[Located]:
        """This value as a list.

        Raises:
            ConfigError: It is none.
        """
        if not isinstance(self.value, list):
            msg = f"expected a list, found {self._kind()}"
            raise self.error(msg)
        return list(self.value)

    def string(self) -> str:
        """This value as a text, which is not empty.

        Raises:
            ConfigError: It is none.
        """
        if not isinstance(self.value, str) or not self.value.strip():
            msg = f"expected a text, found {self._kind()}"
            raise self.error(msg)
        return self.value

    def boolean(self) -> bool:
        """This value as true or false.

        Raises:
            ConfigError: It is neither.
        """
        if not isinstance(self.value, bool):
            msg = f"expected true or false, found {self._kind()}"
            raise self.error(msg)
        return self.value

    def number(self) -> float:
        """This value as a number.

        Raises:
            ConfigError: It is none.
        """
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            msg = f"expected a number, found {self._kind()}"
            raise self.error(msg)
        return float(self.value)

    def whole(self) -> int:
        """This value as a whole number.

        Raises:
            ConfigError: It is none.
        """
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            msg = f"expected a whole number, found {self._kind()}"
            raise self.error(msg)
        return self.value

    def choice(self, *choices: str) -> str:
        """This value as one of these texts.

        Raises:
            ConfigError: It is none of them.
        """
        if self.value not in choices:
            near = difflib.get_close_matches(str(self.value), choices, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            msg = f"{self.value!r} is none of {', '.join(choices)}{hint}"
            raise self.error(msg)
        return str(self.value)

    def plain(self) -> Any:
        """This value without its lines."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return [item.plain() for item in self.value] if isinstance(self.value, list) else self.value

    def _kind(self) -> str:
        names = {dict: "a mapping", list: "a list", type(None): "nothing"}
        return names.get(type(self.value), f"{self.value!r}")


def load(path: str | Path) -> Located:
    """The content of a YAML file.

    Raises:
        ConfigError: It cannot be read, is no YAML, or says a key twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {path}: {error}"
        raise ConfigError(msg, advice="give the path of a YAML file") from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Located:
    """The content of a YAML text.

    Args:
        text: The text.
        file: What to call it in messages.

    Raises:
        ConfigError: It is no YAML, or says a key twice.
    """
    try:
        root = compose(text, LARGEST)
    except RecursionError as error:
        msg = f"{file} is nested too deeply"
        raise ConfigError(msg, advice=f"declarations have {DEEPEST} levels at most") from error
    except (yaml.YAMLError, *STRANGE_TEXT) as error:
        told = str(error)
        msg = f"{file}, {told}" if told.startswith("line ") else f"{file} cannot be understood: {told}"
        raise ConfigError(msg, advice="correct the file at the place that is named") from error
    if root is None:
        msg = f"{file} is empty"
        raise ConfigError(msg)
    return _Builder(file, text.splitlines()).located(root, 0)


class _Builder:
    def __init__(self, file: str, lines: list[str]) -> None:
        self.file = file
        self.lines = lines
        self.scalars = yaml.SafeLoader("")

    def located(self, node: yaml.Node, depth: int) -> Located:
        line = node.start_mark.line + 1
        shown = self.lines[line - 1] if line <= len(self.lines) else ""
        here = Located(None, self.file, line, shown)
        if depth > DEEPEST:
            msg = "nested too deeply"
            raise here.error(msg)
        if isinstance(node, yaml.CollectionNode) and node.tag not in COLLECTIONS:
            msg = f"the tag {node.tag} is not allowed here"
            raise here.error(msg)
        if isinstance(node, yaml.MappingNode):
            keys: dict[str, int] = {}
            value = dict(self._pairs(node, depth, here, keys))
            return Located(value, self.file, line, shown, keys)
        if isinstance(node, yaml.SequenceNode):
            items = [self.located(item, depth + 1) for item in node.value]
            return Located(items, self.file, line, shown)
        return Located(self._scalar(node, here), self.file, line, shown)

    def _scalar(self, node: yaml.Node, here: Located) -> Any:
        try:
            return self.scalars.construct_object(node, deep=True)
        except (yaml.YAMLError, *STRANGE_TEXT) as error:
            problem = getattr(error, "problem", None) or f"{node.value!r} is not what its tag {node.tag} says"
            raise here.error(problem) from error

    def _pairs(
        self, node: yaml.MappingNode, depth: int, here: Located, keys: dict[str, int]
    ) -> Iterator[tuple[str, Located]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                msg = "a key is no text"
                raise here.error(msg)
            keys[key.value] = key.start_mark.line + 1
            yield key.value, self.located(value, depth + 1)

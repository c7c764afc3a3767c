"""YAML that executes nothing, says no key twice, and cannot become much larger than its text."""

from __future__ import annotations

import re
from typing import Any

import yaml

_BRACKET = re.compile(r"[\[\]{}]")

LARGEST_DOCUMENT = 10_000_000
"""Largest number of values in a fileset file, aliases written out: a million files with ten values each; chosen."""

DEEPEST = 100
"""Levels of a file; four are a fileset's own, the others may be in the user's metadata. Chosen, far below Python's limit."""

STRANGE_TEXT = (ValueError, TypeError, AttributeError, LookupError, OverflowError)
"""What PyYAML itself raises on texts that are hardly YAML, and on scalars that are not what they say."""


def parse_yaml(text: str) -> Any:
    """The document of a YAML text, which executes nothing and cannot become larger than a small multiple of its text.

    Raises:
        ValueError: A key is there twice, it is nested too deeply, or its aliases multiply.
        yaml.YAMLError: It is no YAML.
        TypeError, RecursionError: Neither, but it cannot be understood.
    """
    compose(text)
    return yaml.safe_load(text)


def compose(text: str, largest: int = LARGEST_DOCUMENT) -> yaml.Node | None:
    """The nodes of a YAML text, after the same checks; None for an empty one.

    Args:
        text: The text.
        largest: Largest number of values, aliases written out.

    Raises:
        ValueError: As :func:`parse_yaml`.
        yaml.YAMLError: It is no YAML.
        TypeError, RecursionError: Neither, but it cannot be understood.
    """
    _refuse_brackets(text)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None:
        _refuse_repeated_keys(root)
        _refuse_explosion(root, largest)
    return root


def _refuse_brackets(text: str) -> None:
    """Raise a RecursionError for deep brackets, over which PyYAML sits for a long time before it gives up."""
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > DEEPEST:
            raise RecursionError


def _refuse_repeated_keys(root: yaml.Node) -> None:
    waiting, visited = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in visited:  # an anchor that is used again
            continue
        visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _refuse_repeated_keys_of(node)
        waiting += _children(node)


def _refuse_repeated_keys_of(node: yaml.MappingNode) -> None:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if isinstance(key, yaml.ScalarNode) and key.value in seen:
            msg = f"line {line}: the key {key.value!r} appears twice in the same mapping, first in line {seen[key.value]}"
            raise ValueError(msg)
        seen[str(key.value)] = line


def _refuse_explosion(root: yaml.Node, largest: int) -> None:
    """Raise a ValueError where aliases make the document endless, or far larger than its text ("billion laughs")."""
    sizes: dict[int, int] = {}
    begun: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting[-1]
        children = _children(node)
        unknown = [child for child in children if id(child) not in sizes]
        if id(node) in sizes or not unknown:
            sizes[id(node)] = 1 + sum(sizes[id(child)] for child in children)
            waiting.pop()
        else:
            begun.add(id(node))
            if any(id(child) in begun for child in unknown):
                msg = f"line {node.start_mark.line + 1}: an alias refers to what it is a part of"
                raise ValueError(msg)
            waiting += unknown
    if sizes[id(root)] > largest:
        msg = f"its aliases make it {sizes[id(root)]:,} values large, more than the {largest:,} that are read"
        raise ValueError(msg)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []

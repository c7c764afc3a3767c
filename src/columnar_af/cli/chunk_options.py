"""Options that say how long chunks are, with the same words in all verbs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

import click


class MemorySize(click.ParamType[int]):
    """A number of bytes with a unit, powers of 1000."""

    name = "size"
    units: ClassVar[dict[str, float]] = {"": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kMGT]?B)?", value.strip())
        if found is None:
            self.fail(f"{value!r} is not a size, for example 1.5GB or 800MB", param, ctx)
        return round(float(found[1]) * self.units[found[2] or ""])


OPTIONS = [
    click.option(
        "--chunksize",
        type=click.IntRange(min=1),
        show_default="chosen for each file",
        help="Entries per chunk, nearly. If it is not given, the layout of each file and the memory decide (see plan).",
    ),
    click.option(
        "--memory-per-worker",
        type=MemorySize(),
        default="1GB",
        help="What a worker shall take at most, where no chunk size is given.",
    ),
]


def with_chunk_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of this module."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command

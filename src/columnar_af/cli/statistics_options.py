"""Options that ``yields``, ``export`` and ``limit`` share: which run, which regions, which uncertainties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from columnar_af.statistics.building import ModelOptions
    from columnar_af.statistics.yields import YieldTable

OPTIONS = (
    click.option(
        "--shape", "shapes", multiple=True, metavar="REGION=VARIABLE", help="Histogram a region in a variable, not count it."
    ),
    click.option(
        "--uncertainty", "uncertainties", multiple=True, metavar="NAME:SAMPLE=SIZE[,SAMPLE=SIZE...]",
        help="A relative uncertainty of whole samples, for example xsec_ttZ:ttZ=0.13.",
    ),
    click.option(
        "--systematics", "declaration", type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Declared variations (YAML), for those of kind normalization.",
    ),
    click.option(
        "--combine-variations", "combinations", multiple=True, metavar="NAME=envelope|rms|hessian:PATTERN",
        help="Make many variations one parameter, PDF=rms:*PDF261*.  [default: envelope of scales, rms of replicas]",
    ),
    click.option("--control", multiple=True, metavar="PATTERN", help="Control regions.  [default: CR*]"),
    click.option("--validation", multiple=True, metavar="PATTERN", help="Validation regions.  [default: VR*]"),
    click.option(
        "--signal-region", "signal", multiple=True, metavar="PATTERN",
        help="Signal regions; no event may be in two.  [default: SRA, SRB]",
    ),
    click.option(
        "--normalize", "normalized", multiple=True, metavar="SAMPLE",
        help="Samples with a free normalization; 'none' for none.  [default: ttbar, VV]",
    ),
    click.option("--leave-out", "left_out", multiple=True, metavar="SAMPLE", help="Leave out a sample."),
    click.option(
        "--prune", type=click.FloatRange(0, 1), default=0.0,
        help="Leave out what moves a sample in a region by less than this share.",
    ),
    click.option("--allow-incomplete", is_flag=True, help="Go on where entries are missing."),
    click.option("--allow-missing-campaigns", is_flag=True, help="Go on where a sample lacks a campaign."),
)  # fmt: skip


@dataclass(frozen=True)
class Choices:
    """What these options say."""

    shapes: tuple[str, ...]
    uncertainties: tuple[str, ...]
    declaration: Path | None
    combinations: tuple[str, ...]
    control: tuple[str, ...]
    validation: tuple[str, ...]
    signal: tuple[str, ...]
    normalized: tuple[str, ...]
    left_out: tuple[str, ...]
    prune: float
    allow_incomplete: bool
    allow_missing_campaigns: bool


def statistics_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options; it gets them as one argument, ``choices``."""
    import functools

    names = [field.name for field in fields(Choices)]

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> None:
        choices = Choices(**{name: arguments.pop(name) for name in names})
        command(choices=choices, **arguments)

    for option in reversed(OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def read_table(directory: Path, choices: Choices, regions: tuple[str, ...] = ()) -> YieldTable:
    """The yields of a run, with the uncertainties that were asked for.

    Args:
        directory: Of the run.
        choices: The options.
        regions: Patterns of the regions; all where none is given.

    Raises:
        ConfigError: An option names what the result does not have.
    """
    from columnar_af.results.run_result import RunResult
    from columnar_af.statistics.by_hand import (
        combined,
        with_declared,
        with_normalization,
        with_theory_combined,
    )
    from columnar_af.statistics.yields import YieldTable
    from columnar_af.systematics.declaration import Systematics

    shapes = dict(_pair(text, "--shape", "SRB=met") for text in choices.shapes)
    table = YieldTable.of(
        RunResult.load(directory),
        shapes,
        allow_incomplete=choices.allow_incomplete,
        allow_missing_campaigns=choices.allow_missing_campaigns,
        only=regions,
    )
    for text in choices.combinations:
        name, rest = _pair(text, "--combine-variations", "PDF=rms:*PDF261*")
        method, pattern = _pair(rest, "--combine-variations", "PDF=rms:*PDF261*", ":")
        table = combined(table, name, pattern, method)
    if not choices.combinations:
        table = with_theory_combined(table)
    if choices.declaration is not None:
        table = with_declared(table, Systematics.load(choices.declaration))
    for text in choices.uncertainties:
        name, rest = _pair(text, "--uncertainty", "xsec_ttZ:ttZ=0.13", ":")
        table = with_normalization(table, name, dict(_size(part) for part in rest.split(",")))
    return table


def model_options(choices: Choices) -> ModelOptions:
    """How the yields become a model."""
    from columnar_af.statistics.building import NORMALIZED, ModelOptions, Roles

    default = Roles()
    roles = Roles(
        choices.control or default.control,
        choices.validation or default.validation,
        choices.signal or default.signal,
    )
    normalized = () if "none" in choices.normalized else choices.normalized or NORMALIZED
    return ModelOptions(roles, normalized, prune=choices.prune, left_out=choices.left_out)


def _pair(text: str, option: str, example: str, sign: str = "=") -> tuple[str, str]:
    from columnar_af.errors import ConfigError

    left, found, right = text.partition(sign)
    if not (left and found and right):
        msg = f"{option} {text}: expected something like {example}"
        raise ConfigError(msg)
    return left, right


def _size(text: str) -> tuple[str, float]:
    from columnar_af.errors import ConfigError

    sample, size = _pair(text, "--uncertainty", "xsec_ttZ:ttZ=0.13")
    try:
        return sample, float(size)
    except ValueError as error:
        msg = f"--uncertainty: the size {size!r} of {sample} is no number"
        raise ConfigError(msg, advice="give relative sizes, for example ttZ=0.13") from error


def write_text(path: Path, content: str) -> Path:
    """Write a text.

    Raises:
        OutputError: It cannot be written.
    """
    from columnar_af.errors import OutputError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}"
        raise OutputError(msg, advice="check the disk and the permissions, or name another folder") from error
    return path

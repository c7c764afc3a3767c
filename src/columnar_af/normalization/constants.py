"""Branching fractions and scale factors, read from ``constants.yaml`` with their sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any, Self

import yaml

from columnar_af.declarations.safe_yaml import parse_yaml
from columnar_af.errors import ConfigError


@dataclass(frozen=True)
class Constant:
    """A number with its meaning and source."""

    value: float
    meaning: str
    source: str
    verified: bool


@dataclass(frozen=True)
class Constants:
    """What the formulas need; the meaning of each stands in the file."""

    ds_to_phi_pi: Constant
    phi_to_mu_mu: Constant
    ds_to_tau_nu: Constant
    b0_to_tau: Constant
    bp_to_tau: Constant
    b_to_ds: Constant
    b_fraction: Constant
    b0_share: Constant
    dplus_scale: Constant
    bs_scale: Constant
    tau_to_3mu: Constant

    @property
    def ds_to_mu_mu_pi(self) -> float:
        """B(D_s → φπ) · B(φ → μμ)."""
        return self.ds_to_phi_pi.value * self.phi_to_mu_mu.value

    @property
    def unverified(self) -> dict[str, Constant]:
        """The numbers that were not seen in their primary source."""
        return {f.name: c for f in fields(self) if not (c := getattr(self, f.name)).verified}

    @classmethod
    def load(cls, path: str | Path | None = None) -> Self:
        """Read the constants; from the package's file where no path is given.

        Raises:
            ConfigError: A constant is missing, unknown, or not a positive number.
        """
        document = read_yaml(path, "constants.yaml")
        expected = {f.name for f in fields(cls)}
        if set(document) != expected:
            msg = f"the constants in {path} differ from those that are needed: {', '.join(sorted(expected ^ set(document)))}"
            raise ConfigError(msg, advice="take the package's constants.yaml as a template")
        return cls(**{name: _constant(name, entry) for name, entry in document.items()})


def _constant(name: str, entry: Any) -> Constant:
    try:
        constant = Constant(float(entry["value"]), entry["meaning"], entry["source"], bool(entry["verified"]))
    except (KeyError, TypeError, ValueError) as error:
        msg = f"constant {name}: expected value, meaning, source and verified, got {entry!r}"
        raise ConfigError(msg) from error
    if not constant.value > 0:
        msg = f"constant {name} is {constant.value}; expected a positive number"
        raise ConfigError(msg)
    return constant


def read_yaml(path: str | Path | None, name: str) -> Mapping[str, Any]:
    """A YAML mapping, from a path or the package's own file of that name.

    Raises:
        ConfigError: It cannot be read, or is no mapping.
    """
    try:
        text = (
            Path(path).read_text(encoding="utf-8")
            if path
            else resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
        )
        document = parse_yaml(text)
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        msg = f"{path or name} cannot be read: {error}"
        raise ConfigError(msg) from error
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        msg = f"{path or name} is no mapping of names to values"
        raise ConfigError(msg)
    return document

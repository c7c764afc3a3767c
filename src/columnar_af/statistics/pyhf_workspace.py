"""The model as a pyhf workspace, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from columnar_af.errors import OutputError
from columnar_af.statistics.model import SIGNAL_RANGE, SIGNAL_STRENGTH, Channel, Model, ModelSample

LUMINOSITY = "lumi"
VERSION = "1.0.0"
"""Of pyhf's JSON schema."""
LUMINOSITY_WIDTHS = 5
"""The luminosity may be fitted within so many of its standard deviations."""


def specification(model: Model) -> dict[str, Any]:
    """The model without data: ``pyhf.Model(specification, poi_name="mu_sig")``."""
    return {
        "channels": [
            {
                "name": channel.name,
                "samples": [_sample(channel, sample) for sample in channel.samples],
            }
            for channel in model.channels
        ],
        "parameters": _parameters(model),
    }


def _sample(channel: Channel, sample: ModelSample) -> dict[str, Any]:
    modifiers: list[dict[str, Any]] = [
        {"name": name, "type": "normfactor", "data": None} for name in sample.factors
    ]
    if sample.has_luminosity:
        modifiers.append({"name": LUMINOSITY, "type": "lumi", "data": None})
    modifiers += [
        {"name": effect.name, "type": "normsys", "data": {"hi": effect.up, "lo": effect.down}}
        for effect in sample.scalings
    ]
    modifiers += [
        {
            "name": effect.name,
            "type": "histosys",
            "data": {"hi_data": list(effect.up), "lo_data": list(effect.down)},
        }
        for effect in sample.shiftings
    ]
    # The statistics of the signal are a scaling of its own, so that its strength does not change what the background knows.
    if not sample.is_signal and any(sample.errors):
        modifiers.append(
            {"name": f"staterror_{channel.name}", "type": "staterror", "data": list(sample.errors)}
        )
    return {"name": sample.name, "data": list(sample.values), "modifiers": modifiers}


def _parameters(model: Model) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if any(sample.has_luminosity for channel in model.channels for sample in channel.samples):
        width = model.luminosity_uncertainty
        reach = LUMINOSITY_WIDTHS * width
        parameters.append(
            {"name": LUMINOSITY, "auxdata": [1.0], "sigmas": [width], "bounds": [[1 - reach, 1 + reach]], "inits": [1.0]}
        )  # fmt: skip
    parameters += [
        {"name": name, "bounds": [list(range_)], "inits": [1.0]} for name, range_ in model.free.items()
    ]
    if model.signal is not None:
        parameters.append({"name": SIGNAL_STRENGTH, "bounds": [list(SIGNAL_RANGE)], "inits": [1.0]})
    return parameters


def observations(model: Model) -> dict[str, list[float]]:
    """Channel -> counts; the expected background where nothing is observed."""
    return {
        channel.name: list(channel.expected if channel.observed is None else channel.observed)
        for channel in model.channels
    }


def workspace(model: Model) -> dict[str, Any]:
    """The whole workspace, valid by pyhf's schema; ``cabinetry.workspace.load`` opens it as well."""
    content = specification(model)
    return {
        "channels": content["channels"],
        "observations": [{"name": name, "data": counts} for name, counts in observations(model).items()],
        "measurements": [
            {
                "name": "NormalMeasurement",
                "config": {
                    "poi": "" if model.signal is None else SIGNAL_STRENGTH,
                    "parameters": content["parameters"],
                },
            }
        ],
        "version": VERSION,
    }


def write_workspace(model: Model, path: Path) -> Path:
    """Write the workspace.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(workspace(model), indent=1, allow_nan=False) + "\n")
    except OSError as error:
        msg = f"cannot write the workspace {path}: {error.strerror or error}"
        raise OutputError(msg, advice="check the disk and the permissions, or name another folder") from error
    return path


def read_yields(content: Mapping[str, Any]) -> dict[tuple[str, str, str], list[float]]:
    """(channel, sample, variation) -> bin contents of a workspace; a scaling stands for all bins."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for channel in content["channels"]:
        for sample in channel["samples"]:
            place = (channel["name"], sample["name"])
            found[*place, "Nominal"] = list(sample["data"])
            for modifier in sample["modifiers"]:
                for side, direction in (("hi", "up"), ("lo", "down")):
                    contents = _varied(sample["data"], modifier, side)
                    if contents is not None:
                        found[*place, f"{modifier['name']}_{direction}"] = contents
    return found


def _varied(nominal: list[float], modifier: Mapping[str, Any], side: str) -> list[float] | None:
    if modifier["type"] == "normsys":
        return [modifier["data"][side] * value for value in nominal]
    if modifier["type"] == "histosys":
        return list(modifier["data"][f"{side}_data"])
    return None

"""The variables of the soft-lepton stop search, under the same names whatever the ntuple."""

from __future__ import annotations

from columnar_af.stop.choice import stop_variables
from columnar_af.stop.flat_variables import FlatStopVariables
from columnar_af.stop.objects import OBJECTS_36, OBJECTS_139, Objects
from columnar_af.stop.variables import StopVariables

__all__ = [
    "OBJECTS_36",
    "OBJECTS_139",
    "FlatStopVariables",
    "Objects",
    "StopVariables",
    "stop_variables",
]

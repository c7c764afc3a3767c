"""The variables that fit a source."""

from __future__ import annotations

from columnar_af.ntuples.stop.layouts import Layout
from columnar_af.ntuples.stop.sources import StopSource
from columnar_af.stop.flat_variables import FlatStopVariables
from columnar_af.stop.objects import OBJECTS_139, Objects
from columnar_af.stop.variables import StopVariables


def stop_variables(source: StopSource, objects: Objects = OBJECTS_139) -> StopVariables | FlatStopVariables:
    """The variables of nominal, from objects or from a flat ntuple.

    Args:
        source: Columns of nominal; see :func:`columnar_af.ntuples.stop.stop_source`.
        objects: Thresholds of the objects.
    """
    if source.layout == Layout.HISTFITTER.value:
        return FlatStopVariables(source, objects)
    return StopVariables(source, objects)

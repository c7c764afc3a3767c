"""What happens to a branch of a stop ntuple between the file and the events.

coffea evaluates the form key of a column when it is read, and looks functions up by name in ``coffea.nanoevents.transforms``
(see :mod:`columnar_af.ntuples.t3m.transforms`, whose comparison of lengths is used here, too).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from coffea.nanoevents import transforms as coffea_transforms

from columnar_af.ntuples.stop.columns import flag, in_gev
from columnar_af.ntuples.t3m.transforms import flat_content

Stack = list[Any]


def stop_gev(stack: Stack) -> None:
    """MeV to GeV, flat. Signature: array, ``!stop_gev``."""
    stack.append(in_gev(flat_content(stack.pop())))


def stop_flat(stack: Stack) -> None:
    """The flat values. Signature: array, ``!stop_flat``."""
    stack.append(flat_content(stack.pop()))


def stop_flag(stack: Stack) -> None:
    """As bool, flat. Signature: array, ``!stop_flag``."""
    stack.append(flag(flat_content(stack.pop())))


def stop_sign(stack: Stack) -> None:
    """1 where positive, -1 where negative, flat. Signature: array, ``!stop_sign``."""
    stack.append(np.sign(flat_content(stack.pop())).astype(np.int32))


for _transform in (stop_gev, stop_flat, stop_flag, stop_sign):
    setattr(coffea_transforms, _transform.__name__, _transform)

"""The D_s -> phi(mu mu) pi selection as others would write it, for ``compare_peers.py``.

The selection is the variant ``seed-notebook`` of ``processors/ds_phi_pi.py`` on an ntuple of the AOD 2017 layout. Each peer gives the
same: the entry and the mass of each selected candidate, and the histogram of the mass.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
# The package beside these benchmarks, whatever is installed; the processes that are measured get the same.
sys.path[:0] = [str(PROJECT / "src"), str(PROJECT)]

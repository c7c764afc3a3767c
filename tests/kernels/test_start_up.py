"""Kernels are made ready without the numba extensions that they do not need, and others get these all the same."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, sys
import numpy as np
from columnar_af.kernels.best_candidate import best_candidate_kernel
from columnar_af.kernels.start_up import prepare_kernels

EXTENSION = "vector.backends._numba_object"
chi2, passing, offsets = np.array([3.0, 2.0]), np.array([True, True]), np.array([0, 2])
found = {}
if sys.argv[1] == "fill":
    best_candidate_kernel(chi2, passing, offsets)
else:
    found["loaded"] = prepare_kernels()
    found["again"] = prepare_kernels()
    found["best"] = best_candidate_kernel(chi2, passing, offsets).tolist()
    found["extensions after ours"] = EXTENSION in sys.modules
    found["made ready to compile"] = "numba.np.arraymath" in sys.modules
    found["of another type"] = best_candidate_kernel(chi2.astype(np.float32), passing, offsets).tolist()
    import awkward as ak
    import numba

    @numba.njit
    def first(array):
        return array[0][1]

    found["of an analysis"] = first(ak.Array([[1.0, 2.0]]))
    found["extensions after the analysis"] = EXTENSION in sys.modules
print(json.dumps(found))
"""


def run(word: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, word], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_kernels_are_loaded_without_extensions_and_analyses_still_get_them():
    run("fill")  # the code is on the disk from here on
    found = run("use")
    assert found["loaded"] >= 1
    assert found["again"] == 0
    assert found["best"] == [1]
    assert found["extensions after ours"] is False
    assert found["made ready to compile"] is False
    assert found["of another type"] == [1]
    assert found["of an analysis"] == 2.0
    assert found["extensions after the analysis"] is True


def test_every_kernel_of_ours_can_be_loaded():
    """A symbol that its code misses would end the process."""
    code = """
import importlib, pkgutil, sys
import columnar_af
from columnar_af.kernels import start_up
for module in pkgutil.walk_packages(columnar_af.__path__, "columnar_af."):
    if module.name.startswith(("columnar_af.kernels.", "columnar_af.ntuples.", "columnar_af.stop.", "columnar_af.selection.")):
        importlib.import_module(module.name)
print(start_up.prepare_kernels(), "numba.np.arraymath" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True
    )
    loaded, ready_to_compile = done.stdout.split()
    assert int(loaded) >= 1
    assert ready_to_compile == "False"

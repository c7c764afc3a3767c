"""A damaged basket is the file's fault, also where awkward tells of it in words of its own."""

from __future__ import annotations

import pytest
import uproot

from columnar_af import run
from columnar_af.errors import IncompleteRunError

NTUPLE = "ds_phi_pi_2017F_mc_aod-2017_000.root"


@pytest.mark.parametrize("branch", ["Triplet2_Mass", "Mu01_Pt"])
def test_the_file_is_to_blame(project, tmp_path, branch):
    path = tmp_path / NTUPLE
    data = bytearray((project / "datasets" / NTUPLE).read_bytes())
    with uproot.open(project / "datasets" / NTUPLE) as file:
        key = file["Tree3Mu/ntuple"][branch].basket_key(0)
        start = key.fSeekKey + key.fKeylen + 9  # behind the header of the compression
        stop = key.fSeekKey + key.fNbytes
    middle = (start + stop) // 2
    data[middle : middle + 8] = bytes(byte ^ 0xFF for byte in data[middle : middle + 8])
    path.write_bytes(data)
    with pytest.raises(IncompleteRunError) as caught:
        run("ds_phi_pi", path)
    (entry,) = caught.value.result.ledger
    assert entry.error.kind == "ReadError"
    assert entry.error.input_is_bad

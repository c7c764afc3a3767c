"""Filesets in coffea's own Runner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
from coffea.nanoevents import BaseSchema
from coffea.processor import IterativeExecutor, ProcessorABC, Runner

from columnar_af.datasets.fileset import Fileset


class Counter(ProcessorABC):
    def process(self, events: ak.Array) -> dict[str, Any]:
        era = events.metadata["era"]
        return {
            events.metadata["dataset"]: {
                "entries": len(events),
                "eras": {era},
                "triplets": int(ak.count(events.Triplet2_Mass)),
            }
        }

    def postprocess(self, accumulator: Any) -> Any:
        return accumulator


def test_runner_takes_what_to_coffea_gives(shared_data: Path) -> None:
    path = str(shared_data / "t3m_2017_ds_phi_pi_mc.root")
    document = {"mc": {"files": {path: "Tree3Mu/ntuple"}, "metadata": {"era": "2017"}}}
    run = Runner(IterativeExecutor(status=False), schema=BaseSchema, chunksize=50)
    output = run(Fileset.from_dict(document).to_coffea(), Counter())
    assert output == {"mc": {"entries": 111, "eras": {"2017"}, "triplets": 7042}}
    without_tree = Fileset.from_dict({"mc": {"files": [path], "metadata": {"era": "2017"}}}).to_coffea()
    assert run(without_tree, Counter(), treename="Tree3Mu/ntuple") == output

"""The types of filesets."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import pytest

from columnar_af.datasets.fileset import Dataset, Fileset, InputFile, Metadata

METADATA = Metadata(era="2017B", luminosity=4.8, is_data=True, extra={"skim": "dsphipi"})


@pytest.fixture
def fileset() -> Fileset:
    files = (
        InputFile("/a.root", "Tree3Mu/ntuple"),
        InputFile("/b.root", steps=((0, 10),), entries=10, uuid="u"),
    )
    return Fileset({"2017B": Dataset("2017B", files, METADATA), "mc": Dataset("mc", (InputFile("/c.root"),))})


def test_metadata_keep_what_is_known_and_the_users_keys() -> None:
    assert METADATA.to_dict() == {"era": "2017B", "luminosity": 4.8, "is_data": True, "skim": "dsphipi"}


def test_iteration_is_in_the_order_of_the_fileset(fileset: Fileset) -> None:
    assert [dataset.name for dataset in fileset] == ["2017B", "mc"]
    assert [(name, file.path) for name, file in fileset.files] == [
        ("2017B", "/a.root"),
        ("2017B", "/b.root"),
        ("mc", "/c.root"),
    ]
    assert len(fileset) == 2
    assert fileset["mc"].metadata == Metadata()


def test_a_fileset_survives_pickling(fileset: Fileset) -> None:
    assert pickle.loads(pickle.dumps(fileset)) == fileset


def test_nothing_can_be_changed_afterwards(fileset: Fileset) -> None:
    with pytest.raises(FrozenInstanceError):
        fileset.datasets = {}  # type: ignore[misc]
    with pytest.raises(TypeError):
        fileset.datasets["new"] = fileset["mc"]  # type: ignore[index]

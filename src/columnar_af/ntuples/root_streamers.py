"""The streamer information that a file with a TTree of std::vector branches must carry.

ROOT reads such a file without it (it has the classes compiled in), uproot has most of it built in, but readers without
classes of their own, such as jsroot, find the layout of TBranchElement, TLeafElement and TLeafI here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from uproot.models import TBranch, TLeaf, TTree

from columnar_af.ntuples.root_serialization import (
    BASIC_ELEMENT,
    POINTER_ELEMENT,
    STRING_ELEMENT,
    streamer_base,
    streamer_info,
    streamer_member,
)

# TClass::GetCheckSum() of ROOT 6.40
TBRANCH_CHECKSUM = 278366892
TLEAF_CHECKSUM = 1830715730
TBRANCH_ELEMENT_CHECKSUM = 3880738403
TLEAF_ELEMENT_CHECKSUM = 2689566867


def _tbranch_element() -> bytes:
    """TBranchElement version 10: a branch that holds objects of a class (tree/tree/inc/TBranchElement.h)."""
    integers = (
        ("fCheckSum", "CheckSum of class", 13, 4, "unsigned int"),
        ("fClassVersion", "Version number of class", 2, 2, "short"),
        ("fID", "element serial number in fInfo", 3, 4, "int"),
        ("fType", "branch type", 3, 4, "int"),
        ("fStreamerType", "branch streamer type", 3, 4, "int"),
        ("fMaximum", "Maximum entries for a TClonesArray or variable array", 3, 4, "int"),
    )
    strings = (
        ("fClassName", "Class name of referenced object"),
        ("fParentName", "Name of parent class"),
        ("fClonesName", "Name of class in TClonesArray (if any)"),
    )
    pointers = (
        ("fBranchCount", "pointer to primary branchcount branch"),
        ("fBranchCount2", "pointer to secondary branchcount branch"),
    )
    elements = [streamer_base("TBranch", "Branch descriptor", 13, TBRANCH_CHECKSUM)]
    elements += [streamer_member(STRING_ELEMENT, *item, 65, 24, "TString") for item in strings]
    elements += [streamer_member(BASIC_ELEMENT, *item) for item in integers]
    elements += [streamer_member(POINTER_ELEMENT, *item, 64, 8, "TBranchElement*") for item in pointers]
    return streamer_info("TBranchElement", 10, TBRANCH_ELEMENT_CHECKSUM, elements)


def _tleaf_element() -> bytes:
    """TLeafElement version 1: the leaf of a TBranchElement (tree/tree/inc/TLeafElement.h)."""
    elements = [
        streamer_base("TLeaf", "Leaf: description of a Branch data type", 2, TLEAF_CHECKSUM),
        streamer_member(BASIC_ELEMENT, "fID", "element serial number in fInfo", 3, 4, "int"),
        streamer_member(BASIC_ELEMENT, "fType", "leaf type", 3, 4, "int"),
    ]
    return streamer_info("TLeafElement", 1, TLEAF_ELEMENT_CHECKSUM, elements)


def uproot_streamers(models: Iterable[Any]) -> dict[tuple[str, int], bytes]:
    """Class name and version -> serialized TStreamerInfo, of uproot models that can be written."""
    return {
        (raw[-2], raw[-1]): raw[1] for model in models for raw in getattr(model, "class_rawstreamers", ())
    }


def tree_streamers() -> dict[tuple[str, int], bytes]:
    """Class name and version -> serialized TStreamerInfo, of everything that a TTree file may hold."""
    leaves = (
        TLeaf.Model_TLeafB_v1,
        TLeaf.Model_TLeafD_v1,
        TLeaf.Model_TLeafF_v1,
        TLeaf.Model_TLeafI_v1,
        TLeaf.Model_TLeafL_v1,
        TLeaf.Model_TLeafO_v1,
        TLeaf.Model_TLeafS_v1,
    )
    streamers = uproot_streamers((TTree.Model_TTree_v20, TBranch.Model_TBranch_v13, *leaves))
    streamers["TBranchElement", 10] = _tbranch_element()
    streamers["TLeafElement", 1] = _tleaf_element()
    return streamers

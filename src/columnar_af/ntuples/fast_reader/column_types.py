"""What a branch holds, where the reader knows it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import numpy as np
from uproot.containers import AsString, AsVector
from uproot.interpretation.jagged import AsJagged
from uproot.interpretation.numerical import AsDtype
from uproot.interpretation.objects import AsObjects

from columnar_af.ntuples.fast_reader.decode import VECTOR_HEADER

LETTER = np.dtype(np.uint8)


class Kind(enum.Enum):
    """How the entries of a branch are laid out in its baskets."""

    NUMBER = "one number per entry"
    COUNTED = "numbers, as many as the entry offsets or a counter branch say"
    VECTOR = "std::vector of numbers"
    STRINGS = "std::vector of std::string"


@dataclass(frozen=True)
class ColumnType:
    """What a branch holds.

    Attributes:
        kind: Layout in the baskets.
        dtype: Native type of a number; bytes for strings.
        counter: uproot's branch that counts a COUNTED one, if there is one.
    """

    kind: Kind
    dtype: np.dtype[Any]
    counter: Any = None


def column_type(branch: Any) -> ColumnType | None:
    """The type of an uproot branch; None where it has to be read by uproot.

    Args:
        branch: uproot's TBranch, or a field of an RNTuple (which is always uproot's).
    """
    interpretation: Any = getattr(branch, "interpretation", None)
    if type(interpretation) is AsDtype:
        dtype = _number(interpretation)
        return None if dtype is None else ColumnType(Kind.NUMBER, dtype)
    if type(interpretation) is AsJagged and type(interpretation.content) is AsDtype:
        return _jagged_type(branch, interpretation)
    if type(interpretation) is AsObjects and _is_string_vector(interpretation.model):
        return ColumnType(Kind.STRINGS, LETTER)
    return None


def _jagged_type(branch: Any, interpretation: Any) -> ColumnType | None:
    dtype = _number(interpretation.content)
    if dtype is None:
        return None
    if interpretation.header_bytes == VECTOR_HEADER:
        return ColumnType(Kind.VECTOR, dtype)
    if interpretation.header_bytes == 0:
        return ColumnType(Kind.COUNTED, dtype, branch.count_branch)
    return None


def _number(interpretation: Any) -> np.dtype[Any] | None:
    """Native type of a plain big-endian number; None for records, fixed-size arrays and conversions."""
    stored = interpretation.from_dtype
    native = stored.newbyteorder("=")
    plain = (
        stored.names is None and stored.subdtype is None and stored.kind in "biuf" and stored.itemsize <= 8
    )
    if plain and interpretation.to_dtype == native and stored == stored.newbyteorder(">"):
        return np.dtype(native)
    return None


def _is_string_vector(model: Any) -> bool:
    if type(model) is not AsVector or not model.header or type(model.values) is not AsString:
        return False
    return not model.values.header and model.values.length_bytes == "1-5"

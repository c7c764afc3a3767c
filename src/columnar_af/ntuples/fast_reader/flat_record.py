"""The record of a tree as TBufferFile wrote it: walked from object to object by their byte counts."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

BYTE_COUNT = 0x40000000
NEW_CLASS, OLD_CLASS = 0xFFFFFFFF, 0x80000000
MAP_OFFSET = 2
"""Tags of TBufferFile: a byte count has its second bit set; a class is named once, then referred to by its place."""

WORD = struct.Struct(">I")
VERSION = struct.Struct(">IH")
OBJECT_BYTES = 10
"""A TObject that nothing refers to: version, number, bits."""

EMPTY_ARRAY = 21
"""Byte count of a TObjArray without name and items."""

REFERENCED = 1 << 4
"""Bit of a TObject that is followed by the number of its process."""

LONG_TEXT = 255
"""Instead of its length, a text of this length or more begins with this."""


class NotFlatError(Exception):
    """The record holds something that is uproot's to read."""


@dataclass(frozen=True)
class Record:
    """The bytes of a record, as TBufferFile wrote them.

    Attributes:
        data: Uncompressed, from behind the key.
        origin: Place of the key, negative: references to classes count from there.
    """

    data: bytes
    origin: int

    def word(self, place: int) -> int:
        """Four bytes."""
        return int(WORD.unpack_from(self.data, place)[0])

    def after(self, place: int) -> int:
        """The place behind an object with a byte count."""
        count = self.word(place)
        if not count & BYTE_COUNT:
            raise NotFlatError(place)
        return place + 4 + (count & ~BYTE_COUNT)

    def enter(self, place: int, version: int | None) -> int:
        """The place behind the byte count and the version of an object, which must be this one."""
        count, found = VERSION.unpack_from(self.data, place)
        if not count & BYTE_COUNT or (version is not None and found != version):
            raise NotFlatError(found)
        return place + VERSION.size

    def enter_array(self, place: int) -> tuple[int, int]:
        """The place of the first item of a TObjArray, and the number of items."""
        place = self._behind_object(self.enter(place, None))
        if self.data[place] != 0:  # it has a name
            raise NotFlatError(place)
        return place + 9, self.word(place + 1)

    def after_empty_array(self, place: int) -> int:
        """The place behind a TObjArray, which must be empty."""
        if self.word(place) != BYTE_COUNT | EMPTY_ARRAY:
            raise NotFlatError(place)
        return self.after(place)

    def after_nulls(self, place: int) -> int:
        """The place behind a TObjArray that holds null pointers only."""
        end = self.after(place)
        first, count = self.enter_array(place)
        if end - first != 4 * count or any(self.data[first:end]):
            raise NotFlatError(place)
        return end

    def object_at(self, place: int) -> tuple[int, int, str]:
        """The body of an object with its class, the place behind it, and the name of the class."""
        following, tag = self.after(place), self.word(place + 4)
        if tag == NEW_CLASS:
            name = self._letters(place + 8)
            return place + 9 + len(name), following, name
        if not tag & OLD_CLASS:
            raise NotFlatError(tag)
        named = (tag & ~OLD_CLASS) - MAP_OFFSET + self.origin
        if self.word(named) != NEW_CLASS:
            raise NotFlatError(tag)
        return place + 8, following, self._letters(named + 4)

    def named_at(self, place: int) -> tuple[str, str]:
        """fName and fTitle of a TNamed."""
        name, place = self._text(self._behind_object(self.enter(place, None)))
        return name, self._text(place)[0]

    def numbers(self, place: int, count: int, dtype: str) -> tuple[Integers, int]:
        """An array behind its flag, and the place behind it."""
        values = np.frombuffer(self.data, dtype, count, place + 1)
        return values.astype(np.int64), place + 1 + values.nbytes

    def _text(self, place: int) -> tuple[str, int]:
        """A TString, and the place behind it."""
        length, place = self.data[place], place + 1
        if length == LONG_TEXT:
            raise NotFlatError(place)
        return self.data[place : place + length].decode(), place + length

    def _behind_object(self, place: int) -> int:
        if self.word(place + 6) & REFERENCED:
            raise NotFlatError(place)
        return place + OBJECT_BYTES

    def _letters(self, place: int) -> str:
        return self.data[place : self.data.index(b"\0", place)].decode()

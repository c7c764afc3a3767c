"""ROOT's way of writing objects as bytes: strings, versions with byte counts, TObject, TNamed, TObjArray, class info.

All integers are big-endian. Format: https://github.com/root-project/root/tree/master/io/doc/TFile
"""

from __future__ import annotations

import struct

BYTE_COUNT = 0x40000000
"""kByteCountMask: this bit marks a 32-bit word as a byte count."""

NEW_CLASS = 0xFFFFFFFF
"""kNewClassTag: the name of a class follows, not a reference to one met before."""

MAP_OFFSET = 2
"""kMapOffset: a reference to an object is its position in the buffer plus this."""

TOBJECT_BITS = 0x03000000
"""kIsOnHeap and kNotDeleted, as every object that ROOT itself writes."""

SHORT_STRING = 255
"""A string of this length or more is preceded by 255 and a 32-bit length."""

BASIC_ELEMENT = "TStreamerBasicType"
STRING_ELEMENT = "TStreamerString"
POINTER_ELEMENT = "TStreamerObjectPointer"
BASE_ELEMENT = "TStreamerBase"


def tstring(text: str) -> bytes:
    """A TString: its length in one byte (or 255 and four bytes), then its characters."""
    encoded = text.encode()
    if len(encoded) < SHORT_STRING:
        return bytes([len(encoded)]) + encoded
    return b"\xff" + struct.pack(">I", len(encoded)) + encoded


def versioned(body: bytes, version: int) -> bytes:
    """``body`` behind its byte count and class version."""
    return struct.pack(">IH", (len(body) + 2) | BYTE_COUNT, version) + body


def tobject(bits: int = 0) -> bytes:
    """A TObject (version 1, no unique ID) with ``bits`` beside the usual ones."""
    return struct.pack(">HII", 1, 0, TOBJECT_BITS | bits)


def tnamed(name: str, title: str, bits: int = 0) -> bytes:
    """A TNamed."""
    return versioned(tobject(bits) + tstring(name) + tstring(title), 1)


def tobjarray(items: bytes, length: int, kind_version: int = 3, bits: int = 0) -> bytes:
    """A TObjArray without a name, lower bound 0, whose ``items`` are serialized already."""
    return versioned(tobject(bits) + b"\x00" + struct.pack(">ii", length, 0) + items, kind_version)


TOBJARRAY_HEAD = 6 + 10 + 1 + 8
"""Bytes of a TObjArray before its first item: byte count and version, TObject, empty name, length and bound."""


def object_any(class_name: str, body: bytes) -> bytes:
    """An object behind a pointer: byte count, class name, then the object."""
    tagged = struct.pack(">I", NEW_CLASS) + class_name.encode() + b"\x00" + body
    return struct.pack(">I", len(tagged) | BYTE_COUNT) + tagged


def streamer_base(name: str, title: str, version: int, checksum: int) -> bytes:
    """A TStreamerBase: this class derives from ``name``."""
    element = _streamer_element(name, title, 0, 0, "BASE", checksum)
    return object_any(BASE_ELEMENT, versioned(element + struct.pack(">i", version), 3))


def streamer_member(kind: str, name: str, title: str, type_code: int, size: int, type_name: str) -> bytes:
    """A member of a class.

    Args:
        kind: One of the ``*_ELEMENT`` names.
        name, title: As in the class's header file; the title is the member's comment.
        type_code: TVirtualStreamerInfo::EReadWrite.
        size: Bytes in memory.
        type_name: C++ type.
    """
    return object_any(kind, versioned(_streamer_element(name, title, type_code, size, type_name), 2))


def _streamer_element(
    name: str, title: str, type_code: int, size: int, type_name: str, base_checksum: int = 0
) -> bytes:
    """A TStreamerElement; ROOT keeps the checksum of a base class in the second of the five maximum indices."""
    numbers = struct.pack(">iiiiiIiii", type_code, size, 0, 0, 0, base_checksum, 0, 0, 0)
    return versioned(tnamed(name, title) + numbers + tstring(type_name), 4)


def streamer_info(name: str, version: int, checksum: int, elements: list[bytes]) -> bytes:
    """A TStreamerInfo as an item of a TList: what ROOT and others need to read class ``name``.

    Args:
        name: Class name.
        version: Class version.
        checksum: TClass checksum, which names the layout.
        elements: Bases and members in order, from :func:`streamer_base` and :func:`streamer_member`.
    """
    # the bit 0x10000 marks a compiled streamer info, as ROOT writes it
    body = tnamed(name, "", 0x10000) + struct.pack(">Ii", checksum, version)
    array = object_any("TObjArray", tobjarray(b"".join(elements), len(elements)))
    return object_any("TStreamerInfo", versioned(body + array, 9)) + b"\x00"

"""Writing a ROOT file of finished objects in one go.

uproot brings a file up to date after every object: the list of keys of its folder, the free segments and the length of the file.
That is what a file needs that grows; of one whose contents are known each byte is written once here. The streamers, which tell
readers how the objects are laid out, are uproot's.
"""

from __future__ import annotations

import io
import struct
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uproot

from columnar_af.errors import OutputError

BEGIN = 100
"""Where the first record of a file begins."""

LAST = 2_000_000_000
"""ROOT's kStartBigFile: a file that grows beyond has wider fields, which are not written here."""

VERSION = 62400
"""Of ROOT, as uproot states it: class versions of records depend on it."""

FILE = struct.Struct(">4siiiiiiiBiiiH16s")
"""Magic word, version, begin, end, free segments (place, bytes, number), bytes of the name, width of places, compression,
streamers (place, bytes), version and value of the UUID (TFile)."""

KEY = struct.Struct(">ihiIhhii")
"""Bytes, version, uncompressed bytes, date, bytes of the key, cycle, place, place of the folder (TKey)."""

FOLDER = struct.Struct(">hIIiiiiiH16s12x")
"""Version, dates made and changed, bytes of the keys, bytes of the name, places of itself, of its parent and of its keys, version
and value of the UUID, spare (TDirectory)."""

FREE = struct.Struct(">hii")
"""Version, first and last byte of a free segment (TFree)."""

KEY_VERSION, FOLDER_VERSION = 4, 5

COUNT = struct.Struct(">i")

TOO_LARGE = "the histograms take more than 2 GB as a ROOT file"


@dataclass(frozen=True)
class RootObject:
    """A finished object.

    Attributes:
        class_name: Its class in ROOT.
        title: Its title.
        data: Its bytes, uncompressed, with byte count and version.
    """

    class_name: str
    title: str
    data: bytes


Contents = Mapping[str, Any]
"""Objects (:class:`RootObject`) and folders (Contents) by name."""


def text(value: str) -> bytes:
    """A TString: its length, and its letters."""
    letters = value.encode()
    length = bytes([len(letters)]) if len(letters) < 255 else b"\xff" + struct.pack(">I", len(letters))
    return length + letters


def write_root_file(path: Path, contents: Contents, streamers: bytes, compression: Any) -> None:
    """Write a file.

    Args:
        path: Where; replaced if there is one.
        contents: Objects and folders by name, without slashes and semicolons.
        streamers: Of the classes of all objects; see :func:`streamers_of`.
        compression: uproot's, of the objects.

    Raises:
        OutputError: It would be larger than 2 GB.
    """
    path.write_bytes(_File(path.name, compression).written(contents, streamers))


def streamers_of(examples: Iterable[Any]) -> bytes:
    """The uncompressed list of streamers for the classes of some objects that uproot can write."""
    buffer = io.BytesIO()
    with uproot.recreate(buffer, compression=None) as file:
        for number, example in enumerate(examples):
            file[f"example{number}"] = example
        data = buffer.getvalue()  # it closes the buffer, too
    place = FILE.unpack_from(data)[10]
    _, _, n_bytes, _, key_bytes, *_ = KEY.unpack_from(data, place)
    return data[place + key_bytes : place + key_bytes + n_bytes]


class _File:
    """A file on its way.

    Args:
        name: Its name.
        compression: uproot's, of the objects.
    """

    def __init__(self, name: str, compression: Any) -> None:
        self._name = name
        self._compression = compression
        self._date = uproot._util.datetime_to_code(datetime.now(UTC).replace(tzinfo=None))
        self._parts: list[bytes | None] = []
        self._end = BEGIN

    def written(self, contents: Contents, streamers: bytes) -> bytes:
        """The whole file."""
        self._root(contents)
        info = self._end
        n_info = len(self._record("TList", "StreamerInfo", "Doubly linked list", streamers, BEGIN)[1])
        free = self._end
        n_key = len(self._key("TFile", self._name, "", 0, 0, free, BEGIN))
        end = free + n_key + FREE.size
        self._record("TFile", self._name, "", FREE.pack(1, end, LAST), BEGIN)
        named = n_key + len(text(self._name)) + 1
        codes = self._compression.code if self._compression is not None else 0
        numbers = (b"root", VERSION, BEGIN, end, free, n_key + FREE.size, 1, named, 4, codes, info, n_info, 1)
        header = FILE.pack(*numbers, uuid.uuid1().bytes)
        return b"".join([header.ljust(BEGIN, b"\0"), *(part or b"" for part in self._parts)])

    def _root(self, contents: Contents) -> None:
        named = text(self._name) + text("")
        self._folder("TFile", self._name, "", contents, 0, named)

    def _folder(
        self, class_name: str, name: str, title: str, contents: Contents, parent: int, named: bytes = b""
    ) -> bytes:
        """Write a folder with all that is in it; returns its key."""
        place, slot = self._end, len(self._parts)
        n_body = len(named) + FOLDER.size
        key = self._key(class_name, name, title, n_body, n_body, place, parent)
        self._parts.append(None)  # it says where its keys are, which is known when all else is written
        self._advance(len(key) + n_body)
        keys = [self._add(each, what, place) for each, what in contents.items()]
        listed, body = self._end, COUNT.pack(len(keys)) + b"".join(keys)
        _, record = self._record(class_name, name, title, body, place)
        n_name = len(key) + len(named)
        where = (len(record), n_name, place, parent, listed)
        folder = FOLDER.pack(FOLDER_VERSION, self._date, self._date, *where, 1, uuid.uuid1().bytes)
        self._parts[slot] = key + named + folder
        return key

    def _add(self, name: str, what: RootObject | Contents, folder: int) -> bytes:
        if isinstance(what, RootObject):
            packed = uproot.compression.compress(what.data, self._compression)
            return self._record(what.class_name, name, what.title, packed, folder, len(what.data))[0]
        return self._folder("TDirectory", name, name, what, folder)

    def _record(
        self, class_name: str, name: str, title: str, data: bytes, folder: int, size: int | None = None
    ) -> tuple[bytes, bytes]:
        """Write an object; returns its key, and both."""
        plain = len(data) if size is None else size
        key = self._key(class_name, name, title, len(data), plain, self._end, folder)
        record = key + data
        self._parts.append(record)
        self._advance(len(record))
        return key, record

    def _key(
        self, class_name: str, name: str, title: str, packed: int, plain: int, place: int, folder: int
    ) -> bytes:
        texts = text(class_name) + text(name) + text(title)
        size = KEY.size + len(texts)
        numbers = (size + packed, KEY_VERSION, plain, self._date, size, 1, place, folder)
        return KEY.pack(*numbers) + texts

    def _advance(self, n_bytes: int) -> None:
        self._end += n_bytes
        if self._end >= LAST:
            raise OutputError(TOO_LARGE, advice="choose fewer or smaller histograms")

"""A new ROOT file, written from its first byte to its last, the same for the same content.

Only what a writer of ntuples needs: directories one level deep or more, objects that are serialized already, and
histograms. Nothing in the file depends on when or where it was written: its date is fixed, its UUIDs come from the
caller's identity, and its inner name is the caller's. uproot's own writer takes both from the clock.

Format: https://github.com/root-project/root/tree/master/io/doc/TFile
"""

from __future__ import annotations

import hashlib
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uproot
from uproot.writing.identify import to_writable

from columnar_af.ntuples.root_serialization import tobject, tstring, versioned
from columnar_af.ntuples.root_streamers import uproot_streamers

FILE_DATE = datetime(2026, 1, 1, tzinfo=UTC)
"""The date of every record. ROOT needs one between 1995 and 2058; a clock would make equal files differ."""

BEGIN = 100
"""fBEGIN: where the first record starts; the header in front of it is padded."""

ROOT_VERSION = 6_24_00
"""fVersion: the ROOT whose format this is."""

BIG_FILE = 1_000_000
"""Added to fVersion when positions in the header have 64 bits."""

FREE_LIMIT = 2_000_000_000
"""kStartBigFile: the free segment at the end of the file reaches up to here, or a multiple beyond the file's end."""

KEY_VERSION = 1004
"""TKey version 4 with 64-bit positions."""

DIRECTORY_VERSION = 1005
"""TDirectory version 5 with 64-bit positions."""


def tdatime(moment: datetime) -> int:
    """A TDatime: years since 1995 and the rest, packed in 32 bits."""
    days = (moment.year - 1995) << 26 | moment.month << 22 | moment.day << 17
    return days | moment.hour << 12 | moment.minute << 6 | moment.second


@dataclass(frozen=True)
class Key:
    """The record header of one object.

    Attributes:
        class_name, name, title: Of the object.
        cycle: Cycle number; 0 for baskets, which no directory lists.
        position: First byte of the record in the file.
        directory: First byte of the record of the directory that it belongs to.
        stored: Bytes of the object as stored, without the header.
        length: Bytes of the object when uncompressed.
    """

    class_name: str
    name: str
    title: str
    cycle: int = 1
    position: int = 0
    directory: int = 0
    stored: int = 0
    length: int = 0

    @property
    def head(self) -> int:
        """Bytes of this header."""
        return 34 + sum(len(tstring(text)) for text in (self.class_name, self.name, self.title))

    def to_bytes(self, head: int | None = None) -> bytes:
        """The header; ``head`` is its length when more header follows (TBasket)."""
        head = self.head if head is None else head
        numbers = struct.pack(
            ">iHiIHHqq",
            head + self.stored,
            KEY_VERSION,
            self.length,
            tdatime(FILE_DATE),
            head,
            self.cycle,
            self.position,
            self.directory,
        )
        return numbers + tstring(self.class_name) + tstring(self.name) + tstring(self.title)


@dataclass
class Directory:
    """A directory of the file and the keys that it lists."""

    key: Key
    identity: uuid.UUID
    head: int
    """Bytes before the directory's own data in its record (fNbytesName)."""
    parent: int = 0
    keys: list[Key] = field(default_factory=list)
    children: dict[str, Directory] = field(default_factory=dict)

    @property
    def position(self) -> int:
        """First byte of the directory's record."""
        return self.key.position

    def to_bytes(self, keys_position: int, keys_length: int) -> bytes:
        """The directory's data: where its list of keys is."""
        moment = tdatime(FILE_DATE)
        numbers = struct.pack(
            ">HIIiiqqq",
            DIRECTORY_VERSION,
            moment,
            moment,
            keys_length,
            self.head,
            self.position,
            self.parent,
            keys_position,
        )
        return numbers + struct.pack(">H", 1) + self.identity.bytes


DIRECTORY_BYTES = 60
"""Length of :meth:`Directory.to_bytes`."""


class RootFile:
    """A ROOT file that is being written. Use it as a context manager; it is a ROOT file once closed.

    Args:
        path: Where to write.
        name: The name that the file calls itself (fName), part of its content.
        identity: What makes this file different from all others, such as its seed; UUIDs are derived from it.
        compression: An uproot compression or None; recorded, and used for objects.
    """

    def __init__(self, path: Path, *, name: str, identity: str, compression: Any = None) -> None:
        self._stream = path.open("wb")
        self._identity = identity
        self.compression = compression
        self.streamers: dict[tuple[str, int], bytes] = {}
        key = Key("TFile", name, "", position=BEGIN, stored=len(tstring(name)) + 1 + DIRECTORY_BYTES)
        key = replace(key, length=key.stored)
        self.root = Directory(key, self._uuid(""), key.head + len(tstring(name)) + 1)
        self.end = BEGIN + key.head + key.stored
        self._stream.write(bytes(self.end))

    def _uuid(self, part: str) -> uuid.UUID:
        digest = hashlib.sha256(f"{self._identity}\n{part}".encode()).digest()
        return uuid.UUID(bytes=digest[:16], version=4)

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file, or only close it when the body failed."""
        if kind is None:
            self.close()
        else:
            self._stream.close()

    def directory(self, path: str) -> Directory:
        """The directory at ``path`` (parts separated by ``/``, empty for the top), made where it is missing."""
        here = self.root
        for name in filter(None, path.split("/")):
            here = here.children.get(name) or self._make_directory(here, name)
        return here

    def _make_directory(self, parent: Directory, name: str) -> Directory:
        key = Key("TDirectory", name, name, position=self.end, directory=parent.position)
        key = replace(key, stored=DIRECTORY_BYTES, length=DIRECTORY_BYTES)
        child = Directory(key, self._uuid(f"{parent.position}/{name}"), key.head, parent.position)
        self.append(key.to_bytes() + bytes(DIRECTORY_BYTES))
        parent.keys.append(key)
        parent.children[name] = child
        return child

    def append(self, record: bytes) -> int:
        """Write a whole record at the end of the file; returns the position of its first byte."""
        position = self.end
        self._stream.write(record)
        self.end += len(record)
        return position

    def add_object(self, directory: Directory, class_name: str, name: str, title: str, body: bytes) -> None:
        """Write an object and list it in ``directory``, as the next cycle of its name."""
        cycle = 1 + sum(key.name == name for key in directory.keys)
        stored = bytes(uproot.compression.compress(body, self.compression))
        key = Key(class_name, name, title, cycle, self.end, directory.position, len(stored), len(body))
        self.append(key.to_bytes() + stored)
        directory.keys.append(key)

    def add_histogram(self, path: str, histogram: Any) -> None:
        """Write a histogram.

        Args:
            path: Directory and name in the file, such as ``Tree3Mu/hEvents``.
            histogram: Anything that uproot can write as a TH1 or TH2, such as ``hist.Hist``.
        """
        folder, _, name = path.rpartition("/")
        model = to_writable(histogram)
        self.streamers.update(uproot_streamers((model,)))
        self.add_object(
            self.directory(folder),
            model.classname,
            name,
            str(model.member("fTitle")),
            model.serialize(name=name),
        )

    def close(self) -> None:
        """Write the lists of keys, the streamer information, the free list and the header."""
        with self._stream:
            patches = self._write_key_lists(self.root)
            info, info_bytes = self._write_streamers(self.streamers)
            free = self.end
            free_bytes = self._write_free_list()
            for position, data in patches.items():
                self._overwrite(position, data)
            self._overwrite(0, self._header(free, free_bytes, info, info_bytes))

    def _overwrite(self, position: int, data: bytes) -> None:
        self._stream.seek(position)
        self._stream.write(data)

    def _write_key_lists(self, directory: Directory) -> dict[int, bytes]:
        """Write the list of keys of a directory and of those below; returns what to patch where."""
        patches: dict[int, bytes] = {}
        for child in directory.children.values():
            patches.update(self._write_key_lists(child))
        body = struct.pack(">i", len(directory.keys)) + b"".join(key.to_bytes() for key in directory.keys)
        own = directory.key
        key = replace(
            own, position=self.end, directory=directory.position, stored=len(body), length=len(body)
        )
        position = self.append(key.to_bytes() + body)
        data = directory.to_bytes(position, key.head + len(body))
        if directory is self.root:
            data = own.to_bytes() + tstring(own.name) + tstring("") + data
            patches[own.position] = data
        else:
            patches[own.position + own.head] = data
        return patches

    def _write_streamers(self, streamers: Mapping[tuple[str, int], bytes]) -> tuple[int, int]:
        """Write the list of TStreamerInfo; returns its position and length."""
        items = b"".join(streamers.values())
        body = versioned(tobject() + b"\x00" + struct.pack(">i", len(streamers)) + items, 5)
        stored = bytes(uproot.compression.compress(body, self.compression))
        key = Key("TList", "StreamerInfo", "Doubly linked list", 1, self.end, BEGIN, len(stored), len(body))
        return self.append(key.to_bytes() + stored), key.head + key.stored

    def _write_free_list(self) -> int:
        """Write the one free segment, from the end of the file on; returns the length of the record."""
        own = self.root.key
        key = replace(own, position=self.end, directory=BEGIN, stored=18, length=18)
        end = self.end + key.head + key.stored
        limit = FREE_LIMIT * (1 + end // FREE_LIMIT)
        self.append(key.to_bytes() + struct.pack(">Hqq", 1001, end, limit))
        return key.head + key.stored

    def _header(self, free: int, free_bytes: int, info: int, info_bytes: int) -> bytes:
        """The first bytes of the file: where everything is."""
        compression = 0 if self.compression is None else self.compression.code
        numbers = struct.pack(
            ">4siiqqiiiBiqi",
            b"root",
            BIG_FILE + ROOT_VERSION,
            BEGIN,
            self.end,
            free,
            free_bytes,
            1,
            self.root.head,
            8,
            compression,
            info,
            info_bytes,
        )
        return numbers + struct.pack(">H", 1) + self.root.identity.bytes

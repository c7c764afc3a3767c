"""Opening input files: whatever goes wrong becomes a :class:`ReadError` that says what and where."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uproot

from columnar_af.datasets.document import nearest
from columnar_af.datasets.paths import is_remote
from columnar_af.errors import ColumnarAFError, ReadError, WorkAddress, work_address

FIRST_RECORD = 100
"""Where the first record of a ROOT file begins, in bytes (``TFile::kBEGIN``)."""


@contextmanager
def open_file(path: str) -> Iterator[Any]:
    """An open file of uproot, closed at the end.

    Args:
        path: Local path, or a URL that uproot understands.

    Raises:
        ReadError: For anything that goes wrong while the file is open: it is missing, may not be read, is no ROOT file,
            is truncated or damaged, or the package for its protocol is not installed.
    """
    if path.startswith("root"):
        _shorten_patience_of_xrootd()
    with work_address(WorkAddress(file=path)):
        try:
            with uproot.open({path: None}) as file:  # a mapping, so that a colon in the path is no tree
                _refuse_truncated(file)
                yield file
        except ColumnarAFError:
            raise
        except (
            Exception
        ) as error:  # damaged bytes make uproot raise anything, from struct.error to AssertionError
            raise _as_read_error(path, error) from error


def _shorten_patience_of_xrootd() -> None:
    """Wait for a server that is not there for 10 s and not for 8 min, unless the user has chosen otherwise.

    The client reads these variables when it is first used (XRootD 6: 480 s with its defaults, 10 s with these, measured).
    """
    os.environ.setdefault("XRD_CONNECTIONWINDOW", "10")
    os.environ.setdefault("XRD_CONNECTIONRETRY", "2")


def _refuse_truncated(file: Any) -> None:
    """ROOT writes the size of the file into its header, so that a missing end shows before anything is read from it."""
    promised, found = file.file.fEND, file.file.source.num_bytes
    if found is not None and found < promised:
        raise _truncated(promised, found)


def _truncated(promised: int | None, found: int, symptom: str = "") -> ReadError:
    msg = f"the file is damaged ({found} bytes): {symptom}"
    if promised is not None and found < promised:
        msg = f"the file is truncated: its header promises {promised} bytes, and there are {found}"
    return ReadError(msg, advice="copy it again, or remove it from the fileset")


def _promised_size(path: str) -> int | None:
    """The size of a local file according to its header, where it has one."""
    with Path(path).open("rb") as file:
        header = file.read(20)
    if len(header) < 20 or header[:4] != b"root":
        return None
    version, begin, small_end = struct.unpack(
        ">iii", header[4:16]
    )  # fVersion, fBEGIN, fEND: TFile::ReadHeader
    if begin != FIRST_RECORD:
        return None
    large = version >= 1_000_000  # then fEND has 8 bytes
    return int(struct.unpack(">q", header[12:20])[0]) if large else int(small_end)


def _as_read_error(path: str, error: Exception) -> ReadError:
    match error:
        case FileNotFoundError():
            return ReadError(
                "there is no such file", advice=_similar(path) or "check the path in the fileset"
            )
        case PermissionError():
            return ReadError("the file may not be read: permission denied", advice="ask its owner for access")
        case IsADirectoryError():
            return ReadError(
                "this is a folder, not a file", advice=f"to take all files in it, write {path}/*.root"
            )
        case ImportError():
            return ReadError(
                f"a package for this protocol is missing: {_first_line(error)}", advice=_install(path)
            )
    return _as_damage(error, None if is_remote(path) else path)


def _as_damage(error: Exception, local_path: str | None) -> ReadError:
    if local_path is not None and (size := Path(local_path).stat().st_size) == 0:
        return ReadError("the file is empty: 0 bytes", advice="write or copy it again")
    if isinstance(error, ValueError) and "not a ROOT file" in str(error):
        return ReadError(f"this is {_first_line(error)}", advice="check the path in the fileset")
    if local_path is not None and isinstance(error, OSError):
        return _truncated(_promised_size(local_path), size, _first_line(error))
    msg = f"the file cannot be read: {type(error).__name__}: {_first_line(error)}"
    return ReadError(msg, advice="check that ROOT can open it, or remove it from the fileset")


def _similar(path: str) -> str:
    folder = Path(path).parent
    if is_remote(path) or not folder.is_dir():
        return ""
    return nearest(Path(path).name, sorted(file.name for file in folder.glob("*.root")))


def _install(path: str) -> str:
    package = "fsspec-xrootd" if path.startswith("root") else "the package that the message names"
    return f"install {package} where the files are read"


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

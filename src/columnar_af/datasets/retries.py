"""Reads that fail for a time: which errors may pass, and how long to wait for that."""

from __future__ import annotations

import errno
import random
import re
import time
from collections.abc import Iterator

from columnar_af.datasets.paths import is_remote
from columnar_af.errors import ReadError, SchemaError

MAX_ATTEMPTS = 4
"""How often a read is tried. With the waits below a server has about 7 s to come back; chosen, not measured."""

FIRST_WAIT_S = 1.0
"""Wait before the second attempt; it doubles each time, with up to half as much again at random, so that a thousand
workers do not come back to a server at the same moment."""

TRANSIENT = frozenset(
    {
        errno.EIO, errno.ESTALE, errno.EAGAIN, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNABORTED,
        errno.ECONNREFUSED, errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH,
    }
)  # fmt: skip
"""Numbers of system errors that may pass: a network or a network file system that is away for a moment."""

TRANSIENT_STATUS = frozenset({408, 425, 429, *range(500, 600)})
"""Answers of a web server that may be others a moment later: too slow, too early, too many requests, and its own errors."""

_HTTP_CLIENTS = ("aiohttp.", "requests.", "urllib3.")

_ANSWER = re.compile(r"'(\w*(?:Error|Exception|Timeout))' object")
"""fsspec gives errors back in place of bytes, and uproot decodes them: "'ClientResponseError' object is not subscriptable"."""


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def server_error(error: BaseException) -> str:
    """The name of the error that a server gave in place of bytes; empty where it gave none."""
    found = (
        _ANSWER.search(str(link)) for link in chain(error) if isinstance(link, TypeError | AttributeError)
    )
    return next((match[1] for match in found if match), "")


def is_transient(error: ReadError, file: str) -> bool:
    """Whether a failed read may succeed a moment later: the network was at fault, as far as can be seen."""
    links = list(chain(error))
    if isinstance(error, SchemaError) or any(
        isinstance(link, FileNotFoundError | PermissionError | ImportError | MemoryError) for link in links
    ):
        return False
    if any(isinstance(link, TimeoutError | ConnectionError) for link in links):
        return True
    if any(isinstance(link, OSError) and link.errno in TRANSIENT for link in links):
        return True
    if not is_remote(file):
        return False
    from_client = [link for link in links if type(link).__module__.startswith(_HTTP_CLIENTS)]
    statuses = {link.status for link in from_client if isinstance(getattr(link, "status", None), int)}  # type: ignore[attr-defined]
    if statuses:
        return statuses <= TRANSIENT_STATUS
    return bool(from_client or server_error(error)) or any(isinstance(link, OSError) for link in links)


def wait(attempt: int) -> None:
    """Wait after an attempt that failed, the first one being 1."""
    time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1) * random.uniform(1.0, 1.5))  # no secret

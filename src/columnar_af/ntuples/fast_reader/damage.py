"""The error for bytes that contradict themselves."""

from __future__ import annotations

from columnar_af.errors import ReadError


def damaged(message: str, entry: int | None = None) -> ReadError:
    """An error that says what is wrong, in which entry of the tree if known, and what to do."""
    place = "" if entry is None else f", in entry {entry} or the basket that holds it"
    return ReadError(
        f"{message}{place}: the file is damaged", advice="copy or make the file again, or leave it out"
    )

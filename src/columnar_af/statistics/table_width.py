"""Tables that fit the width of a terminal: as they are, with rows for columns, or in blocks of columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Rows = list[list[str]]
"""The first row is the heading, the first column the name of each row."""

BLANKS = 3
"""Beside a cell, in a table without lines between its columns: one on either side, and one between columns."""


def fitted(rows: Sequence[Sequence[str]], width: int) -> list[Rows]:
    """Tables that hold what one table does, none of them wider than asked, if a single column is not.

    Of the table and the one with its rows for columns, the one that needs fewer blocks is taken; the table as it is, where
    both need as many.

    Args:
        rows: The table.
        width: Characters of a line.
    """
    return min((blocks(form, width) for form in (rows, transposed(rows))), key=len)


def transposed(rows: Sequence[Sequence[str]]) -> Rows:
    """Rows for columns."""
    return [list(column) for column in zip(*rows, strict=True)]


def blocks(rows: Sequence[Sequence[str]], width: int) -> list[Rows]:
    """The table in parts that fit: each has the first column, and as many of the others as there is room for."""
    widths = [max(map(len, column)) + BLANKS for column in zip(*rows, strict=True)]
    ends, used = [1], widths[0]
    for number, needed in enumerate(widths[1:], start=1):
        if used + needed > width and number > ends[-1]:
            ends.append(number)
            used = widths[0]
        used += needed
    ends.append(len(widths))
    return [[[row[0], *row[start:stop]] for row in rows] for start, stop in pairwise(ends)]

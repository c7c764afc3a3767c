"""The targets, and whether they are met."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One line of the table of targets.

    Attributes:
        what: In words.
        wanted: The number to reach.
        at_least: Whether larger is better.
        measured: What came out; NaN where it was not measured.
        unit: Behind both numbers.
        remark: How it was measured, or why not.
    """

    what: str
    wanted: float
    measured: float
    remark: str = ""
    at_least: bool = True
    unit: str = ""

    @property
    def verdict(self) -> str:
        """``met``, ``missed`` or ``not measured``."""
        if math.isnan(self.measured):
            return "not measured"
        return (
            "met"
            if (self.measured >= self.wanted if self.at_least else self.measured <= self.wanted)
            else "**missed**"
        )

    def row(self) -> str:
        """As a row of a Markdown table."""
        sign = "≥" if self.at_least else "≤"
        measured = "-" if math.isnan(self.measured) else f"{self.measured:.3g}{self.unit}"
        return f"| {self.what} | {sign} {self.wanted:g}{self.unit} | {measured} | {self.verdict} | {self.remark} |"


HEADER = "| what | target | measured | | how |\n|---|---|---|---|---|"

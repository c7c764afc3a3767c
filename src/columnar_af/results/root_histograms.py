"""Histograms as the bytes of ROOT's classes.

uproot makes a model of some twenty parts for each histogram, a millisecond of work. Histograms of one axis of numbers or categories
differ in little: name, contents, and sums. uproot writes one such histogram without contents, which is then filled in for all
others with the same axis. Everything else is uproot's to write.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import hist
import numpy as np
import numpy.typing as npt
import uproot

from columnar_af.results.root_file import RootObject, text

Floats = npt.NDArray[np.float64]

STORED = np.dtype(">f8")

HEADERS = (0, 6, 12)
"""Where the byte counts of TH1D, TH1 and TNamed are; each is followed by a version."""

NAME = 28
"""Where the name begins: behind these three and a TObject of ten bytes."""

BYTE_COUNT = struct.Struct(">I")
COUNT = struct.Struct(">i")

SUMS = struct.Struct(">5d")
"""fEntries, fTsumw, fTsumw2, fTsumwx, fTsumwx2."""

BEFORE_SUMS = struct.pack(">hh", 0, 1000)
"""fBarOffset and fBarWidth."""

AFTER_SUMS = struct.pack(">ddd", -1111.0, -1111.0, 0.0) + COUNT.pack(0)
"""fMaximum, fMinimum, fNormFactor, and no contours."""

EMPTY = BEFORE_SUMS + bytes(SUMS.size) + AFTER_SUMS
"""All of these in a histogram without contents."""


MAX_ROOT_AXES = 3
"""ROOT has TH1, TH2 and TH3."""

PLAIN_STORAGES = (
    hist.storage.Double,
    hist.storage.Int64,
    hist.storage.AtomicInt64,
    hist.storage.Weight,
)
"""Whose histograms of one axis are written from templates."""


def root_parts(path: str, histogram: hist.BaseHist, templates: Templates) -> Iterator[tuple[str, RootObject]]:
    """Paths and objects that a histogram becomes: one for each bin of its string categories, but for the last axis.

    Args:
        path: Of the histogram.
        histogram: With any number of axes; nothing where ROOT has no class for it.
        templates: Shared by all histograms of a file.

    Raises:
        TypeError, ValueError: uproot has no class for it.
    """
    axes = tuple(histogram.axes)
    split = [n for n, axis in enumerate(axes) if isinstance(axis, hist.axis.StrCategory)][: len(axes) - 1]
    rest = [axis for n, axis in enumerate(axes) if n not in split]
    if len(rest) > MAX_ROOT_AXES or histogram.kind != "COUNT":
        return
    make = _maker(histogram, rest, templates)
    for bins in product(*(range(len(axes[n])) for n in split)):
        names = [str(axes[n].value(place)).replace(";", "_") for n, place in zip(split, bins, strict=True)]
        whole = "/".join([path, *names])
        yield whole, make(whole.rpartition("/")[2], dict(zip(split, bins, strict=True)))


def _maker(
    histogram: hist.BaseHist, rest: Sequence[Any], templates: Templates
) -> Callable[[str, dict[int, int]], RootObject]:
    """What makes an object of a name from some bins of a histogram."""

    def from_uproot(name: str, chosen: dict[int, int]) -> RootObject:
        return by_uproot(_as_double(histogram[chosen] if chosen else histogram), name)

    storage = histogram.storage_type
    if len(rest) > 1 or storage not in PLAIN_STORAGES:
        return from_uproot
    view = histogram.view(flow=True)
    weighted = storage is hist.storage.Weight
    title = (histogram.name or "") if view.dtype.kind != "i" else ""
    template = templates.of(rest[0], title, weighted=weighted)
    if template is None:
        return from_uproot
    values, variances = (view["value"], view["variance"]) if weighted else (view, None)

    def from_template(name: str, chosen: dict[int, int]) -> RootObject:
        where = tuple(chosen.get(n, slice(None)) for n in range(values.ndim))
        squares = None if variances is None else _with_flow(variances[where], rest[0])
        return template.filled(name, _with_flow(values[where], rest[0]), squares)

    return from_template


def _with_flow(values: npt.NDArray[Any], axis: Any) -> Floats:
    """With under- and overflow; both are 0 where the axis lacks one of them, as uproot has it."""
    if len(values) == len(axis) + 2:
        return np.asarray(values, np.float64)
    found = np.zeros(len(axis) + 2)
    first = int(axis.traits.underflow)
    found[1:-1] = values[first : first + len(axis)]
    return found


def _as_double(histogram: hist.BaseHist) -> hist.BaseHist:
    if histogram.view(flow=True).dtype.kind != "i":
        return histogram
    double = hist.Hist(*histogram.axes, storage=hist.storage.Double())
    double.view(flow=True)[...] = histogram.view(flow=True)
    return double


def by_uproot(histogram: hist.BaseHist, name: str) -> RootObject:
    """A histogram of any kind that ROOT has.

    Raises:
        TypeError, ValueError: uproot has no class for it.
    """
    writable = uproot.writing.identify.to_writable(histogram)
    title = writable.member("fTitle") if writable.has_member("fTitle") else ""
    return RootObject(writable.classname, title, writable.serialize(name=name))


@dataclass(frozen=True)
class Template:
    """The bytes of a TH1D without name and contents.

    Attributes:
        title: Its title.
        head: Up to the name.
        tail: From behind the name on.
        sums: Where the sums are in the tail.
        edges: Edges of the bins.
        weighted: Whether it has sums of squared weights.
    """

    title: str
    head: bytes
    tail: bytes
    sums: int
    edges: Floats
    weighted: bool

    @classmethod
    def of(cls, axis: Any, title: str, *, weighted: bool) -> Template:
        """The template for an axis.

        Raises:
            TypeError, ValueError: uproot cannot write it, or writes it in another way than it did.
        """
        storage = hist.storage.Weight() if weighted else hist.storage.Double()
        made = by_uproot(hist.Hist(axis, storage=storage, name=title or None), "")
        tail = made.data[NAME + 1 :]
        size = COUNT.size + (len(axis) + 2) * STORED.itemsize
        if made.class_name != "TH1D" or made.data[NAME] != 0 or tail.count(EMPTY) != 1 or len(tail) < size:
            msg = "uproot writes histograms in another way"
            raise ValueError(msg)
        sums = tail.index(EMPTY) + len(BEFORE_SUMS)
        return cls(title, made.data[:NAME], tail, sums, np.asarray(axis.edges), weighted)

    def filled(self, name: str, values: Floats, variances: Floats | None) -> RootObject:
        """The histogram.

        Args:
            name: Its name.
            values: Contents with under- and overflow, shape (bins + 2,).
            variances: Sums of squared weights, same shape; None where it has none.
        """
        data = values.astype(STORED)  # in this byte order, so that the sum has uproot's last bit
        tail = bytearray(self.tail)
        SUMS.pack_into(tail, self.sums, data.sum(), *statistics(values[1:-1], self.edges))
        if variances is not None:
            squares = self.sums + SUMS.size + len(AFTER_SUMS) + COUNT.size
            tail[squares : squares + data.nbytes] = variances.astype(STORED).tobytes()
        tail[len(tail) - data.nbytes :] = data.tobytes()
        named = text(name)
        head = bytearray(self.head)
        for place in HEADERS:
            (count,) = BYTE_COUNT.unpack_from(head, place)
            BYTE_COUNT.pack_into(head, place, count + len(named) - 1)
        return RootObject("TH1D", self.title, b"".join([head, named, tail]))


def statistics(values: Floats, edges: Floats) -> tuple[float, float, float, float]:
    """fTsumw, fTsumw2, fTsumwx, fTsumwx2 as uproot computes them from binned contents."""
    centers = (edges[:-1] + edges[1:]) / 2.0
    total = values.sum()
    return total, total, (values * centers).sum(), (values * centers**2).sum()


class Templates:
    """Templates by axis, title, and whether weights are squared."""

    def __init__(self) -> None:
        self._known: dict[Any, Template | None] = {}

    def of(self, axis: Any, title: str, *, weighted: bool) -> Template | None:
        """The template; None where there is none, so that uproot has to write the histogram."""
        key = (*_identity(axis), title, weighted)
        if key not in self._known:
            try:
                self._known[key] = Template.of(axis, title, weighted=weighted)
            except (TypeError, ValueError):
                self._known[key] = None
        return self._known[key]


def _identity(axis: Any) -> tuple[Any, ...]:
    """What two axes that are written alike have in common."""
    labels = tuple(axis) if isinstance(axis, hist.axis.StrCategory | hist.axis.IntCategory) else None
    plain = getattr(axis, "transform", None) is None
    return type(axis).__name__, axis.label, axis.name, plain, np.asarray(axis.edges).tobytes(), labels

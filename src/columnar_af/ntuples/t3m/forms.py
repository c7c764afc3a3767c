"""Awkward forms of the events: pure functions from columns and the forms of branches to the forms of fields.

A form is a dict as awkward's ``ak.forms.from_dict`` takes it. Its ``form_key`` is the quoted program that coffea
evaluates to get the buffer; the functions in such programs are in :mod:`columnar_af.ntuples.t3m.transforms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isinf
from typing import Any

from coffea.nanoevents.util import quote, unquote

from columnar_af.kernels.jagged import SENTINELS
from columnar_af.ntuples.t3m.columns import Choice, Column, Constant, Group, Repair

Form = dict[str, Any]


@dataclass(frozen=True)
class Counter:
    """The branch whose lengths are those of a collection.

    Attributes:
        branch: Its name.
        form: Its form.
        place: Where the events come from, for messages (``transforms.place_of``).
    """

    branch: str
    form: Form
    place: str


def _program(*steps: str) -> str:
    """The form key that coffea splits at the commas and evaluates from left to right."""
    return quote(",".join(steps))


def _load(branch_form: Form) -> str:
    """The program, coffea's own, that reads the branch: its name and whether it may be missing."""
    return unquote(branch_form["form_key"])


def _matched(branch: str, form: Form, counter: str, place: str, repair: Repair) -> str:
    return ",".join(
        (_load(form), f"{counter},!load", branch, counter, repair.value, place, "!t3m_matched"),
    )


def column(choice: Choice, form: Form, counter: Counter) -> Form:
    """The values of one column of a collection, without the list around them.

    Args:
        choice: Column and branch.
        form: Form of the branch, a list per event.
        counter: The branch that it is compared with when it is read.
    """
    branch = str(choice.branch)
    if branch == counter.branch:
        source = _load(form)
    else:
        source = _matched(branch, form, counter.branch, counter.place, choice.column.repair)
    return _values(choice.column, branch, source, form["content"]["primitive"])


def scalar(choice: Choice, form: Form) -> Form:
    """One value per event."""
    return _values(choice.column, str(choice.branch), _load(form), form["primitive"])


def _values(what: Column, branch: str, source: str, primitive: str) -> Form:
    read = "!t3m_flag" if what.flag else "!t3m_content"
    numbers = _numpy(
        "bool" if what.flag else primitive,
        _program(source, read),
        _describe(what.doc, what.unit, f"branch {branch}"),
    )
    if not what.optional:
        return numbers
    sentinels = "|".join(repr(value) for value in what.missing)
    told = not what.flag and isinf(what.largest)
    return {
        "class": "ByteMaskedArray",
        "mask": "i8",
        "valid_when": True,
        "content": numbers,
        "parameters": {SENTINELS: list(what.missing)} if told else {},
        "form_key": _program(source, sentinels, repr(what.largest), "!t3m_present"),
    }


def constant(what: Constant, counter: Counter) -> Form:
    """The same number for every object of a collection."""
    key = _program(_load(counter.form), repr(what.value), "!t3m_constant")
    return _numpy("float64", key, _describe(what.doc, what.unit, "constant"))


def absent(what: Column, field: str, version: str, place: str) -> Form:
    """A column that raises when it is read, since its branch is not in the file."""
    key = _program("|".join(what.alternatives), field, version, place, "!t3m_absent")
    return _numpy("float64", key, _describe(what.doc, what.unit, "not in this file"))


def absent_list(values: Form) -> Form:
    """A list per event that raises when it is read; ``values`` is the form of :func:`absent`."""
    return {**values, "class": "ListOffsetArray", "offsets": "i64", "content": values}


def own_list(choice: Choice, form: Form, counter: str | None, place: str) -> Form:
    """A column with a list of its own, compared with the counter when its offsets are read.

    The contents cannot be used without the offsets, so the comparison there is enough.
    """
    branch = str(choice.branch)
    doc = _describe(choice.column.doc, choice.column.unit, f"branch {branch}")
    parameters = {**form.get("parameters", {}), "__doc__": doc}
    if counter is None or branch == counter:
        return {**form, "parameters": parameters}
    matched = _matched(branch, form, counter, place, Repair.NONE)
    return {**form, "parameters": parameters, "form_key": quote(matched)}


def plain_record(name: str, contents: Mapping[str, Form], doc: str, record: str | None = None) -> Form:
    """Fields side by side, one record per event or object."""
    parameters: dict[str, Any] = {"__doc__": doc}
    if record is not None:
        parameters["__record__"] = record
    return {
        "class": "RecordArray",
        "fields": list(contents),
        "contents": list(contents.values()),
        "parameters": parameters,
        "form_key": quote(f"!invalid,{name}"),
    }


def jagged_record(group: Group, contents: Mapping[str, Form], counter: Counter) -> Form:
    """A collection: a list per event of records, whose dotted columns are records of their own."""
    return {
        "class": "ListOffsetArray",
        "offsets": "i64",
        "content": _nested(group, "", contents),
        "parameters": {"__doc__": group.doc},
        "form_key": counter.form["form_key"],
    }


def _nested(group: Group, path: str, contents: Mapping[str, Form]) -> Form:
    heads = dict.fromkeys(name.partition(".")[0] for name in contents)
    fields: dict[str, Form] = {}
    for head in heads:
        below = {
            name.partition(".")[2]: form for name, form in contents.items() if name.partition(".")[0] == head
        }
        fields[head] = below[""] if "" in below else _nested(group, head, below)
    name = f"{group.name}.{path}" if path else group.name
    return plain_record(name, fields, group.doc if not path else name, group.records.get(path))


def _numpy(primitive: str, form_key: str, doc: str) -> Form:
    return {
        "class": "NumpyArray",
        "primitive": primitive,
        "inner_shape": [],
        "parameters": {"__doc__": doc},
        "form_key": form_key,
    }


def _describe(doc: str, unit: str, origin: str) -> str:
    return f"{doc} [{unit}] ({origin})" if unit else f"{doc} ({origin})"

"""T3MSchema: the branches of a T3M ntuple as events with candidates, muons, tracks, gen particles and trigger.

coffea builds the events from a *form*, which gives each field the key of a little program that reads it (see
:mod:`columnar_af.ntuples.t3m.transforms`). This module writes that form; it reads no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coffea.nanoevents.schemas.base import BaseSchema

from columnar_af.errors import SchemaError
from columnar_af.ntuples.t3m import forms, methods, objects, triplets
from columnar_af.ntuples.t3m.columns import Choice, Column, Group, choose
from columnar_af.ntuples.t3m.transforms import place_of
from columnar_af.ntuples.t3m.versions import NtupleVersion, recognise

Form = dict[str, Any]

RECORD_KEY = "t3m"
"""Parameter of the events' layout that holds the version, and what is missing or replaced."""


def groups_of(version: NtupleVersion) -> tuple[Group, ...]:
    """The collections that an ntuple of this version can have."""
    candidates = (
        (triplets.THREE_MUON_TRIPLET,) if version.has_three_muons else (triplets.DS_TRIPLET, objects.TRACK)
    )
    return (*candidates, objects.MUON, objects.GEN, objects.HLT_MUON, objects.HLT_MUON_SIGNAL)


OPTIONAL_GROUPS = ("gen", "hlt_muon", "hlt_muon_signal")
"""Collections that a file may lack; all others must be there."""


class T3MSchema(BaseSchema):
    """Schema of the trees ``Tree3Mu/ntuple`` and ``TreeMakerBkg/ntuple``, for every mode of coffea's NanoEvents.

    Fields of the events, in GeV, cm and radians; a sentinel of the ntuple is a missing value (None):

    - ``triplet``: candidates, with ``mass, pt, eta, phi, charge``, the legs ``mu1, mu2, track`` (or ``mu1, mu2, mu3``) and
      their refitted versions as Lorentz vectors, ``vertex``, ``refitted_pv``, flight distances and trigger matches;
    - ``muon``, ``track`` (not in three-muon trees), ``gen``, ``hlt_muon``, ``hlt_muon_signal``;
    - ``trigger``: ``hlt_name, hlt_decision, l1_name, l1_decision, l1_prescale``, a list each;
    - ``run, luminosity_block, event, n_pileup``;
    - every branch of the tree under its own name, as it is in the file.

    The doc of each field (``events.triplet.mass.layout.content.parameter("__doc__")`` or the ``fields`` function of this
    package) gives unit and branch. Lengths are compared when a column is read.

    A field whose branch every version has, and this file lacks, raises when it is read. In dask mode it is left out instead,
    and a length is compared as soon as branch and counter are both read: uproot computes every buffer whose branches it has.

    Args:
        base_form: Form of the tree, as coffea makes it.
        version: What coffea passes in dask mode, and in no other; its value means nothing here.

    Raises:
        SchemaError: The tree is no T3M ntuple, or a branch that counts a collection is missing or no list.
    """

    __dask_capable__ = True

    def __init__(self, base_form: Form, version: str | None = None) -> None:
        super().__init__(base_form)
        branches = dict(zip(self._form["fields"], self._form["contents"], strict=True))
        place = place_of(self._form["parameters"]["metadata"] or {})
        builder = _Builder(branches, place, dask=version is not None)
        fields = builder.events() | {
            name: form for name, form in branches.items() if name not in builder.made
        }
        self._form["fields"] = list(fields)
        self._form["contents"] = list(fields.values())
        self._form["parameters"][RECORD_KEY] = builder.record()

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """coffea's NanoEvents with Lorentz vectors and candidates."""
        return methods.behavior


class _Builder:
    """Writes the form of one file's events, and notes what it could not find."""

    def __init__(self, branches: Mapping[str, Form], place: str, *, dask: bool) -> None:
        self.branches = branches
        self.place = place
        self.dask = dask
        self.version = recognise(branches.keys())
        self.missing: dict[str, str] = {}
        self.fall_backs: dict[str, str] = {}
        self.made: set[str] = set()

    def events(self) -> dict[str, Form]:
        """All structured fields."""
        fields = {group.name: form for group in groups_of(self.version) if (form := self._group(group))}
        fields["trigger"] = self._trigger()
        fields |= self._scalars()
        if self.version.has_three_muons:
            self.missing["track"] = f"the ntuple has no tracks ({self.version} layout)"
        self._note_failure_only()
        self.made = set(fields)
        return fields

    def record(self) -> dict[str, Any]:
        """What is stored with the events."""
        return {"version": self.version.name, "missing": self.missing, "fall_backs": self.fall_backs}

    def _group(self, group: Group) -> Form | None:
        if group.counter not in self.branches:
            self._no_group(group)
            return None
        counter = forms.Counter(group.counter, self._list_form(group.counter), self.place)
        contents: dict[str, Form] = {}
        for choice in self._choices(f"{group.name}.", group.columns):
            if choice.branch is not None:
                contents[choice.column.name] = forms.column(choice, self._list_form(choice.branch), counter)
            elif choice.column.required:
                name = f"{group.name}.{choice.column.name}"
                contents[choice.column.name] = forms.absent(
                    choice.column, name, str(self.version), self.place
                )
        made = {c.name for c in group.constants if _parent_has_fields(c.name, contents)}
        contents |= {c.name: forms.constant(c, counter) for c in group.constants if c.name in made}
        return forms.jagged_record(group, contents, counter)

    def _trigger(self) -> Form:
        contents: dict[str, Form] = {}
        choices = {choice.column.name: choice for choice in self._choices("trigger.", objects.TRIGGER)}
        for name, choice in choices.items():
            if choice.branch is None:
                if self._raises(choice.column):
                    contents[name] = forms.absent_list(self._absent(choice.column, "trigger."))
                continue
            decision = choices[f"{name.partition('_')[0]}_decision"].branch
            form = self._list_form(choice.branch)
            contents[name] = forms.own_list(choice, form, decision, self.place)
        return forms.plain_record("trigger", contents, "trigger names and decisions, a list each")

    def _scalars(self) -> dict[str, Form]:
        fields: dict[str, Form] = {}
        for choice in self._choices("", objects.SCALARS):
            if choice.branch is not None:
                fields[choice.column.name] = forms.scalar(choice, self.branches[choice.branch])
            elif self._raises(choice.column):
                fields[choice.column.name] = self._absent(choice.column, "")
        return fields

    def _raises(self, column: Column) -> bool:
        """Whether a column without branch gets a field, which raises when it is read."""
        return column.required and not self.dask

    def _absent(self, column: Column, prefix: str) -> Form:
        return forms.absent(column, f"{prefix}{column.name}", str(self.version), self.place)

    def _choices(self, prefix: str, columns: tuple[Column, ...]) -> list[Choice]:
        choices = list(choose(columns, self.branches.keys()))
        for choice in choices:
            field = f"{prefix}{choice.column.name}"
            if choice.branch is None:
                self.missing[field] = self._reason(choice.column)
            elif choice.falls_back:
                self.fall_backs[field] = (
                    f"branch {choice.branch} is read in place of {choice.column.branch}, which is not in this ntuple "
                    f"({self.version} layout): {choice.column.why}"
                )
        return choices

    def _reason(self, column: Column) -> str:
        names = column.alternatives
        verb = "branch" if len(names) == 1 else "none of the branches"
        is_not = "is not" if len(names) == 1 else "is"
        return f"{verb} {', '.join(names)} {is_not} in this ntuple ({self.version} layout)"

    def _no_group(self, group: Group) -> None:
        reason = f"branch {group.counter} is not in this ntuple ({self.version} layout)"
        if group.name not in OPTIONAL_GROUPS:
            msg = f"{reason}; it counts the objects of events.{group.name}"
            raise SchemaError(msg, advice="make the ntuple with this branch, or name another schema")
        self.missing[group.name] = reason

    def _note_failure_only(self) -> None:
        for field, branches in triplets.FAILURE_ONLY.items():
            found = [branch for branch in branches if branch in self.branches]
            if found:
                what = f"branch {found[0]} is filled for some triplets only, so its values belong to no triplet; "
                self.missing[field] = what + f"it is there as events.{found[0]}"
            else:
                self.missing[field] = f"branch {branches[0]} is not in this ntuple ({self.version} layout)"

    def _list_form(self, branch: str) -> Form:
        form = self.branches[branch]
        if not form["class"].startswith("ListOffset"):
            msg = f"branch {branch} holds one value per event; expected a list per event ({self.version} layout)"
            raise SchemaError(msg, advice="name the schema of this ntuple")
        return form


def _parent_has_fields(path: str, contents: Mapping[str, Form]) -> bool:
    """Whether the record that a constant belongs to exists."""
    parent = path.rpartition(".")[0]
    return not parent or any(name.startswith(f"{parent}.") for name in contents)

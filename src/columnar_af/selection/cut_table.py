"""The cuts of many regions as a table: each cut once, and the regions as the branches of a tree that begin together.

Cuts have stages. In a pass that only asks which events are in which region, a branch goes through the cuts of its region in the
order of their stages, so that what is cheap comes first, and what is dear is asked for only where the cheap cuts leave a question.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from columnar_af.selection.cut_expressions import (
    SWAPPED,
    All,
    Comparison,
    Expression,
    names_of,
)
from columnar_af.selection.cut_renaming import renamed
from columnar_af.selection.regions import RegionSet

ROOT = 0
"""Number of the node that all branches begin with: all events."""


@dataclass(frozen=True)
class Cut:
    """A cut that regions have in common, whatever they call it.

    Attributes:
        expression: What passes.
        names: Its variables.
        partial: Those of them that are computed only for events that ask for them.
        stage: Of its latest variable.
    """

    expression: Expression
    names: tuple[str, ...]
    partial: tuple[str, ...]
    stage: int


@dataclass(frozen=True)
class Node:
    """Events that pass a cut, of those that pass what is before it.

    Attributes:
        parent: Number of the node before it.
        cut: Number of the cut.
    """

    parent: int
    cut: int


@dataclass(frozen=True)
class Step:
    """What is done in a stage.

    Attributes:
        asking: Nodes from earlier stages whose events may still be in a region.
        partial: Partial variable -> nodes from earlier stages whose events ask for it.
        nodes: Numbers of the nodes of this stage, each after its parent.
    """

    asking: tuple[int, ...]
    partial: Mapping[str, tuple[int, ...]]
    nodes: tuple[int, ...]


@dataclass(frozen=True)
class CutTable:
    """The cuts of regions.

    Attributes:
        cuts: Each cut once.
        rows: Region -> the numbers of its cuts, in the order of the region.
        nodes: The nodes of the tree; the first is :data:`ROOT`, and has no cut.
        leaves: Region -> the node whose events are in it.
        steps: What is done, stage by stage.
    """

    cuts: tuple[Cut, ...]
    rows: Mapping[str, tuple[int, ...]]
    nodes: tuple[Node, ...]
    leaves: Mapping[str, int]
    steps: tuple[Step, ...]

    @classmethod
    def of(
        cls,
        regions: RegionSet,
        partial: Collection[str],
        stages: Mapping[str, int],
        bounds: Mapping[str, str],
    ) -> CutTable:
        """The table of some regions.

        Args:
            regions: The regions.
            partial: Variables that are computed only for events that ask for them.
            stages: Variable -> its stage, from 0, which is that of all others.
            bounds: Variable -> the variable that it never exceeds. What must exceed a number is looked for among the events
                where the bound does.
        """
        numbers: dict[Expression, int] = {}
        rows = {
            region.name: tuple(numbers.setdefault(cut.expression, len(numbers)) for cut in region.cuts)
            for region in regions
        }
        weaker = {
            number: [numbers.setdefault(each, len(numbers)) for each in bounded(expression, bounds)]
            for expression, number in list(numbers.items())
        }
        cuts = tuple(_cut(expression, partial, stages) for expression in numbers)
        paths = {}
        for name, row in rows.items():
            path = dict.fromkeys(each for number in row for each in (*weaker[number], number))
            paths[name] = sorted(path, key=lambda number: cuts[number].stage)
        nodes: dict[Node, int] = {Node(-1, -1): ROOT}
        branches = {name: _branch(path, nodes) for name, path in paths.items()}
        listed = tuple(nodes)
        leaves = {name: branch[-1] for name, branch in branches.items()}
        return cls(cuts, rows, listed, leaves, _steps(cuts, listed, branches.values()))


def bounded(expression: Expression, bounds: Mapping[str, str]) -> Iterator[Expression]:
    """What passes an expression passes these, too: variables that must exceed a number are replaced by their bounds."""
    if isinstance(expression, All):
        for part in expression.parts:
            yield from bounded(part, bounds)
    if not isinstance(expression, Comparison):
        return
    left, operator, right = expression.left, expression.operator, expression.right
    if operator in ("<", "<="):
        left, operator, right = right, SWAPPED[operator], left
    is_single = left.names and str(left) == left.names[0]
    if operator in (">", ">=") and is_single and not right.names and left.names[0] in bounds:
        yield renamed(Comparison(left, operator, right), bounds)


def _cut(expression: Expression, partial: Collection[str], stages: Mapping[str, int]) -> Cut:
    names = names_of(expression)
    asked = tuple(name for name in names if name in partial)
    return Cut(expression, names, asked, max((stages.get(name, 0) for name in names), default=0))


def _branch(path: Iterable[int], nodes: dict[Node, int]) -> list[int]:
    """Numbers of the nodes from the root along the cuts; new nodes are added."""
    branch = [ROOT]
    for cut in path:
        branch.append(nodes.setdefault(Node(branch[-1], cut), len(nodes)))
    return branch


def _steps(
    cuts: Sequence[Cut], nodes: Sequence[Node], branches: Collection[Sequence[int]]
) -> tuple[Step, ...]:
    stages = [-1, *(cuts[node.cut].stage for node in nodes[1:])]
    steps = []
    for stage in sorted(set(stages[1:])):
        asking: dict[int, None] = {}
        partial: dict[str, dict[int, None]] = {}
        for branch in branches:
            before = [number for number in branch if stages[number] < stage][-1]
            asking[before] = None
            for number in branch:
                for name in cuts[nodes[number].cut].partial if stages[number] == stage else ():
                    partial.setdefault(name, {})[before] = None
        here = tuple(number for number, each in enumerate(stages) if each == stage)
        steps.append(Step(tuple(asking), {name: tuple(each) for name, each in partial.items()}, here))
    return tuple(steps)

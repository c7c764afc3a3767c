"""The language of cuts: comparisons of sums of variables, joined by ``and``, ``or`` and ``not``. Parsed, never executed.

::

    expression  = term { "or" term }
    term        = factor { "and" factor }
    factor      = "not" factor | "(" expression ")" | comparison | flag
    comparison  = side operator side [ operator side ]        110 <= m_t2_ll < 120
    side        = sum | "|" sum "|"                           |m_ll - 91.2 GeV| > 20 GeV
    sum         = [ "-" ] part { ( "+" | "-" ) part }         0.9 * cos_theta_b + 1.6
    part        = number [ unit ] | [ number "*" ] variable
    operator    = "<" | "<=" | ">" | ">=" | "==" | "!="

``not`` is moved inwards to the comparisons when an expression is parsed. A missing value (NaN) makes every comparison
false, and no ``not`` is left to make it true: what is missing passes no cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Operator = Literal["<", "<=", ">", ">=", "==", "!="]

NEGATED: Mapping[str, Operator] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
SWAPPED: Mapping[str, Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}

UNITS = ("GeV", "rad")
"""Units that a number may carry; quantities without one carry none."""


class CutError(ValueError):
    """An expression that means nothing.

    Args:
        message: What is wrong and what was expected.
        position: Where in the expression, from 0.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(frozen=True)
class Variable:
    """What a cut may use.

    Attributes:
        kind: ``number``, ``count`` (whole numbers from 0) or ``flag`` (true or false).
        unit: One of :data:`UNITS`, or empty.
    """

    kind: Literal["number", "count", "flag"] = "number"
    unit: str = ""


@dataclass(frozen=True)
class Part:
    """A number, or a variable times a number. ``factor`` is None where a variable stands alone."""

    name: str | None
    factor: float | None
    unit: str = ""
    position: int = field(default=0, compare=False)
    sign: int = 1

    def __str__(self) -> str:
        if self.name is None:
            return f"{self.factor:g}"
        return self.name if self.factor is None else f"{self.factor:g} * {self.name}"


@dataclass(frozen=True)
class Sum:
    """The parts from left to right, or the absolute value of their sum."""

    parts: tuple[Part, ...]
    absolute: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, in order."""
        return tuple(part.name for part in self.parts if part.name is not None)

    def __str__(self) -> str:
        text = ""
        for index, part in enumerate(self.parts):
            sign = "- " if part.sign < 0 else "+ "
            text += f"{' ' if index else ''}{sign if index or part.sign < 0 else ''}{part}"
        return f"|{text}|" if self.absolute else text


@dataclass(frozen=True)
class Comparison:
    """Two sums compared."""

    left: Sum
    operator: Operator
    right: Sum

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True)
class Flag:
    """A variable that is true, or shall not be."""

    name: str
    wanted: bool = True
    position: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return self.name if self.wanted else f"not {self.name}"


@dataclass(frozen=True)
class All:
    """Every one of its parts."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, Any) else str(part) for part in self.parts)


@dataclass(frozen=True)
class Any:
    """At least one of its parts."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " or ".join(str(part) for part in self.parts)


Atom = Comparison | Flag
Expression = Atom | All | Any


def atoms_of(expression: Expression) -> Iterator[Atom]:
    """The comparisons and flags of an expression, from left to right."""
    if isinstance(expression, All | Any):
        for part in expression.parts:
            yield from atoms_of(part)
    else:
        yield expression


def names_of(expression: Expression) -> tuple[str, ...]:
    """The variables of an expression, each once, in order."""
    names: list[str] = []
    for atom in atoms_of(expression):
        names += [atom.name] if isinstance(atom, Flag) else [*atom.left.names, *atom.right.names]
    return tuple(dict.fromkeys(names))


def negated(expression: Expression) -> Expression:
    """What is true where ``expression`` is false, except for missing values."""
    if isinstance(expression, Flag):
        return Flag(expression.name, not expression.wanted, expression.position)
    if isinstance(expression, Comparison):
        return Comparison(expression.left, NEGATED[expression.operator], expression.right)
    other = Any if isinstance(expression, All) else All
    return other(tuple(negated(part) for part in expression.parts))


TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z_]\w*)|(?P<sign><=|>=|==|!=|[<>+*()|-]))"
)
OPERATORS = tuple(NEGATED)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    end = len(text.rstrip())
    while position < end:
        match = TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            msg = f"{text[start]!r} is not part of the language of cuts"
            raise CutError(msg, start)
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        position = match.end()
    return [*tokens, _Token("end", "the end", end)]


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.index = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.index]

    def take(self, *texts: str) -> str | None:
        """The next token, if it is one of these."""
        if self.token.kind != "end" and self.token.text in texts:
            self.index += 1
            return self.tokens[self.index - 1].text
        return None

    def fail(self, expected: str) -> CutError:
        return CutError(f"expected {expected}, found {self.token.text!r}", self.token.position)

    def expect(self, text: str) -> None:
        if self.take(text) is None:
            raise self.fail(repr(text))

    def expression(self) -> Expression:
        parts = [self.term()]
        while self.take("or"):
            parts.append(self.term())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def term(self) -> Expression:
        parts = [self.factor()]
        while self.take("and"):
            parts.append(self.factor())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def factor(self) -> Expression:
        if self.take("not"):
            return negated(self.factor())
        if self.take("("):
            inside = self.expression()
            self.expect(")")
            return inside
        return self.comparison()

    def comparison(self) -> Expression:
        start = self.token.position
        left = self.side()
        operator = self.operator()
        if operator is None:
            return self.flag(left, start)
        middle = self.side()
        first = Comparison(left, operator, middle)
        position = self.token.position
        second = self.operator()
        if second is None:
            return first
        if second[0] != operator[0] or second[0] not in "<>":
            msg = f"a chain needs two operators of the same direction, this one has {operator} and {second}"
            raise CutError(msg, position)
        return All((first, Comparison(middle, second, self.side())))

    def operator(self) -> Operator | None:
        text = self.take(*OPERATORS)
        return NEGATED[NEGATED[text]] if text else None

    def flag(self, side: Sum, position: int) -> Flag:
        alone = side.parts[0]
        if len(side.parts) > 1 or side.absolute or alone.name is None or alone.factor is not None:
            expected = "a comparison such as '> 10'"
            raise self.fail(expected)
        return Flag(alone.name, position=position)

    def side(self) -> Sum:
        if self.take("|"):
            inside = self.sum()
            self.expect("|")
            return Sum(inside, absolute=True)
        return Sum(self.sum())

    def sum(self) -> tuple[Part, ...]:
        parts = [self.part(-1 if self.take("-") else 1)]
        while sign := self.take("+", "-"):
            parts.append(self.part(-1 if sign == "-" else 1))
        return tuple(parts)

    def part(self, sign: int) -> Part:
        token = self.token
        if token.kind == "number":
            self.index += 1
            number = float(token.text)
            if self.take("*"):
                return Part(self.name(), number, position=token.position, sign=sign)
            unit = ""
            if self.token.kind == "word" and self.token.text not in ("and", "or"):
                unit = self.unit()
            return Part(None, number, unit, token.position, sign)
        return Part(self.name(), None, position=token.position, sign=sign)

    def unit(self) -> str:
        unit = self.take(*UNITS)
        if unit is None:
            expected = f"a unit ({', '.join(UNITS)}) or an operator after a number"
            raise self.fail(expected)
        return unit

    def name(self) -> str:
        token = self.token
        if token.kind != "word" or token.text in ("and", "or", "not", *UNITS):
            expected = "a variable or a number"
            raise self.fail(expected)
        self.index += 1
        return token.text


def parse(text: str, variables: Mapping[str, Variable]) -> Expression:
    """The expression of a cut, with its variables, their kinds and units checked.

    Args:
        text: The cut.
        variables: What a cut may use.

    Raises:
        CutError: With the position of what is wrong.
    """
    parser = _Parser(text)
    try:
        expression = parser.expression()
    except RecursionError as error:
        msg = "the expression is nested too deeply"
        raise CutError(msg, 0) from error
    if parser.token.kind != "end":
        expected = "'and', 'or' or the end"
        raise parser.fail(expected)
    for atom in atoms_of(expression):
        _check(atom, variables)
    return expression


def _check(atom: Atom, variables: Mapping[str, Variable]) -> None:
    if isinstance(atom, Flag):
        if _known(atom.name, atom.position, variables).kind != "flag":
            msg = f"{atom.name} is a number; expected a comparison such as '{atom.name} > 10'"
            raise CutError(msg, atom.position)
        return
    parts = (*atom.left.parts, *atom.right.parts)
    if not any(part.name for part in parts):
        msg = "a comparison of numbers without a variable cuts on nothing"
        raise CutError(msg, parts[0].position)
    units: dict[str, Part] = {}
    for part in parts:
        unit = _unit(part, variables)
        if unit is not None:
            units.setdefault(unit, part)
    if len(units) > 1:
        (one, first), (other, second) = list(units.items())[:2]
        msg = f"{first} {_in_words(one)} and {second} {_in_words(other)}; they do not compare"
        raise CutError(msg, second.position)


def _known(name: str, position: int, variables: Mapping[str, Variable]) -> Variable:
    if name not in variables:
        import difflib  # noqa: PLC0415  (for the message only)

        near = difflib.get_close_matches(name, variables, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        msg = f"there is no variable {name!r}{hint}"
        raise CutError(msg, position)
    return variables[name]


def _unit(part: Part, variables: Mapping[str, Variable]) -> str | None:
    """The unit of a part of a sum; None for a number without one, or a product, whose number may have any."""
    if part.name is None:
        return part.unit or None
    variable = _known(part.name, part.position, variables)
    if variable.kind == "flag":
        msg = f"{part.name} is true or false; it cannot be compared with a number"
        raise CutError(msg, part.position)
    return None if part.factor is not None else variable.unit


def _in_words(unit: str) -> str:
    return f"is in {unit}" if unit else "has no unit"

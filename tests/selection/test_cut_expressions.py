"""The language of cuts: what it means, what it refuses, and that it agrees with Python's own arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.selection.cut_expressions import CutError, Variable, names_of, negated, parse
from columnar_af.selection.cut_passing import passes

VARIABLES = {
    "m": Variable("number", "GeV"),
    "p": Variable("number", "GeV"),
    "x": Variable(),
    "phi": Variable("number", "rad"),
    "n": Variable("count"),
    "f": Variable("flag"),
    "g": Variable("flag"),
}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("m > 10", "m > 10"),
        ("m > 10 GeV", "m > 10"),
        ("not f and n >= 2", "not f and n >= 2"),
        ("not (f and g)", "not f or not g"),
        ("not (f or n == 2)", "not f and n != 2"),
        ("110 <= m < 120 GeV", "110 <= m and m < 120"),
        ("|m - 91.2 GeV| > 20 GeV or not f", "|m - 91.2| > 20 or not f"),
        ("phi > 0.9 * x + 1.6", "phi > 0.9 * x + 1.6"),
        ("f or g and n > 0", "f or g and n > 0"),
        ("(f or g) and n > 0", "(f or g) and n > 0"),
        ("m > 1e2", "m > 100"),
    ],
)
def test_what_is_written_is_what_is_meant(text, meaning):
    assert str(parse(text, VARIABLES)) == meaning


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("q > 3", "no variable 'q'", 0),
        ("m > 10 rad", "m is in GeV and 10 is in rad", 4),
        ("x > 5 GeV", "x has no unit and 5 is in GeV", 4),
        ("m > x", "m is in GeV and x has no unit", 4),
        ("m > 5 TeV", "a unit (GeV, rad) or an operator", 6),
        ("m => 3", "'=' is not part of the language", 2),
        ("m >> 3", "found '>'", 3),
        ("(m > 3", "expected ')', found 'the end'", 6),
        ("m > 3 and", "expected a variable or a number", 9),
        ("1 < m > 3", "same direction", 6),
        ("1 == m == 3", "same direction", 7),
        ("3 < 5", "cuts on nothing", 0),
        ("m", "m is a number", 0),
        ("f > 2", "f is true or false", 0),
        ("m + f > 2", "f is true or false", 4),
        ("m > 2 m < 3", "a unit", 6),
        ("__import__('os')", "is not part of the language", 11),
        ("m.real > 2", "'.' is not part", 1),
        ("", "expected a variable or a number", 0),
    ],
)
def test_what_means_nothing_is_refused_where_it_stands(text, message, position):
    with pytest.raises(CutError) as caught:
        parse(text, VARIABLES)
    assert message in caught.value.message
    assert caught.value.position == position


NUMBERS = st.one_of(st.floats(-50, 50), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 5.0]))


@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 4), st.booleans(), st.booleans()), max_size=20))
def test_arithmetic_is_that_of_python_and_what_is_missing_passes_nothing(rows):
    values = {
        "m": np.array([row[0] for row in rows]), "x": np.array([row[1] for row in rows]),
        "n": np.array([row[2] for row in rows], dtype=np.int64),
        "f": np.array([row[3] for row in rows], dtype=bool), "g": np.array([row[4] for row in rows], dtype=bool),
        "phi": np.array([row[1] for row in rows]),
    }  # fmt: skip

    def known(*numbers):
        return not any(math.isnan(number) for number in numbers)

    expected = {
        "m > 5": lambda m, x, n, f, g: m > 5,
        "not m > 5": lambda m, x, n, f, g: known(m) and not m > 5,
        "m != 5": lambda m, x, n, f, g: known(m) and m != 5,
        "not (m == 5)": lambda m, x, n, f, g: known(m) and m != 5,
        "|m - 3| > 2 or not f": lambda m, x, n, f, g: abs(m - 3) > 2 or not f,
        "not (|m - 3| > 2 and f)": lambda m, x, n, f, g: (known(m) and not abs(m - 3) > 2) or not f,
        "phi >= 0.9 * x + 1.6": lambda m, x, n, f, g: x >= 0.9 * x + 1.6,
        "-x < 5 and n > 1": lambda m, x, n, f, g: -x < 5 and n > 1,
        "1 < n <= 3": lambda m, x, n, f, g: 1 < n <= 3,
        "not (f and g) or n == 2": lambda m, x, n, f, g: not (f and g) or n == 2,
    }
    for text, python in expected.items():
        expression = parse(text, VARIABLES)
        wanted = [bool(python(*row)) for row in rows]
        assert passes(expression, {name: values[name] for name in names_of(expression)}).tolist() == wanted, (
            text
        )


def test_negating_twice_gives_the_same():
    expression = parse("f and (|m| > 5 or n != 2) and not g", VARIABLES)
    assert negated(negated(expression)) == expression

"""Regions from YAML: what they hold, what is refused with its line, and that they exclude each other."""

from __future__ import annotations

import pytest

from columnar_af.declarations.located import parse as parse_yaml
from columnar_af.errors import ConfigError
from columnar_af.selection import cut_intervals
from columnar_af.selection.cut_expressions import Variable, parse
from columnar_af.selection.region_file import regions_of

VARIABLES = {
    "met": Variable("number", "GeV"),
    "r_2l": Variable(),
    "phi": Variable("number", "rad"),
    "n": Variable("count"),
    "sf": Variable("flag"),
}
TEXT = """\
publications: {P: "a paper"}
histograms:
  met: {bins: 10, range: [0, 100], label: "met [GeV]"}
selections:
  common:
    - {cut: "n == 2", source: paper, verified: true}
regions:
  A:
    title: a
    publication: P
    objects: 139fb
    kind: signal
    begins_with: common
    cuts:
      - {cut: "r_2l > 25", source: memory, verified: false}
      - {cut: "met > 400 GeV", source: paper, verified: true}
    histograms: [met]
  B:
    title: b
    publication: P
    objects: 139fb
    kind: control
    begins_with: [common]
    cuts:
      - {cut: "r_2l <= 25", source: paper, verified: true}
exclusive:
  - [A, B]
"""


def load(text):
    return regions_of(parse_yaml(text, "regions.yaml"), VARIABLES, ("139fb", "36fb"))


def test_a_region_holds_its_cuts_in_order_and_what_is_not_verified():
    regions = load(TEXT)
    region = regions["A"]
    assert [cut.name for cut in region.cuts] == ["n", "r_2l", "met"]
    assert region.preselection == 1
    assert region.blinded
    assert not regions["B"].blinded
    assert region.remark == "threshold not verified: r_2l"
    assert regions.remarks == {"A": "threshold not verified: r_2l"}
    assert regions["B"].verified
    assert set(region.n_minus_1) == {"met"}
    assert regions.checked_on_events == ()
    assert region.cuts[1].place.line == 15


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("r_2l > 25", "r2l > 25", 15, "no variable 'r2l'; did you mean r_2l?"),
        ("r_2l > 25", "r_2l => 25", 15, "'=' is not part of the language"),
        ("met > 400 GeV", "met > 400 rad", 16, "met is in GeV and 400 is in rad"),
        ("kind: signal", "kind: signl", 12, "did you mean signal?"),
        ("    title: a\n", "    titlex: a\n", 9, "unknown key 'titlex'; did you mean title?"),
        ("publication: P", "publication: Q", 10, "'Q' is none of P"),
        ("objects: 139fb", "objects: 140fb", 11, "did you mean 139fb?"),
        ("begins_with: common", "begins_with: commonx", 13, "did you mean common?"),
        ("histograms: [met]", "histograms: [mett]", 17, "did you mean met?"),
        ("  met: {bins", "  mett: {bins", 3, "no variable 'mett' to draw"),
        ("range: [0, 100]", "range: [100, 0]", 3, "expected two rising numbers"),
        ("bins: 10", "bins: 0", 3, "expected one or more"),
        ("[A, B]", "[A, C]", 27, "'C' is none of A, B"),
        ("[A, B]", "[A, A]", 27, "twice in a group"),
        ("r_2l <= 25", "r_2l > 25", 27, "A (line 8) and B (line 18) shall exclude each other"),
        ("met > 400 GeV", "n > 2", 16, "two cuts named 'n', on lines 6 and 16"),
        ("met > 400 GeV", "r_2l < 25", 16, "two cuts named 'r_2l'"),
        ('- {cut: "met > 400 GeV",', '- {name: x, cut: "r_2l < 25",', 16, "no event can pass 'r_2l < 25'"),
        ('- {cut: "met > 400 GeV",', '- {name: x, cut: "n != 2",', 16, "no event can pass 'n != 2'"),
        ("verified: false", "verified: maybe", 15, "expected true or false"),
        (", verified: false", "", 15, "the key 'verified' is missing"),
        ("    kind: control\n", "    kind: control\n    kind: signal\n", 23, "the key 'kind' appears twice in the same mapping, first in line 22"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_line(old, new, line, message):
    assert old in TEXT
    with pytest.raises(ConfigError) as caught:
        load(TEXT.replace(old, new, 1))
    text = str(caught.value)
    assert message in text
    lines = {line, 8, 9} if "no event" in message or "two cuts" in message else {line}
    assert any(f"regions.yaml, line {number}:" in text or f"line {number})" in text for number in lines), text


def test_the_place_in_the_line_is_marked():
    with pytest.raises(ConfigError) as caught:
        load(TEXT.replace("r_2l > 25", "r_2l > 25 GeV"))
    shown = str(caught.value).splitlines()
    assert shown[1].startswith('   15 |       - {cut: "r_2l > 25 GeV"')
    assert shown[2].index("^") == shown[1].index("25 GeV")


def test_what_is_not_proven_is_checked_on_events():
    other = TEXT.replace('cut: "r_2l <= 25"', 'cut: "met < 500 GeV"').replace('"met > 400 GeV"', '"phi > 1"')
    assert load(other).checked_on_events == (("A", "B"),)


def boxes(*texts):
    return cut_intervals.boxes([parse(text, VARIABLES) for text in texts], VARIABLES)


@pytest.mark.parametrize(
    ("first", "second", "exclusive"),
    [
        ("met < 10", "met >= 10", True),
        ("met <= 10", "met >= 10", False),
        ("n == 0", "n >= 1", True),
        ("n < 1", "n > 0", True),
        ("0 < n < 2", "n != 1", True),
        ("sf", "not sf", True),
        ("phi > 0.9 * r_2l + 1.6", "phi <= 0.9 * r_2l + 1.6", True),
        ("2 * phi > 1.8 * r_2l + 3.2", "phi - 0.9 * r_2l <= 1.6", True),
        ("phi > 0.9 * r_2l + 1.6", "phi <= 0.8 * r_2l + 1.6", False),
        ("|met - 91.2| > 20", "|met - 91.2| < 20", True),
        ("|met - 91.2| > 20 or not sf", "|met - 91.2| < 10 and sf", True),
        ("|met - 91.2| > 20 or not sf", "|met - 91.2| < 10", False),
        ("met > 5 or r_2l > 5", "met <= 5 and r_2l <= 5", True),
    ],
)
def test_interval_analysis(first, second, exclusive):
    assert cut_intervals.exclude(boxes(first), boxes(second)) is exclusive
    assert cut_intervals.exclude(boxes(second), boxes(first)) is exclusive
    if exclusive:
        assert not cut_intervals.overlap(boxes(first), boxes(second))


def test_contradictions_are_found():
    assert boxes("met > 10", "met < 5") == ()
    assert boxes("n > 0", "n < 1") == ()
    assert boxes("met > 10", "met <= 10 or sf", "not sf") == ()
    assert boxes("met > 10", "met < 20") != ()


def test_only_the_regions_that_are_asked_for():
    regions = load(TEXT).only(["B"])
    assert regions.names == ("B",)
    with pytest.raises(ConfigError, match="there is no region 'C'"):
        load(TEXT).only(["C"])


def test_a_cut_that_is_a_flag_can_be_left_out():
    text = TEXT.replace(
        "selections:\n  common:\n", "selections:\n  common:\n    - {cut: sf, source: s, verified: true}\n"
    )
    regions = load(text)
    assert regions["A"].preselection == 2
    assert [cut.name for cut in regions.without("sf")["A"].cuts] == ["n", "r_2l", "met"]
    assert regions.without("sf")["A"].preselection == 1

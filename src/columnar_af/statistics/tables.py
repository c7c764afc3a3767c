"""Yields and limits on screen, in LaTeX and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from columnar_af.results.tables import latex_escape
from columnar_af.statistics.fitting import Expectation
from columnar_af.statistics.limits import Discovery, UpperLimit
from columnar_af.statistics.study import Study
from columnar_af.statistics.table_width import fitted
from columnar_af.statistics.uncertainties import band
from columnar_af.statistics.variations import NOMINAL
from columnar_af.statistics.yields import Region, YieldTable

NONE = "–"
UNVERIFIED = "*"
BLINDED, NO_DATA, FAILED = "blinded", "no data", "FAILED"

Rows = list[list[str]]
"""The first row is the heading."""

WIDTH = 300
"""Of a table as plain text; wider than any table of ours, so that no line is broken."""


def number(value: float | None, digits: int = 4) -> str:
    """A number with some digits; a dash for none."""
    return NONE if value is None or math.isnan(value) else f"{value:.{digits}g}"


def with_error(value: float, error: float) -> str:
    """A value with as many decimals as its error asks for: two digits of it."""
    if not (error > 0 and math.isfinite(error)):
        return f"{value:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    rounded = round(value, decimals) + 0.0  # no -0.0
    return f"{rounded:.{decimals}f} ± {error:.{decimals}f}"


def region_title(region: Region) -> str:
    """The name, with a star where its thresholds are not verified."""
    return region.name if region.verified else region.name + UNVERIFIED


def _observed(table: YieldTable, region: Region) -> str:
    if region.name in table.observed:
        return f"{float(table.observed[region.name].sum()):g}"
    return BLINDED if region.blinded else NO_DATA


def yield_rows(table: YieldTable, samples: Iterable[str] = ()) -> Rows:
    """Samples below one another, regions beside one another; uncertainties are statistics and variations together.

    Args:
        table: Yields.
        samples: Names of the samples that are shown; all where none is given. The background is always that of all.
    """
    rows = [["", *(region_title(region) for region in table.regions)]]
    rows.append(["observed", *(_observed(table, region) for region in table.regions)])
    rows.append(["background", *(_expected(table, region, None) for region in table.regions)])
    rows += [
        [sample, *(_expected(table, region, sample) for region in table.regions)]
        for sample in tuple(samples) or (*table.backgrounds, *table.signals)
    ]
    return rows


def _expected(table: YieldTable, region: Region, sample: str | None) -> str:
    if sample is not None and not table.has(region.name, sample):
        return NONE
    content = band(table, region.name, sample)
    variance = float((content.statistical**2).sum())
    # Variations move all bins together, so their changes add up over the bins before they are squared; for a counted
    # region this is the same. Shapes are summed as if each bin moved alike, which is the larger of the two.
    systematic = float(max(content.up.sum(), content.down.sum()))
    return with_error(float(content.nominal.sum()), math.hypot(math.sqrt(variance), systematic))


def variation_rows(table: YieldTable, regions: Iterable[str] = (), samples: Iterable[str] = ()) -> Rows:
    """One row per region, sample and variation: yield, statistical error, events, change relative to nominal."""
    rows = [["region", "sample", "variation", "yield", "events", "relative change"]]
    for region, sample, variation in _keys(table, regions, samples):
        found, nominal = table[region.name, sample, variation], table[region.name, sample, NOMINAL]
        change = (
            NONE
            if variation == NOMINAL or not nominal.value
            else f"{100 * (found.value / nominal.value - 1):+.2f} %"
        )
        raw = NONE if math.isnan(found.raw) else f"{found.raw:g}"
        rows.append(
            [region_title(region), sample, variation, with_error(found.value, found.error), raw, change]
        )
    return rows


def _keys(
    table: YieldTable, regions: Iterable[str], samples: Iterable[str] = ()
) -> Iterator[tuple[Region, str, str]]:
    chosen = tuple(samples)
    names = tuple(regions) or tuple(region.name for region in table.regions)
    for name in names:
        region = table.region(name)
        for sample in (one for one in table.samples if not chosen or one.name in chosen):
            for variation in (NOMINAL, *table.variations):
                if (name, sample.name, variation) in table.templates:
                    yield region, sample.name, variation


def yields_csv(table: YieldTable) -> str:
    """All yields, observed ones too, with all their digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["region", "verified", "sample", "variation", "value", "variance", "raw"])
    for region in table.regions:
        verified = str(region.verified).lower()
        counts = table.observed.get(region.name)
        value = BLINDED if region.blinded else NO_DATA if counts is None else repr(float(counts.sum()))
        writer.writerow([region.name, verified, "data", "", value, "", ""])
    for region, sample, variation in _keys(table, ()):
        found = table[region.name, sample, variation]
        raw = "" if math.isnan(found.raw) else repr(found.raw)
        verified = str(region.verified).lower()
        writer.writerow(
            [region.name, verified, sample, variation, repr(found.value), repr(found.variance), raw]
        )
    return text.getvalue()


def fit_rows(study: Study) -> Rows:
    """Background in each region before and after the background-only fit, and the data with their pulls."""
    table, regions = study.table, study.regions
    verified = {region.name: region_title(region) for region in table.regions}
    rows = [["", *(verified[region.region] for region in regions)]]
    rows.append(["observed", *(_observed(table, table.region(region.region)) for region in regions)])
    names = dict.fromkeys(name for region in regions for name in region.before.samples)
    sides: tuple[tuple[str, Callable[[int], Expectation | None]], ...] = (
        ("after fit", lambda index: regions[index].after),
        ("before fit", lambda index: regions[index].before),
    )
    for title, side in sides:
        found = [side(index) for index in range(len(regions))]
        rows.append([f"background, {title}", *(_total(content) for content in found)])
        rows += [[f"  {name}", *(_of_sample(content, name) for content in found)] for name in names]
    rows.append(["pull", *(number(region.pull, 2) for region in regions)])
    return rows


def _total(content: Expectation | None) -> str:
    return FAILED if content is None else with_error(*content.total_all_bins)


def _of_sample(content: Expectation | None, name: str) -> str:
    if content is None:
        return FAILED
    return with_error(*content.sample_all_bins[name]) if name in content.sample_all_bins else NONE


def parameter_rows(study: Study, most: int | None = None) -> Rows:
    """Free normalizations, then the parameters that the fit moved most; all of them, or at most some of the latter."""
    rows = [["parameter", "fitted", "before the fit", "pull", ""]]
    parameters = sorted(
        study.background.parameters, key=lambda found: (not found.is_free, -abs(_pull(found.pull)))
    )
    shown = parameters if most is None else parameters[: sum(found.is_free for found in parameters) + most]
    for found in shown:
        before = "free" if found.is_free else with_error(found.start, found.width)
        remark = "at the limit of its range" if found.at_limit else ""
        pull = NONE if found.is_free else f"{found.pull:+.2f}"
        rows.append([found.name, with_error(found.value, found.error), before, pull, remark])
    if len(shown) < len(parameters):
        rows.append([f"and {len(parameters) - len(shown)} others, see limits.json", "", "", "", ""])
    return rows


def _pull(pull: float) -> float:
    return 0.0 if math.isnan(pull) else pull


def exclusion_rows(limits: Iterable[UpperLimit]) -> Rows:
    """Limits on signal strengths at 95 %."""
    rows = [["signal", "observed", "expected", "-1σ", "+1σ", "CLs observed", "CLs expected", "excluded"]]
    for limit in limits:
        if limit.failure:
            rows.append([limit.signal, FAILED, *[NONE] * 5, limit.failure])
            continue
        excluded = {None: "not observed", True: "yes", False: "no"}[limit.is_excluded]
        rows.append(
            [
                limit.signal, number(limit.observed), number(limit.expected), number(limit.band[1]),
                number(limit.band[3]), number(limit.cls_observed, 3), number(limit.cls_expected, 3), excluded,
            ]
        )  # fmt: skip
    return rows


def discovery_rows(found: Iterable[Discovery]) -> Rows:
    """p0, S95 and visible cross-sections."""
    rows = [
        [
            "region",
            "p0",
            "Z",
            "S95 observed",
            "S95 expected",
            "-1σ",
            "+1σ",
            "σ_vis observed [fb]",
            "σ_vis expected [fb]",
        ]
    ]
    for result in found:
        failure = result.failure or result.s95.failure
        if failure:
            rows.append([result.region, FAILED, failure, *[NONE] * 6])
            continue
        visible = result.visible_cross_section
        rows.append(
            [
                result.region, number(result.p0, 3), number(result.significance, 3),
                number(result.s95.observed), number(result.s95.expected), number(result.s95.band[1]),
                number(result.s95.band[3]), number(visible[0], 3), number(visible[1], 3),
            ]
        )  # fmt: skip
    return rows


def as_text(rows: Sequence[Sequence[str]], title: str = "") -> str:
    """Aligned columns, as ``rich`` draws them, without colours."""
    console = Console(width=WIDTH, no_color=True, file=io.StringIO(), force_terminal=False)
    console.print(as_rich(rows, title))
    drawn = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO of above
    return "\n".join(line.rstrip() for line in drawn.splitlines()).strip("\n") + "\n"


def as_fitted_text(rows: Sequence[Sequence[str]], width: int) -> str:
    """The same in as many tables as the width of a terminal asks for, with rows for columns where that needs fewer."""
    return "\n".join(as_text(part) for part in fitted(rows, width))


def as_rich(rows: Sequence[Sequence[str]], title: str = "") -> Table:
    """For the terminal."""
    table = Table(title=title or None, box=SIMPLE, title_justify="left", title_style="bold")
    for position, name in enumerate(rows[0]):
        table.add_column(name, justify="left" if position == 0 else "right", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    return table


def as_latex(rows: Sequence[Sequence[str]]) -> str:
    r"""A ``tabular`` with rules of booktabs; needs ``\usepackage{booktabs}``."""
    head, *body = [" & ".join(latex_escape(cell) for cell in row) + r" \\" for row in rows]
    alignment = "l" + "r" * (len(rows[0]) - 1)
    lines = [rf"\begin{{tabular}}{{{alignment}}}", r"\toprule", head, r"\midrule", *body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def notes_text(table: YieldTable, notes: Iterable[str]) -> str:
    """Notes, one line each, and what the star means."""
    lines = [f"note: {note}" for note in dict.fromkeys(notes)]
    if any(not region.verified for region in table.regions):
        lines.append(f"{UNVERIFIED} thresholds not verified in a published source")
    return "\n".join(lines) + ("\n" if lines else "")

"""A result on the screen: tables for the terminal (rich) and for the notebook (HTML)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from columnar_af.results.remarks import remarks_of
from columnar_af.selection.cutflow_table import as_html, as_rich

if TYPE_CHECKING:
    from columnar_af.results.ledger import Ledger, LedgerEntry
    from columnar_af.results.metrics import Metrics
    from columnar_af.results.run_result import DatasetSummary, RunResult

MAX_RANGES = 20
"""Ranges of chunk numbers that are printed."""

MAX_UNDONE = 20
"""Chunks that were not done that are shown one by one; the ledger in ``summary.json`` has them all."""

LEDGER_COLUMNS = ("dataset", "planned", "done", "failed", "skipped")

BYTES_PER_MB = 1_000_000


def rich_view(result: RunResult) -> RenderableType:
    """The result for the terminal: cutflows, yields, ledger, metrics."""
    parts: list[RenderableType] = [
        as_rich(cutflow, _title(name, result.datasets.get(name))) for name, cutflow in result.cutflows.items()
    ]
    if any(result.yields.values()):
        parts.append(_rich_table("Yields", YIELD_COLUMNS, yield_rows(result.yields)))
    parts.append(_rich_table("Ledger (entries)", LEDGER_COLUMNS, ledger_rows(result)))
    style = "green" if result.ledger.complete else "bold red"
    parts += [Text(verdict(result.ledger), style=style), *map(Text, undone(result.ledger))]
    parts += [Text(f"remark: {line}", style="yellow") for line in remarks_of(result)]
    parts.append(Text(f"\n{costs(result.metrics)}", style="dim"))
    return Group(*parts)


def _title(name: str, summary: DatasetSummary | None) -> str:
    if summary is None:
        return name
    facts = ", ".join(f"{key} {value}" for key, value in summary.metadata.items() if value is not None)
    return f"{name} ({facts})" if facts else name


def _rich_table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for name in columns:
        is_text = name in TEXT_COLUMNS  # a name that is cut off names nothing
        table.add_column(
            name, justify="left" if is_text else "right", overflow="fold" if is_text else "ellipsis"
        )
    for row in rows:
        table.add_row(*map(Text, row))
    return table


YIELD_COLUMNS = ("dataset", "yield", "sum of weights", "variance", "raw events")

TEXT_COLUMNS = frozenset({"dataset", "yield"})


def yield_rows(yields: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[tuple[str, ...]]:
    """One row per dataset and yield, in the order of :data:`YIELD_COLUMNS`."""
    return [
        (dataset, name, f"{entry['value']:.6g}", f"{entry['sumw2']:.6g}", f"{entry['raw']:,}")
        for dataset, named in yields.items()
        for name, entry in named.items()
    ]


def ledger_rows(result: RunResult) -> list[tuple[str, ...]]:
    """One row per dataset and one for their sum, in the order of :data:`LEDGER_COLUMNS`."""
    books = {name: result.ledger.of(name) for name in result.datasets}
    if len(books) != 1:
        books["all"] = result.ledger
    return [
        (name, *(f"{number:,}" for number in (book.planned, book.done, book.failed, book.skipped)))
        for name, book in books.items()
    ]


def verdict(ledger: Ledger) -> str:
    """Whether the books close, and whether something is missing, in one sentence."""
    problems = ledger.problems()
    if problems:
        return f"The ledger does not close: {'; '.join(problems)}"
    if ledger.complete:
        return (
            f"The ledger closes: all {ledger.planned:,} entries in {counted(len(ledger), 'chunk')} are done."
        )
    left_out = [
        f"{counted(len(part), 'chunk')} ({counted(part.planned, 'known entry')}) {status}"
        for status in ("failed", "skipped")
        if len(part := ledger.with_status(status))
    ]
    return (
        f"The ledger closes, but the result is not complete: {', '.join(left_out)}; "
        f"{ledger.done:,} of {ledger.planned:,} known entries are done."
    )


def undone(ledger: Ledger) -> Iterator[str]:
    """One line per reason and the first chunk that was not done for it, the first :data:`MAX_UNDONE` of them."""
    groups: dict[tuple[str, str], list[LedgerEntry]] = {}
    for entry in ledger:
        if entry.status != "done":
            reason = (
                "no reason given" if entry.error is None else f"{entry.error.kind}: {entry.error.message}"
            )
            groups.setdefault((entry.status, reason), []).append(entry)
    for (status, reason), (first, *others) in list(groups.items())[:MAX_UNDONE]:
        yield f"  chunk {first.number} {status}: {first.dataset}, {first.place}: {reason}"
        if others:
            yield f"  and for the same reason {counted(len(others), 'more chunk')}: {ranges(entry.number for entry in others)}"
    if len(groups) > MAX_UNDONE:
        yield f"  and {counted(len(groups) - MAX_UNDONE, 'more reason')} in the ledger of summary.json"


def ranges(numbers: Iterable[int]) -> str:
    """Ascending numbers in short: ``1, 4 to 7, 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    told = [" to ".join(map(str, run)) for run in runs[:MAX_RANGES]]
    return ", ".join(told) + (", ..." if len(runs) > MAX_RANGES else "")


def counted(number: int, what: str) -> str:
    """``number`` of ``what``, in the right number."""
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number:,} {what if number == 1 else plural}"


def costs(metrics: Metrics) -> str:
    """The metrics in one line."""
    memory = (
        f", {metrics.peak_memory / BYTES_PER_MB:,.0f} MB of memory per worker" if metrics.peak_memory else ""
    )
    return (
        f"{metrics.executor or 'unknown executor'}, {counted(metrics.workers, 'worker')}, "
        f"{counted(metrics.chunks, 'chunk')}: "
        f"wall {metrics.wall_s:.2f} s, event loop {metrics.event_loop_s:.2f} s, CPU {metrics.cpu_s:.2f} s, "
        f"{metrics.bytes_read / BYTES_PER_MB:,.1f} MB read, {metrics.events_per_s:,.0f} events/s{memory}"
    )


def html_view(result: RunResult) -> str:
    """The result for the notebook, with the same content; everything from outside is escaped."""
    parts = [
        f"<h4>{escape(_title(name, result.datasets.get(name)))}</h4>{as_html(cutflow)}"
        for name, cutflow in result.cutflows.items()
    ]
    if any(result.yields.values()):
        parts.append(_html_table("Yields", YIELD_COLUMNS, yield_rows(result.yields)))
    parts.append(_html_table("Ledger (entries)", LEDGER_COLUMNS, ledger_rows(result)))
    parts.append(f"<p><b>{escape(verdict(result.ledger))}</b></p>")
    lines = (*undone(result.ledger), *(f"remark: {line}" for line in remarks_of(result)))
    missing = "".join(f"<li>{escape(line.strip())}</li>" for line in lines)
    parts.append(f"<ul>{missing}</ul>" if missing else "")
    parts.append(f"<p>{escape(costs(result.metrics))}</p>")
    return f"<div>{''.join(parts)}</div>"


def _html_table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    sides = ["left" if name in TEXT_COLUMNS else "right" for name in columns]
    lines = [
        "".join(
            f"<{tag} style='text-align:{side}'>{escape(cell)}</{tag}>"
            for cell, side in zip(row, sides, strict=True)
        )
        for tag, row in [("th", columns), *(("td", row) for row in rows)]
    ]
    body = "".join(f"<tr>{line}</tr>" for line in lines[1:])
    return f"<h4>{title}</h4><table><thead><tr>{lines[0]}</tr></thead><tbody>{body}</tbody></table>"

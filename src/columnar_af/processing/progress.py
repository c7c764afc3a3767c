"""Progress bars for a run: events per second and failures; silent where nobody watches."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from threading import Lock
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from columnar_af.datasets.inspection import FileReport
from columnar_af.processing.merge import Outcomes


class RunProgress(AbstractContextManager["RunProgress"]):
    """Shows how far inspection and processing are.

    Args:
        show: Whether to show anything; where None, only in a terminal. Not in a notebook, unless asked: there the bars
            are widgets that a thread refreshes, which collides with the execution of notebooks by nbclient.
    """

    def __init__(self, show: bool | None = None) -> None:
        # stderr, because stdout may be a JSON document; its file is fixed now, because it is redirected later
        console = Console(file=sys.stderr)
        shown = (console.is_terminal and not console.is_jupyter) if show is None else show
        self._bars = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.fields[unit]}"),
            _RateColumn(),
            TextColumn("[red]{task.fields[failures]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not shown,
        )
        self._failed = 0
        self._lock = Lock()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start_inspection(self, files: int) -> None:
        """Begin the bar of inspection."""
        self._begin("Inspecting", files, "files")

    def inspected(self, report: FileReport) -> None:
        """A file was inspected."""
        self._advance(1, failed=int(report.error is not None))

    def start_processing(self, entries: int) -> None:
        """Begin the bar of processing."""
        self._begin("Processing", entries, "events")

    def processed(self, outcomes: Outcomes) -> None:
        """Chunks came back; called from any thread."""
        self._advance(sum(outcomes.entries.values()), failed=len(outcomes.errors))

    def _begin(self, description: str, total: int, unit: str) -> None:
        self._failed = 0
        self._task = self._bars.add_task(description, total=total, unit=unit, failures="")

    def _advance(self, amount: int, failed: int) -> None:
        with self._lock:
            self._failed += failed
            failures = f"{self._failed} failed" if self._failed else ""
        self._bars.update(self._task, advance=amount, failures=failures)


class _RateColumn(ProgressColumn):
    """Units per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} {task.fields['unit']}/s" if speed else "", style="progress.data.speed")

"""Progress bars: there when somebody watches, silent otherwise."""

from __future__ import annotations

import pytest

from columnar_af.datasets.inspection import FileReport
from columnar_af.errors import ErrorRecord
from columnar_af.processing.chunk import ChunkOutcome
from columnar_af.processing.merge import Outcomes
from columnar_af.processing.progress import RunProgress


def use(show: bool | None) -> None:
    """Show the progress of a small run."""
    with RunProgress(show) as progress:
        progress.start_inspection(2)
        progress.inspected(FileReport("d", "f", "t", 1234))
        progress.inspected(FileReport("d", "g", None, error=ErrorRecord("ReadError", "gone")))
        progress.start_processing(1234)
        progress.processed(Outcomes.of(ChunkOutcome(0, 1234, {})))


def test_it_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    use(None)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_it_shows_events_and_failures_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    use(True)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "2/2 files" in printed.err
    assert "1 failed" in printed.err
    assert "1,234/1,234 events" in printed.err

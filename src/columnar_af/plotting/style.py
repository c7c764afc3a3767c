"""Styles of the experiments, and how a figure becomes a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from columnar_af.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 120


@contextmanager
def _style(name: str) -> Iterator[None]:
    try:
        import matplotlib as mpl  # noqa: PLC0415  (an optional dependency)
        import mplhep  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"figures need {error.name}, which is not installed"
        raise ConfigError(msg, advice="pip install 'columnar-af[plot]'") from error
    with mpl.rc_context():
        mplhep.style.use(getattr(mplhep.style, name))
        yield


@contextmanager
def cms_style() -> Iterator[None]:
    """The style of CMS for the figures made inside.

    Raises:
        ConfigError: Where matplotlib and mplhep are not installed.
    """
    with _style("CMS"):
        yield


@contextmanager
def atlas_style() -> Iterator[None]:
    """The style of ATLAS for the figures made inside; the name of the experiment is on none of them.

    Raises:
        ConfigError: Where matplotlib and mplhep are not installed.
    """
    with _style("ATLAS"):
        yield


def write(figure: Figure, path: Path) -> Path:
    """Write a figure.

    Raises:
        OutputError: Where the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DOTS_PER_INCH)
    except OSError as error:
        msg = f"cannot write the figure {path}: {error.strerror or error}"
        raise OutputError(msg, advice="check the disk and the permissions, or name another folder") from error
    return path

"""The command line: one module per verb, in the order of the pipeline."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

import click

VERBS = {
    "simulate": "columnar_af.cli.simulate:simulate",
    "datasets": "columnar_af.cli.datasets:datasets",
    "plan": "columnar_af.cli.plan:plan",
    "run": "columnar_af.cli.run:run",
    "rerun": "columnar_af.cli.rerun:rerun",
    "why": "columnar_af.cli.why:why",
    "explain": "columnar_af.cli.explain:explain",
    "show": "columnar_af.cli.show:show",
    "diff": "columnar_af.cli.diff:diff",
    "cutflow": "columnar_af.cli.cutflow:cutflow",
    "plot": "columnar_af.cli.plot:plot",
    "fit": "columnar_af.cli.fit:fit",
    "normalize": "columnar_af.cli.normalize:normalize",
    "yields": "columnar_af.cli.yields:yields",
    "export": "columnar_af.cli.export:export",
    "limit": "columnar_af.cli.limit:limit",
    "candidates": "columnar_af.cli.candidates:candidates",
    "corrections": "columnar_af.cli.corrections:corrections",
    "cache": "columnar_af.cli.cache:cache",
    "benchmark": "columnar_af.cli.benchmark:benchmark",
}
"""Verb -> where its click command lives; imported only when the verb is used, so that ``--help`` stays fast."""

HELP = {
    "simulate": "Write simulated ntuples with known truth, in the real layouts.",
    "datasets": "Look at filesets and the files in them.",
    "plan": "Estimate what a run will cost: columns, bytes, memory, time, chunk size.",
    "run": "Run a processor over a fileset.",
    "rerun": "Run one chunk of a result again, alone, here.",
    "why": "Say why a chunk was run again: which of its ingredients changed.",
    "explain": "Show what every cut says to one event, and why.",
    "show": "Print the result of a run.",
    "diff": "Compare two results; the exit code tells whether they are the same.",
    "cutflow": "Print the cutflow of a run as text, Markdown, LaTeX or CSV.",
    "plot": "Draw the histograms of a run, one figure each.",
    "fit": "Fit the D_s mass of a run: yields per era, fraction from B decays.",
    "normalize": "Expect τ → 3μ from the D_s yield: uncertainties, datacards, limit.",
    "yields": "Print the yields of a search with all their variations, as text, LaTeX or CSV.",
    "export": "Write the model of a search for pyhf, combine or HistFitter.",
    "limit": "Fit the backgrounds of a search, set limits on its signals, or on published counts.",
    "candidates": "Write the selected candidates of a run as a flat ntuple.",
    "corrections": "Make tables of corrections from the analysts' formats.",
    "cache": "Look at the local cache of columns that the fast reader can fill, or empty it.",
    "benchmark": "Measure a processor against data size, workers and variations.",
}


class PipelineGroup(click.Group):
    """A group whose commands are listed in the order of the pipeline and imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in order."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb, imported now."""
        if cmd_name not in VERBS:
            return None
        module, name = VERBS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs for ``--help``, without importing any."""
        with formatter.section("Commands, in the order of the pipeline"):
            formatter.write_dl(list(HELP.items()))


@click.group(
    cls=PipelineGroup, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
@click.version_option(package_name="columnar-af")
@click.option("--debug", is_flag=True, help="Show the full traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Columnar analysis of collider ntuples: from files to cutflows, histograms and yields."""
    ctx.obj = {"debug": debug}


def _tell_without_credentials(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print a traceback that nobody has caught; causes of our errors are those of others, and tell what they like."""
    from columnar_af.redaction import redact

    click.echo(redact("".join(traceback.format_exception(kind, error, trace))), err=True, nl=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error on purpose prints without a traceback and exits with 1."""
    from columnar_af.errors import ColumnarAFError

    sys.excepthook = _tell_without_credentials
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        cli.main(args=arguments, prog_name="columnar-af", standalone_mode=True)
    except ColumnarAFError as error:
        if "--debug" in arguments:
            raise
        click.echo(f"error: {error}", err=True)
        sys.exit(1)

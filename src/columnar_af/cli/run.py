"""``columnar-af run``: run a processor over a fileset."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from columnar_af.cli.chunk_options import with_chunk_options

if TYPE_CHECKING:
    from columnar_af.processing.dask_address import SchedulerAddress
    from columnar_af.processing.plan import PlanFilter
    from columnar_af.processing.run import BadFiles
    from columnar_af.results import RunResult

INTERRUPTED = 130
"""Exit code of a command that was ended with Ctrl-C: 128 plus the number of the signal, as shells have it."""


EXISTING = click.Path(exists=True, dir_okay=False)


class EntryRange(click.ParamType[tuple[int, int]]):
    """START:STOP."""

    name = "start:stop"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """The two numbers."""
        if isinstance(value, tuple):
            return value
        start, colon, stop = value.partition(":")
        if not (colon and start.isdigit() and stop.isdigit()):
            self.fail(f"{value!r} is not START:STOP, for example 0:1000", param, ctx)
        return int(start), int(stop)


class Parameter(click.ParamType[tuple[str, object]]):
    """NAME=VALUE, the value as YAML reads it."""

    name = "name=value"

    def convert(
        self, value: str | tuple[str, object], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, object]:
        """The name and the value."""
        import yaml

        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not (equals and name.isidentifier()):
            self.fail(f"{value!r} is not NAME=VALUE, for example variant=full-analysis", param, ctx)
        try:
            return name, yaml.safe_load(text)
        except yaml.YAMLError as error:
            self.fail(f"the value of {name} cannot be read: {error}", param, ctx)


@click.command()
@click.argument("processor")
@click.argument("fileset", nargs=-1, required=True)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    type=Parameter(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Argument of the processor's class, for example variant=full-analysis; may be repeated.",
)
@click.option("-o", "--output", type=click.Path(file_okay=False), help="Folder to save the result in.")
@click.option(
    "--executor",
    type=click.Choice(["iterative", "futures", "dask", "dask-awkward"]),
    default="iterative",
    help="How the chunks are run; the result does not depend on it.",
)
@click.option("--workers", type=click.IntRange(min=1), default=1, help="Number of local workers.")
@with_chunk_options
@click.option("--max-chunks", type=click.IntRange(min=1), show_default="all", help="Most chunks per dataset.")
@click.option("--client", metavar="ADDRESS", help="Address of a dask scheduler, for the dask executors.")
@click.option("--tls-ca", type=EXISTING, help="Certificate of the authority of a tls:// scheduler.")
@click.option("--tls-cert", type=EXISTING, help="Our certificate for it.")
@click.option("--tls-key", type=EXISTING, help="The key of our certificate, if it is not in the same file.")
@click.option(
    "--allow-unencrypted", is_flag=True, help="Use a scheduler on another machine without encryption."
)
@click.option(
    "--bad-files",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    help="Files that cannot be read: exit with 1 when the rest is done, or leave them out and list them.",
)
@click.option(
    "--missing-variation",
    type=click.Choice(["error", "nominal"]),
    help="A variation that the ntuple lacks: an error, or nominal in its place; for processors that take it.",
)
@click.option("--resume", is_flag=True, help="Take over what a run in the output folder has done already.")
@click.option(
    "--max-failures",
    type=click.IntRange(min=0),
    show_default="any",
    help="Stop when more chunks have failed.",
)
@click.option("--check-duplicates", is_flag=True, help="Look first for events that are in two files.")
@click.option(
    "--column-cache/--no-column-cache",
    default=False,
    help="Keep decoded columns on the local disk, so that a second pass inflates nothing (columnar-af cache).",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    show_default="cores / workers",
    help="Threads of each worker that read columns; the result does not depend on them.",
)
@click.option("--dataset", help="Run this dataset only.")
@click.option("--file", help="Run this file only, as an error names it.")
@click.option("--entries", type=EntryRange(), help="Run these entries only, as one chunk per file.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(
    processor: str,
    fileset: tuple[str, ...],
    parameters: tuple[tuple[str, object], ...],
    output: str | None,
    executor: str,
    workers: int,
    chunksize: int | None,
    memory_per_worker: int,
    max_chunks: int | None,
    client: str | None,
    tls_ca: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    allow_unencrypted: bool,
    bad_files: str,
    missing_variation: str | None,
    resume: bool,
    max_failures: int | None,
    check_duplicates: bool,
    column_cache: bool,
    threads: int | None,
    dataset: str | None,
    file: str | None,
    entries: tuple[int, int] | None,
    as_json: bool,
) -> None:
    """Run PROCESSOR over FILESET.

    PROCESSOR is a name in processors/, path.py:Class or notebook.ipynb:Class. FILESET is a fileset file (YAML or JSON)
    or ROOT paths and globs.
    """
    from columnar_af.processing.early_workers import early_workers

    # They import what they need while we do.
    click.get_current_context().with_resource(early_workers(executor, workers))
    from columnar_af.processing.plan import PlanFilter

    arguments = dict(parameters)
    if missing_variation is not None:
        arguments["missing_variation"] = missing_variation
    try:
        result, failed = _result(
            processor,
            fileset,
            output,
            parameters=arguments,
            executor=executor,
            workers=workers,
            chunksize=chunksize,
            memory_per_worker=memory_per_worker,
            max_chunks=max_chunks,
            client=_scheduler(client, tls_ca, tls_cert, tls_key, allow_unencrypted),
            bad_files="skip" if bad_files == "skip" else "stop",
            resume=resume,
            max_failures=max_failures,
            check_duplicates=check_duplicates,
            column_cache=column_cache,
            threads=threads,
            only=PlanFilter(dataset, file, entries),
        )
        _tell_problems(result)
        _show(result, output, as_json)
    except KeyboardInterrupt:
        kept = "" if output is None else "; what was done is kept, --resume goes on from there"
        click.echo(f"interrupted: no result was written{kept}", err=True)
        sys.exit(INTERRUPTED)
    if failed:
        sys.exit(1)


def _scheduler(
    address: str | None, ca: str | None, cert: str | None, key: str | None, allow_unencrypted: bool
) -> SchedulerAddress | None:
    """The scheduler that was named, with its certificates."""
    if address is None:
        if ca or cert or key or allow_unencrypted:
            msg = "certificates are for the scheduler that --client names, and it is not there"
            raise click.UsageError(msg)
        return None
    if (key and not cert) or bool(ca) != bool(cert):
        msg = "--tls-ca and --tls-cert go together, and --tls-key with them"
        raise click.UsageError(msg)
    from columnar_af.processing.dask_address import SchedulerAddress, certificates

    security = certificates(ca, cert, key) if ca and cert else None
    return SchedulerAddress(address, security, allow_unencrypted)


def _result(
    processor: str,
    fileset: tuple[str, ...],
    output: str | None,
    *,
    parameters: dict[str, object],
    executor: str,
    workers: int,
    chunksize: int | None,
    memory_per_worker: int,
    max_chunks: int | None,
    client: SchedulerAddress | None,
    bad_files: BadFiles,
    resume: bool,
    max_failures: int | None,
    check_duplicates: bool,
    column_cache: bool,
    threads: int | None,
    only: PlanFilter,
) -> tuple[RunResult, bool]:
    """The result, saved where it shall be, and whether anything failed."""
    from columnar_af.errors import IncompleteRunError
    from columnar_af.processing.run import run as run_processor

    try:
        return run_processor(
            processor,
            fileset[0] if len(fileset) == 1 else fileset,
            parameters=parameters,
            executor=executor,
            workers=workers,
            chunksize=chunksize,
            memory_per_worker=memory_per_worker,
            max_chunks=max_chunks,
            client=client,
            bad_files=bad_files,
            only=only,
            output=output,
            resume=resume,
            max_failures=max_failures,
            check_duplicates=check_duplicates,
            column_cache=column_cache,
            threads=threads,
        ), False
    except IncompleteRunError as error:
        return error.result, True


def _tell_problems(result: RunResult) -> None:
    """Each error once, however many chunks have it, and each note."""
    told: dict[tuple[str, str], int] = {}
    for entry in result.ledger:
        if entry.error is None:
            continue
        key = (entry.error.kind, entry.error.message)
        told[key] = told.get(key, 0) + 1
        if told[key] == 1:
            word = "error" if entry.status == "failed" else "skipped"
            click.echo(f"{word}: {entry.error}", err=True)
    for (kind, message), count in told.items():
        if count > 1:
            click.echo(f"the same in {count - 1} more chunks: {kind}: {message.splitlines()[0]}", err=True)
    for note in (*result.provenance.parameters["notes"], *_fallbacks(result)):
        click.echo(f"note: {note}", err=True)


def _fallbacks(result: RunResult) -> Iterator[str]:
    """What was taken from nominal, because the ntuple lacks it."""
    for dataset, part in result.output.items() if isinstance(result.output, Mapping) else ():
        fallbacks = part.get("fallbacks", {}) if isinstance(part, Mapping) else {}
        for variation, columns in fallbacks.items():
            yield f"{dataset}: {variation} fell back to nominal, for want of {', '.join(sorted(columns))}"


def _show(result: RunResult, output: str | None, as_json: bool) -> None:
    from rich.console import Console

    if as_json:
        click.echo(_summary(result, output), nl=False)
    else:
        Console().print(result)


def _summary(result: RunResult, output: str | None) -> str:
    """``summary.json`` as it is in the folder, or would be."""
    from columnar_af.results.result_folder import SUMMARY

    if output is not None:
        return (Path(output) / SUMMARY).read_text(encoding="utf-8")
    with TemporaryDirectory(prefix="columnar-af-") as folder:
        return (result.save(Path(folder) / "result") / SUMMARY).read_text(encoding="utf-8")

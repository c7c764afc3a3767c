"""``columnar-af simulate`` of T3M ntuples: ``t3m-ds-phi-pi``, ``t3m-tau3mu`` and ``t3m-measurement``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

DEFAULT_SEED = 1
LAYOUTS = ("aod-2017", "mini-2021")
ERA_NAMES = ("2017B", "2017C", "2017D", "2017E", "2017F", "2018A", "2018B", "2018C", "2018D")
TAU_ERA_NAMES = (*ERA_NAMES, "2022preEE", "2022postEE", "2023preBPix", "2023postBPix")
PARENTS = ("Ds", "B0", "Bp")
DEFAULT_ERAS = ("2017B", "2017C", "2017D", "2017E", "2017F", "2018D")


@click.command("t3m-ds-phi-pi")
@click.option("--events", type=int, required=True, help="Events of the whole sample.")
@click.option("--files", type=int, default=1, help="Files to spread them over.")
@click.option("--seed", type=int, default=DEFAULT_SEED, help="All random numbers follow from it.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option("--layout", type=click.Choice(LAYOUTS), default="aod-2017", help="Ntuple layout.")
@click.option(
    "--branches",
    type=click.Choice(("analysis", "full")),
    default="analysis",
    help="What the analysis reads, or the whole layout.",
)
@click.option(
    "--data/--simulation",
    "is_data",
    default=False,
    help="Background with D mesons mixed in, or D_s with generated particles.",
)
@click.option("--era", type=click.Choice(ERA_NAMES), default="2017F", help="Runs and trigger menus.")
@click.option("--ds-yield", type=int, help="Events with a D_s.  [default: 5 % of data, all of simulation]")
@click.option("--dplus-yield", type=int, help="Events with a D+.  [default: 2 % of data, none in simulation]")
@click.option("--prompt-fraction", type=float, default=0.74, help="D mesons not from B decays.")
@click.option("--pile-up", type=float, default=33.0, help="Mean number of interactions.")
@click.option("--compression", default="zlib-1", help="ALGORITHM-LEVEL, or none.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes.  [default: one per CPU]")
@click.option("--overwrite", is_flag=True, help="Replace an earlier sample in the folder.")
def t3m_ds_phi_pi(output: Path, overwrite: bool, workers: int | None, **chosen: Any) -> None:
    """T3M ntuples of D_s and D+ to phi(mu mu) pi with combinatorial background, and their truth."""
    from columnar_af.ntuples.simulation.t3m import simulate
    from columnar_af.ntuples.simulation.t3m_options import Branches, Layout, T3MOptions

    chosen["layout"], chosen["branches"] = Layout(chosen["layout"]), Branches(chosen["branches"])
    truth = simulate(T3MOptions(**chosen), output, overwrite=overwrite, workers=workers)
    events = truth["events"]
    click.echo(
        f"{output}: {len(truth['files']) // 2} files, {truth['options']['events']} events "
        f"({events['ds']} with a D_s, {events['dplus']} with a D+), {truth['triplets']['stored']} triplets"
    )
    click.echo(f"truth: {output / 'truth.json'}")


@click.command("t3m-tau3mu")
@click.option("--events", type=int, required=True, help="Events of the whole sample.")
@click.option("--files", type=int, default=1, help="Files to spread them over.")
@click.option("--seed", type=int, default=DEFAULT_SEED, help="All random numbers follow from it.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option(
    "--data/--simulation",
    "is_data",
    default=False,
    help="Background of three muons, or tau to 3mu with generated particles.",
)
@click.option(
    "--parent", type=click.Choice(PARENTS), default="Ds", help="What the tau of simulation comes from."
)
@click.option(
    "--era", type=click.Choice(TAU_ERA_NAMES), default="2018D", help="Layout, runs and trigger menus."
)
@click.option("--signal-yield", type=int, default=0, help="Events of data with a tau to 3mu.")
@click.option("--prompt-fraction", type=float, default=0.74, help="D_s not from B decays.")
@click.option("--pile-up", type=float, default=33.0, help="Mean number of interactions.")
@click.option("--compression", default="zlib-1", help="ALGORITHM-LEVEL, or none.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes.  [default: one per CPU]")
@click.option("--overwrite", is_flag=True, help="Replace an earlier sample in the folder.")
def t3m_tau3mu(output: Path, overwrite: bool, workers: int | None, **chosen: Any) -> None:
    """T3M ntuples of three muons, and their truth."""
    from columnar_af.ntuples.simulation.t3m_tau import simulate_tau
    from columnar_af.ntuples.simulation.t3m_tau_options import Parent, TauOptions

    chosen["parent"] = Parent(chosen["parent"])
    truth = simulate_tau(TauOptions(**chosen), output, overwrite=overwrite, workers=workers)
    signal, generated = truth["events"]["signal"], truth["generated"]["signal"]
    click.echo(
        f"{output}: {len(truth['files']) // 2} files, {truth['options']['events']} events ({signal} with a tau to 3mu, of "
        f"{generated} generated), {truth['triplets']['stored']} triplets"
    )
    click.echo(f"truth: {output / 'truth.json'}")


@click.command("t3m-measurement")
@click.option("--events", type=int, default=2500, help="D_s data of each era.")
@click.option(
    "--era",
    "eras",
    type=click.Choice(ERA_NAMES),
    multiple=True,
    default=DEFAULT_ERAS,
    help="May be repeated.",
)
@click.option("--simulated-events", type=int, default=2000, help="D_s simulation of each year.")
@click.option("--signal-events", type=int, default=2000, help="Simulated tau to 3mu of each parent and year.")
@click.option("--search-events", type=int, default=1500, help="Three-muon data of each era.")
@click.option("--prompt-fraction", type=float, default=0.74, help="D_s not from B decays.")
@click.option("--seed", type=int, default=DEFAULT_SEED, help="All random numbers follow from it.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option("--workers", type=click.IntRange(min=1), default=1, help="Processes.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier measurement in the folder.")
def t3m_measurement(output: Path, overwrite: bool, workers: int, **chosen: Any) -> None:
    """Data and simulation of D_s to phi pi and of tau to 3mu, from one simulated world.

    Writes the filesets control.yaml (for ds_phi_pi), search.yaml and signal.yaml (for tau_to_3mu), and the truth.
    """
    from columnar_af.ntuples.simulation.t3m_measurement import MeasurementOptions, simulate_measurement

    options = MeasurementOptions(**chosen)
    truth = simulate_measurement(options, output, overwrite=overwrite, workers=workers)
    size = sum((output / name).stat().st_size for name in truth["files"]) / 1e6
    click.echo(f"{output}: {len(truth['files'])} files, {size:.0f} MB")
    for era in options.eras:
        events, generated = truth[era]["events"], truth[era]["generated"]["ds"]
        click.echo(f"  {era}: {events['ds']} D_s of {generated} generated, {events['background']} background")
    click.echo(f"filesets: {output}/control.yaml, search.yaml, signal.yaml; truth: {output / 'truth.json'}")

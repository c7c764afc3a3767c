"""``columnar-af simulate t3m-ds-phi-pi``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

DEFAULT_SEED = 1
LAYOUTS = ("aod-2017", "mini-2021")
ERA_NAMES = ("2017B", "2017C", "2017D", "2017E", "2017F", "2018A", "2018B", "2018C", "2018D")


@click.command()
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

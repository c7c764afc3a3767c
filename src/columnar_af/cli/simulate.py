"""``columnar-af simulate``: one sub-command per ntuple layout."""

from __future__ import annotations

import importlib

import click

LAYOUTS = {
    "t3m-ds-phi-pi": "columnar_af.cli.simulate_t3m:t3m_ds_phi_pi",
    "t3m-tau3mu": "columnar_af.cli.simulate_t3m:t3m_tau3mu",
    "t3m-measurement": "columnar_af.cli.simulate_t3m:t3m_measurement",
    "stop-loopsusy": "columnar_af.cli.simulate_stop:stop_loopsusy",
    "stop-histfitter": "columnar_af.cli.simulate_stop:stop_histfitter",
}
"""Layout -> where its click command lives; imported only when it is used."""

HELP = {
    "t3m-ds-phi-pi": "T3M ntuples of D_s and D+ to phi(mu mu) pi with combinatorial background.",
    "t3m-tau3mu": "T3M ntuples of three muons: tau to 3mu, or data-like background.",
    "t3m-measurement": "All samples of a D_s measurement and a tau to 3mu search, and their filesets.",
    "stop-loopsusy": "Stop search: one tree, variations as column suffixes.",
    "stop-histfitter": "Stop search: one tree per variation.",
}


class LayoutGroup(click.Group):
    """A group that knows its layouts without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The layouts, in order."""
        return list(LAYOUTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a layout, imported now."""
        if cmd_name not in LAYOUTS:
            return None
        module, name = LAYOUTS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the layouts there are when the one that was asked for is none of them."""
        if args and args[0] not in LAYOUTS and not args[0].startswith("-"):
            ctx.fail(f"unknown layout {args[0]!r}; the layouts are {', '.join(LAYOUTS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of layouts for ``--help``, without importing any."""
        with formatter.section("Layouts"):
            formatter.write_dl(list(HELP.items()))


@click.group(cls=LayoutGroup)
def simulate() -> None:
    """Write simulated ntuples with known truth, in the real layouts."""

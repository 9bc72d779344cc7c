"""Kill a Stepcue again and again while it works, and look after each death whether all is there."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Final

import click
import pytest
from support.node import APPS, packages
from survival.campaign import Campaign, Plan
from survival.processes import Host

_ROUNDS: Final = 8
"""As many rounds have the same data file; the next one begins with none."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make kill ARGS='...'", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="stop after at least so many deaths (100)")
    parser.add_argument("--seed", type=int, help="what decides about everything random; drawn when not given")
    parser.add_argument("--load", type=float, default=1, help="how much of the usual load: 0.5 is half of it")
    parser.add_argument("--prune", action="store_true", help="prune ended runs after a second, meanwhile")
    return parser.parse_args()


def _has_node() -> bool:
    try:
        packages(APPS / "v4")
    except pytest.skip.Exception as reason:
        click.echo(f"without TypeScript: {reason}")
        return False
    return True


async def _main(arguments: argparse.Namespace) -> int:
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    more = " --prune" if arguments.prune else ""
    with_typescript = _has_node()
    host = await Host.start()
    deaths, began = 0, time.monotonic()
    try:
        while deaths < arguments.kills:
            folder = Path(tempfile.mkdtemp(prefix=f"stepcue-kill-{seed}-"))
            click.echo(f"seed {seed}, in {folder}")
            plan = Plan(
                seed=seed,
                share=arguments.load,
                with_app=seed % 2 == 0,
                with_typescript=with_typescript,
                prunes=arguments.prune,
            )
            campaign = Campaign(plan, folder, host, click.echo)
            try:
                await campaign.run(_ROUNDS)
            except Exception:  # noqa: BLE001 - shown with what repeats it
                traceback.print_exc()
                click.echo(f"\nThe data file and the journal are in {folder}. To repeat it:", err=True)
                click.echo(
                    f"make kill ARGS='--seed {seed} --kills 1 --load {arguments.load}{more}'", err=True
                )
                return 1
            shutil.rmtree(folder)
            deaths += campaign.kills
            seed += 1
    finally:
        await host.close()
    took_s = time.monotonic() - began
    click.echo(f"{deaths} deaths in {took_s:.0f} s: nothing lost, repeated, stuck or damaged")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(_arguments())))

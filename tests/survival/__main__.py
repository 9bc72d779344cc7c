"""Kill a Stepcue again and again while it works, and look after each death whether all is there.

make kill ARGS='--kills 300 --seed 7'
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click
from survival.campaign import Campaign, Plan, SurvivalError
from survival.processes import Host

_ROUNDS_A_FILE = 8


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make kill ARGS='...'", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="stop after about so many deaths (100)")
    parser.add_argument("--seed", type=int, help="what decides about everything random; drawn when not given")
    parser.add_argument("--load", type=float, default=1, help="how much of the usual load: 0.5 is half of it")
    return parser.parse_args()


async def _main(arguments: argparse.Namespace) -> int:
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(1_000_000)
    host = await Host.start()
    deaths, began = 0, time.monotonic()
    try:
        while deaths < arguments.kills:
            folder = Path(tempfile.mkdtemp(prefix=f"stepcue-kill-{seed}-"))
            click.echo(f"seed {seed}: {folder}")
            campaign = Campaign(Plan(seed=seed, share=arguments.load), folder, host, click.echo)
            try:
                await campaign.run(_ROUNDS_A_FILE)
            except SurvivalError as fault:
                click.echo(f"\n{fault}\n\nThe data file and the journal are in {folder}.", err=True)
                click.echo(f"Repeat it: make kill ARGS='--seed {seed} --kills 1'", err=True)
                return 1
            shutil.rmtree(folder)
            deaths += campaign.kills
            seed += 1
    finally:
        await host.close()
    click.echo(
        f"{deaths} deaths in {time.monotonic() - began:.0f} s: nothing lost, repeated, stuck or damaged"
    )
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(_arguments())))

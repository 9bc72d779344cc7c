"""Checks of what is synced: what nothing starts, what is missing, what was left standing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from durable_engine import Function
from mcp_server.clean import in_json, one_line
from mcp_server.doctor.check import Check, ok, warning
from mcp_server.doctor.facts import Facts

_SHOWN = 3


def function_checks(facts: Facts) -> Iterator[Check]:
    """Judge the functions of all apps."""
    live = [function for function in facts.inventory.functions if not function.is_archived]
    bare = [function for function in live if not function.triggers and not function.is_endpoint]
    if bare:
        yield warning(
            "function-triggers",
            f"{_named(bare)} {'has' if len(bare) == 1 else 'have'} no trigger: no event starts "
            f"{'it' if len(bare) == 1 else 'them'}.",
            "Give it an event or a cron schedule in the app, unless it is only invoked.",
            next_call=f"list_functions query={in_json(bare[0].slug)} shows what is synced of it",
        )
    paused = [function for function in live if function.is_paused]
    if paused:
        yield warning(
            "paused",
            f"{_named(paused)} {'is' if len(paused) == 1 else 'are'} paused: events start no runs.",
            "Resume what should run.",
            next_call=f"pause_function functionId={in_json(paused[0].slug)} resume=true ends a pause",
        )
    if facts.inventory.doubles:
        count = len(facts.inventory.doubles)
        yield warning(
            "standing-mocks",
            f"{count} standing mock{'' if count == 1 else 's'} (or faults) apply to each run of a function.",
            "Clear them when the test is over.",
            next_call="clear_mocks removes them all",
        )
    for sentence in dict.fromkeys(use.sentence for use in facts.inventory.unsupported):
        head, _, rest = sentence.partition(": ")
        yield warning("unsupported", f"An app asked for what is missing here: {head}.", rest or head)
    if live and not bare and not paused:
        count = len(live)
        yield ok("functions", f"{count} function{'' if count == 1 else 's'} synced; each has what starts it.")


def _named(functions: Sequence[Function]) -> str:
    names = ", ".join(repr(one_line(function.slug, 60)) for function in functions[:_SHOWN])
    more = f" and {len(functions) - _SHOWN} more" if len(functions) > _SHOWN else ""
    return f"{names}{more}"

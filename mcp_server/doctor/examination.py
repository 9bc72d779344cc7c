"""Everything together: facts in, checks out, the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mcp_server.doctor.addresses import address_checks
from mcp_server.doctor.check import Check, Status, problem, skipped
from mcp_server.doctor.endpoint import endpoint_checks
from mcp_server.doctor.engine import engine_checks
from mcp_server.doctor.facts import Facts
from mcp_server.doctor.functions import function_checks
from mcp_server.doctor.syncing import sync_checks
from mcp_server.doctor.trouble import trouble_checks
from mcp_server.doctor.versions import version_checks

_ORDER: Final = tuple(Status)


def examine(facts: Facts) -> tuple[Check, ...]:
    """Judge the facts: problems first, then warnings, what was skipped, and what is fine."""
    return sort_checks(_checks(facts))


def sort_checks(checks: Iterator[Check]) -> tuple[Check, ...]:
    """Return the checks by status; those of one status stay in the order in which they were made."""
    return tuple(sorted(checks, key=lambda check: _ORDER.index(check.status)))


def _checks(facts: Facts) -> Iterator[Check]:
    if not facts.apps and facts.engine is not None:
        yield problem(
            "apps",
            "No app is known.",
            "Start the app with INNGEST_DEV=1; on an unusual port or path name its endpoint: "
            "`stepcue dev -u http://127.0.0.1:3000/api/inngest`.",
            next_call='doctor appUrl="http://127.0.0.1:3000/api/inngest"',
        )
    for app in facts.apps:
        yield from endpoint_checks(app, facts)
        yield from sync_checks(app, facts)
        yield from address_checks(app, facts.engine)
        yield from version_checks(app)
    if facts.apps_left_out:
        yield skipped("apps", f"{facts.apps_left_out} more apps were not asked; name one with appUrl.")
    yield from function_checks(facts)
    yield from trouble_checks(facts)
    yield from engine_checks(facts)

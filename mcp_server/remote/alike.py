"""Make a run elsewhere and one here comparable: what a server does not tell is no difference. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from durable_engine import RunComparison, RunView, StepKind, StepStatus, StepView, compare
from durable_engine.model.json_value import JSONObject, JSONValue
from mcp_server.remote.recorded import is_presumed
from mcp_server.remote.values import unwrapped

_Key = tuple[str, int]


def compare_across(remote: RunView, local: RunView) -> RunComparison:
    """Return how the run here differs from the one elsewhere, as far as that one is known."""
    here = {_key(step): step for step in local.steps}
    theirs = [_as_told(step, here.get(_key(step))) for step in _in_order(remote, local)]
    known = {_key(step): step for step in remote.steps}
    ours = [_as_known(step, known.get(_key(step))) for step in local.steps if not is_presumed(step)]
    return compare(
        replace(remote, steps=tuple(theirs), error=_said(remote.error)),
        replace(local, steps=tuple(ours), output=unwrapped(local.output), error=_said(local.error)),
    )


def _key(step: StepView) -> _Key:
    return step.name, step.index


def _in_order(remote: RunView, local: RunView) -> list[StepView]:
    """Return the steps elsewhere; those asked for together as they are here, as their order means nothing."""
    groups: defaultdict[int, list[_Key]] = defaultdict(list)
    for step in local.steps:
        if step.group_id is not None:
            groups[step.group_id].append(_key(step))
    by_key = {_key(step): step for step in remote.steps}
    steps = list(remote.steps)
    for group in groups.values():
        keys = [key for key in group if key in by_key]
        places = sorted(place for place, step in enumerate(steps) if _key(step) in keys)
        for place, key in zip(places, keys, strict=True):
            steps[place] = by_key[key]
    return steps


def _as_told(step: StepView, here: StepView | None) -> StepView:
    """Return a step elsewhere; the API calls some kinds RUN for want of a word."""
    kind = here.kind if here is not None and step.kind is StepKind.RUN else step.kind
    return replace(step, kind=kind, output=_output(step), error=_said(step.error))


def _as_known(step: StepView, there: StepView | None) -> StepView:
    """Return a step here without what the server does not tell of the same step there."""
    given = step.input if there is None or there.input is not None else None
    return replace(step, input=unwrapped(given), output=_output(step), error=_said(step.error))


def _said(error: JSONObject | None) -> JSONObject | None:
    """Return an error without fields of which it says nothing."""
    return error and {name: value for name, value in error.items() if value is not None}


def _output(step: StepView) -> JSONValue:
    if step.status is not StepStatus.COMPLETED:
        return None
    if step.kind is StepKind.WAIT_FOR_EVENT and isinstance(step.output, dict):
        return {"name": step.output.get("name"), "data": step.output.get("data"), "user": {}}
    return unwrapped(step.output)

"""`POST /v1/checkpoint/{run_id}/async`: steps that an SDK reports while its call goes on.

Source: the TypeScript and Go SDKs as observed. 409 makes TypeScript 4 stop at once; any other refusal makes
it try five times and then report the steps in its answer.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durable_engine.engine import Engine
from durable_engine.http_api.fields import FieldError, read_object, text_of
from durable_engine.model.json_value import JSONValue
from durable_engine.model.op import Op, StepErrored, StepPlanned, StepRan
from durable_engine.model.reply import Ops
from durable_engine.sdk.opcodes import OpcodeError, read_ops


def routes(engine: Engine) -> list[Route]:
    """Return the routes of this resource."""

    async def report_steps(request: Request) -> Response:
        body = await read_object(request)
        item_ref = text_of(body, "qi_id") or ""
        reply = _read_steps(body.get("steps"))
        await engine.control.checkpoint(request.path_params["run_id"], item_ref=item_ref, reply=reply)
        return Response()

    return [Route("/v1/checkpoint/{run_id}/async", report_steps, methods=["POST"])]


def _read_steps(steps: JSONValue) -> Ops:
    if not isinstance(steps, list):
        raise FieldError("`steps` must be a list of opcodes.")
    ops: list[Op] = []
    for entry in steps:
        try:
            read = read_ops([entry])
        except OpcodeError as fault:
            raise FieldError(f"`steps` cannot be read: {fault}.") from None
        # TypeScript 4 reports a step that throws nothing at all as an error without an error.
        threw_nothing = entry.get("error") is None
        if not all(
            isinstance(op, StepRan | StepPlanned) or (isinstance(op, StepErrored) and threw_nothing)
            for op in read
        ):
            raise FieldError(
                f"A checkpoint may hold StepRun, Step and StepPlanned opcodes, not {entry['op'][:100]!r}."
            )
        ops += read
    return Ops(ops=tuple(ops))

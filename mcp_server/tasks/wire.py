"""Tasks as they go over the wire: extension io.modelcontextprotocol/tasks, revision 2026-07-28."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from mcp.types import CallToolResult, RequestParams
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from mcp_server.render.times import iso

IDENTIFIER: Final = "io.modelcontextprotocol/tasks"
REVISIONS: Final = frozenset({"2026-07-28"})

Status = Literal["working", "input_required", "completed", "failed", "cancelled"]


class TaskParams(RequestParams):
    """Params of `tasks/get` and `tasks/cancel`."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    task_id: str


class UpdateParams(TaskParams):
    """Params of `tasks/update`: answers by the keys of the requests."""

    input_responses: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task as it is now.

    `result` belongs to a completed one, `error` (`code`, `message`) to one that a fault of the protocol
    ended, `input_requests` (by key) to one that waits for its client.
    """

    id: str
    status: Status
    message: str
    created_ms: int
    updated_ms: int
    poll_ms: int
    result: CallToolResult | None = None
    error: dict[str, Any] | None = None
    input_requests: dict[str, Any] | None = None

    def created(self) -> dict[str, Any]:
        """Return the answer to the call that made the task."""
        return {"resultType": "task", **self._facts()}

    def detailed(self) -> dict[str, Any]:
        """Return the answer to `tasks/get`."""
        answer = {"resultType": "complete", **self._facts()}
        if self.result is not None:
            answer["result"] = self.result.model_dump(by_alias=True, mode="json", exclude_none=True)
        if self.error is not None:
            answer["error"] = self.error
        if self.input_requests is not None:
            answer["inputRequests"] = self.input_requests
        return answer

    def _facts(self) -> dict[str, Any]:
        return {
            "taskId": self.id,
            "status": self.status,
            "statusMessage": self.message,
            "createdAt": iso(self.created_ms),
            "lastUpdatedAt": iso(self.updated_ms),
            "ttlMs": None,
            "pollIntervalMs": self.poll_ms,
        }

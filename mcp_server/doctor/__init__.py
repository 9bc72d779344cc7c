"""The doctor: judges facts about the engine and its apps. Pure: facts in, checks out."""

from mcp_server.doctor.check import Check, Status
from mcp_server.doctor.examination import examine
from mcp_server.doctor.facts import AppFacts, EngineFacts, Facts, RunTrouble, UnheardEvent

__all__ = [
    "AppFacts",
    "Check",
    "EngineFacts",
    "Facts",
    "RunTrouble",
    "Status",
    "UnheardEvent",
    "examine",
]

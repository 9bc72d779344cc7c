"""A tour of Stepcue: a real engine, a real app, and the calls an assistant makes.

Run it with `make demo`, or `python examples/demo.py` where Stepcue and its `dev` extra are installed.
It starts `stepcue dev` and the sample app on free ports, drives the MCP endpoint, and stops both.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from demo_children import Child, DemoError, stepcue_and_app
from demo_transcript import Transcript
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

URL = "http://127.0.0.1:8288/mcp"
ORDER = {"orderId": "o-42", "items": [{"sku": "mug", "price": 12, "quantity": 2}]}
PATIENCE = 20
"""How often the demo asks again, a second each, until a run has come to the wait it is meant to show."""


class Assistant:
    """Calls tools and shows what was asked and answered."""

    def __init__(self, client: Client, transcript: Transcript) -> None:
        self._client = client
        self._transcript = transcript

    async def ask(self, question: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """Show the question, make the call, show the answer; return its structured form."""
        self._transcript.question(question)
        return await self.follow_up(tool, **arguments)

    async def follow_up(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Make one more call for the same question."""
        self._transcript.call(tool, arguments)
        text, answer = await self._call(tool, arguments)
        self._transcript.answer(text)
        return answer

    async def ask_until_waiting(self, question: str, run_id: str, kind: str) -> None:
        """Poll until the run waits for `kind` ("sleep", "event"), and show that answer."""
        arguments = {"runIds": [run_id], "timeout": 1}
        for _ in range(PATIENCE):
            text, answer = await self._call("poll_run_status", arguments)
            waits = [wait["kind"] for wait in answer["runs"][0].get("waitingFor") or ()]
            if kind in waits or answer["allEnded"] or (kind == "sleep" and waits):
                break
        expect(bool(waits), f"The run should wait for something, but: {answer['message']}")
        self._transcript.question(question)
        self._transcript.call("poll_run_status", arguments)
        self._transcript.answer(text)

    async def _call(self, tool: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        result = await self._client.call_tool(tool, arguments)
        text = "\n".join(part.text for part in result.content if part.type == "text")
        if result.is_error or result.structured_content is None:
            raise DemoError(f"{tool} failed: {text}")
        return text, dict(result.structured_content)


def expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Stop the demo when it does not show what it is meant to show."""
    if not holds:
        raise DemoError(otherwise)


async def order(assistant: Assistant) -> None:
    """An event starts a run, which ends well."""
    await assistant.ask("Which workflows are there?", "list_functions")
    sent = await assistant.ask(
        "Trigger the order workflow.", "send_event", name="shop/order.created", data=ORDER
    )
    polled = await assistant.ask("Did it go through?", "poll_run_status", runIds=sent["runIds"], timeout=30)
    expect(polled["completed"] == 1, "The order run should be COMPLETED.")
    await assistant.ask("Show me every step.", "get_run_status", runId=sent["runIds"][0])


async def signup(assistant: Assistant) -> None:
    """A run sleeps, waits for an event, gets it, and goes on."""
    sent = await assistant.ask(
        "A new user signs up.", "send_event", name="app/user.signup", data={"userId": "u-7"}
    )
    (run_id,) = sent["runIds"]
    await assistant.ask_until_waiting("What is it doing?", run_id, "sleep")
    await assistant.ask_until_waiting("And now?", run_id, "event")
    resumed = await assistant.ask(
        "Send what it waits for.",
        "send_event",
        name="app/project.created",
        data={"userId": "u-7", "name": "Apollo"},
    )
    expect(run_id in (resumed.get("resumed") or ()), "The event should have resumed the run.")
    polled = await assistant.follow_up("poll_run_status", runIds=[run_id], timeout=30)
    expect(polled["completed"] == 1, "The signup run should be COMPLETED.")


async def tested(assistant: Assistant) -> None:
    """A path of three days is tested at once, with a mail that is not sent, and a call that breaks."""
    verdict = await assistant.ask(
        "And a user who starts no project, which takes three days? Send no mail.",
        "test_function",
        event="app/user.signup",
        data={"userId": "u-8"},
        mocks=[{"stepId": "send-reminder", "result": "no mail"}],
        expect={"output": {"userId": "u-8", "activated": False}, "ran": ["send-reminder"]},
    )
    expect(verdict["passed"], f"The test should pass, but: {verdict['message']}")
    verdict = await assistant.ask(
        "Does an order survive that the answer of the card step is lost?",
        "test_function",
        event="shop/order.created",
        data=ORDER,
        faults=[{"stepId": "charge-card", "kind": "reply_lost"}],
        expect={"steps": {"charge-card": {"attempts": 2}}},
    )
    expect(verdict["passed"], f"The test should pass, but: {verdict['message']}")


async def failed_import(assistant: Assistant) -> None:
    """A run fails, says why, and works with other data."""
    sent = await assistant.ask(
        "Import the invoices of May, and wait for it.",
        "send_event",
        name="billing/import.requested",
        data={"source": "may.pdf"},
        wait=30,
    )
    status = await assistant.ask("Why did it fail?", "get_run_status", runId=sent["runIds"][0])
    expect(status["status"] == "FAILED", "The import should have FAILED.")
    invoked = await assistant.ask(
        "Try it with a .csv file: only that function, not its event.",
        "invoke_function",
        functionId="shop-import-invoices",
        data={"source": "may.csv"},
    )
    expect(invoked["status"] == "COMPLETED", "The import of a .csv file should be COMPLETED.")


async def misspelt(assistant: Assistant) -> None:
    """An event that nobody listens to."""
    sent = await assistant.ask(
        "Send the order again (with a typo in the event name).",
        "send_event",
        name="shop/order.create",
        data=ORDER,
    )
    expect(
        "shop/order.created" in (sent.get("nearestTriggers") or ()), "The nearest trigger should be named."
    )


async def documentation(assistant: Assistant) -> None:
    """The documentation, offline: search, read a section, grep."""
    found = await assistant.ask(
        "What does NonRetriableError do inside a Python step?",
        "search_docs",
        query="NonRetriableError inside a step",
        sdk="python",
        limit=3,
    )
    expect(bool(found["results"]), "The search should find something.")
    best = found["results"][0]
    await assistant.follow_up("read_doc", path=best["path"], section=best["section"])
    lines = await assistant.ask(
        "Where else do the docs mention it?", "grep_docs", pattern="NonRetriableError", limit=5
    )
    expect(bool(lines["matches"]), "The documentation should mention NonRetriableError.")


def closing(transcript: Transcript) -> None:
    """Say how to go on with an own app and an own assistant."""
    command = Path(sys.executable).with_name("stepcue")
    with contextlib.suppress(ValueError):
        command = command.relative_to(Path.cwd())
    transcript.heading("Now with your own app: start it with INNGEST_DEV=1, then start Stepcue")
    transcript.say(f"  stepcue dev -u http://127.0.0.1:8000/api/inngest      (here: {command} dev -u ...)")
    transcript.heading("Connect Claude Code")
    transcript.say(f"  claude mcp add --transport http stepcue {URL}")
    transcript.heading("Connect Cursor: .cursor/mcp.json")
    transcript.say(f'  {{"mcpServers": {{"stepcue": {{"url": "{URL}"}}}}}}')
    transcript.heading("Connect VS Code: .vscode/mcp.json")
    transcript.say(f'  {{"servers": {{"stepcue": {{"type": "http", "url": "{URL}"}}}}}}')


@asynccontextmanager
async def mcp_session(origin: str) -> AsyncIterator[Client]:
    """Connect as an assistant does; a proxy in the environment is not meant for this machine."""
    timeout = httpx2.Timeout(10, read=120)
    async with (
        httpx2.AsyncClient(timeout=timeout, trust_env=False) as http,
        Client(streamable_http_client(f"{origin}/mcp", http_client=http)) as client,
    ):
        yield client


async def tour(transcript: Transcript, children: list[Child]) -> None:
    """Run everything."""
    transcript.say("Starting Stepcue and the sample app (examples/python_app) on free ports ...")
    async with stepcue_and_app(children) as origin, mcp_session(origin) as client:
        transcript.say(f"Stepcue answers at {origin}/mcp; what follows are real calls to it.")
        transcript.say("Answers are shortened here; an assistant gets all of them.")
        assistant = Assistant(client, transcript)
        for part in (order, signup, tested, failed_import, misspelt, documentation):
            await part(assistant)
    closing(transcript)


async def main() -> int:
    """Run the tour; 0 when it showed everything, 1 with the reason and the logs when not."""
    this = asyncio.current_task()
    with contextlib.suppress(NotImplementedError):  # Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel if this else lambda: None)
    children: list[Child] = []
    try:
        await tour(Transcript(), children)
    except Exception as error:  # noqa: BLE001 - whatever it is, the logs tell more than a traceback
        print(f"\nThe demo failed. {reason(error)}", file=sys.stderr)
        for child in children:
            print(f"\n--- last output of {child.name}\n{child.log}", file=sys.stderr)
        return 1
    return 0


def reason(error: BaseException) -> str:
    """Return the sentence behind an error, out of the groups that nested connections wrap it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, DemoError) else f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Unicode gets question marks
    try:
        sys.exit(asyncio.run(main()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)

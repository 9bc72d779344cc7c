"""The shipped pages: complete, linked, and found by those who look for them."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from benchmarks.docs_grades import QUESTIONS, read_questions
from docs_index import DocsIndex, front_matter

ROOT = Path(str(files("docs_index") / "corpus"))
PAGES = sorted(ROOT.rglob("*.md"))
CATEGORIES = [
    "getting-started",
    "concepts",
    "steps",
    "guides",
    "sdk",
    "testing",
    "tools",
    "reference",
    "operations",
    "causes",
    "troubleshooting",
]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]+))?\)")
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
TYPESCRIPT = re.compile(r"```(?:typescript|tsx)\n(.*?)```", re.DOTALL)
ONE_SDK = {
    "concepts/checkpointing.md",
    "getting-started/nextjs.md",
    "getting-started/python.md",
    "getting-started/typescript.md",
    "guides/typescript-app.md",
    "operations/serving-python.md",
    "operations/serving-typescript.md",
    "sdk/durable-endpoints.md",
    "sdk/eslint.md",
    "sdk/python-migrations.md",
    "sdk/python-pydantic.md",
    "sdk/python-sync-and-async.md",
    "sdk/tracing.md",
    "sdk/typescript-3-to-4.md",
}
"""Pages about what only one of the SDKs has."""


def asked_for(page: Path) -> list[str]:
    """Return the phrases with which people ask for a page, as they compare."""
    return [normalised(phrase) for phrase in front_matter.split(page.read_text("utf-8"))[0].items("asked")]


def normalised(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def test_there_are_pages_in_every_category(shipped: DocsIndex) -> None:
    assert list(shipped.list().categories) == CATEGORIES
    assert shipped.list().total == len(PAGES) >= 250


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_complete_front_matter_and_text(page: Path) -> None:
    matter, body = front_matter.split(page.read_text(encoding="utf-8"))

    assert body.startswith(f"# {matter.text('title')}\n")
    assert 20 <= len(matter.text("description")) <= 140
    assert matter.text("category") == page.relative_to(ROOT).parts[0]
    assert set(matter.items("sdks")) <= {"typescript", "python", "go"}
    assert matter.text("order").isdecimal()
    assert len(body.split()) >= 80


def test_no_two_pages_have_the_same_title_or_place() -> None:
    matters = [front_matter.split(page.read_text(encoding="utf-8"))[0] for page in PAGES]

    for key in ("title", "order"):
        values = [matter.text(key) for matter in matters]
        assert len(values) == len(set(values)), key


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_says_what_people_ask_when_it_is_the_answer(page: Path) -> None:
    assert 4 <= len(asked_for(page)) <= 8


def test_no_phrase_asks_for_two_pages_or_is_a_question_of_the_benchmark() -> None:
    counts = Counter(phrase for page in PAGES for phrase in asked_for(page))

    assert [phrase for phrase, count in counts.items() if count > 1] == []
    assert counts.keys() & {normalised(question.ask) for question in read_questions(QUESTIONS)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path, shipped: DocsIndex) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        file = (page.parent / target).resolve()
        assert file.is_file(), target
        shipped.read(str(file.relative_to(ROOT.resolve())), section=anchor or None)


def test_what_a_page_declares_is_what_it_holds(shipped: DocsIndex) -> None:
    for page in PAGES:
        declared = front_matter.split(page.read_text(encoding="utf-8"))[0].items("sdks")
        assert shipped.read(str(page.relative_to(ROOT))).sdks == declared, page


def test_pages_about_sdk_use_show_both_languages() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if str(page.relative_to(ROOT)) in ONE_SDK:
            assert bool(PYTHON.search(text)) != bool(TYPESCRIPT.search(text)), page
        else:
            assert bool(PYTHON.search(text)) == bool(TYPESCRIPT.search(text)), page


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("how do I retry a failed step", "concepts/retries-and-backoff"),
        ("what is step.run?", "steps/run"),
        ("wait_for_event", "steps/wait-for-event"),
        ("human approval", "steps/wait-for-event"),
        ("undo a payment when a later step fails", "guides/rollbacks"),
        ("saga pattern", "guides/rollbacks"),
        ("idempotancy", "guides/idempotency"),
        ("run several steps at the same time", "steps/parallel"),
        ("call another function and use its result", "steps/invoke"),
        ("INNGEST_DEV", "reference/environment-variables"),
        ("connect to claude code", "getting-started/connect-claude-code"),
        (".vscode/mcp.json", "getting-started/connect-vscode"),
        ("connect claude desktop", "getting-started/connect-claude-desktop"),
        ("add to codex", "getting-started/connect-codex"),
        ("windsurf", "getting-started/connect-windsurf"),
        ("docker compose", "getting-started/docker"),
        ("start with inngest in python", "getting-started/python"),
        ("next.js route", "getting-started/nextjs"),
        ("inngestgo", "getting-started/go"),
        ("serve functions from hono", "operations/serving-typescript"),
        ("django urls", "operations/serving-python"),
        ("app registers with http behind a proxy", "operations/serve-an-app"),
        ("why is my app listed twice", "operations/apps-and-sync"),
        ("sync after a deploy", "operations/apps-and-sync"),
        ("vercel deployment protection", "operations/deploy-hosting"),
        ("websocket worker", "operations/connect"),
        ("INNGEST_STREAMING", "operations/streaming"),
        ("is_production", "operations/dev-and-cloud-mode"),
        ("request_timeout", "sdk/client-options"),
        ("options of createFunction", "sdk/function-options"),
        ("client.send_sync", "sdk/send-events"),
        ("event key or signing key", "sdk/event-keys"),
        ("port 8288 already in use", "troubleshooting/connection"),
        ("my log lines are printed several times", "troubleshooting/runs"),
        ("on_failure handler", "guides/failure-handlers"),
        ("maximum size of an event", "reference/limits"),
        ("how long is the backoff between attempts", "concepts/retries-and-backoff"),
        ("NonRetriableError", "concepts/errors"),
        ("run is stuck in RUNNING", "troubleshooting/start-here"),
        ("event does not start my function", "troubleshooting/runs"),
        ("poll_run_status timeout", "tools/poll-run-status"),
        ("step output too large", "guides/large-state"),
        ("--in-memory", "reference/cli"),
        ("pause until a date", "steps/sleep-until"),
        ("fan out", "steps/send-event"),
        ("openai call in a step", "steps/ai"),
        ("loop over pages of an API", "steps/loops"),
        ("async in expression", "concepts/expressions"),
        ("cancel a running function", "concepts/cancellation"),
        ("stop a run", "concepts/cancellation"),
        ("cancelOn", "concepts/cancellation"),
        ("wait for a signal from outside", "steps/wait-for-signal"),
        ("engine makes the HTTP call", "steps/fetch"),
        ("step.fetch proxy", "steps/fetch"),
        ("step.ai.infer api key", "steps/ai"),
        ("several steps in one call", "concepts/checkpointing"),
        ("durable endpoint", "concepts/checkpointing"),
        ("I renamed a step while a run was sleeping", "concepts/versioning"),
        ("deploy new code while runs are under way", "concepts/versioning"),
        ("list failed runs with curl", "reference/rest-api"),
        ("rerun a failed run from a step", "tools/rerun"),
        ("app answers 401 signing key", "reference/signing-keys"),
        ("InvalidSignatureError", "reference/signing-keys"),
        ("node typescript app", "guides/typescript-app"),
        ("SignalConflictError", "steps/wait-for-signal"),
        ("run is CANCELLED why", "troubleshooting/runs"),
        ("throttle a function", "guides/throttle-and-rate-limit"),
        ("rate limit an API", "guides/throttle-and-rate-limit"),
        ("rate limit", "guides/throttle-and-rate-limit"),
        ("at most 10 runs per minute", "guides/throttle-and-rate-limit"),
        ("limit concurrency per customer", "guides/concurrency"),
        ("share a limit between functions", "guides/concurrency"),
        ("limit one run per user at a time", "guides/singleton"),
        ("stop duplicate runs", "guides/singleton"),
        ("run only the last event", "guides/debounce"),
        ("collect events", "guides/batching"),
        ("batchEvents", "guides/batching"),
        ("background job queue", "guides/background-jobs"),
        ("replace celery", "concepts/glossary"),
        ("send a reminder before a trial ends", "guides/delayed-functions"),
        ("cron job overlapping runs", "guides/scheduled-functions"),
        ("run cron only in production", "guides/scheduled-functions"),
        ("fan-out collect results", "guides/fan-out"),
        ("invoke function in another app", "guides/invoke-functions"),
        ("stripe webhook signature", "guides/webhooks"),
        ("human in the loop", "guides/approval-workflow"),
        ("drip campaign unsubscribe", "guides/email-sequence"),
        ("reschedule a reminder", "guides/reschedule-and-cancel"),
        ("poll an API until the job is done", "guides/polling-an-api"),
        ("process 100000 rows", "guides/process-large-lists"),
        ("get output of a run from event id", "guides/fetch-run-results"),
        ("clean up after a cancelled run", "guides/cleanup-after-cancellation"),
        ("dynamic steps defined by users", "guides/user-defined-workflows"),
        ("side effect outside of a step", "guides/common-mistakes"),
        ("event naming conventions", "concepts/event-format"),
        ("inngest/function.finished", "concepts/system-events"),
        ("difference between throttle and concurrency", "concepts/flow-control"),
        ("return a Date from a step", "concepts/state-and-data"),
        ("OutputUnserializableError", "concepts/state-and-data"),
        ("ContextSync", "concepts/functions"),
        ("choose a variant by weight", "steps/experiment"),
        ("publish progress to the browser", "steps/publish"),
        ("do I need redis", "troubleshooting/faq"),
        ("important customers first", "guides/priority"),
        ("idempotency key expression", "guides/idempotency"),
        ("can debounce and rate limit be combined", "reference/flow-control"),
        ("maximum debounce period", "reference/limits"),
        ("notStarted decision merge", "tools/send-event"),
        ("run a function every five minutes", "concepts/triggers"),
        ("cron schedule time zone", "concepts/triggers"),
        ("schedule missed while stopped", "guides/scheduled-functions"),
        ("wildcard trigger", "concepts/triggers"),
        ("resume a paused function", "tools/pause-function"),
        ("explain why a run does not go on", "tools/explain"),
        ("pytest fixture for workflows", "guides/test-in-ci"),
        ("run workflow tests in CI", "guides/test-in-ci"),
        ("export a run as a test file", "tools/export-test"),
        ("stepcue test exit code", "reference/cli"),
        ("list of cause codes", "troubleshooting/causes"),
        ("event-not-matched", "causes/event-not-matched"),
    ],
)
def test_questions_of_users_find_their_page_among_the_first_three(
    shipped: DocsIndex, query: str, path: str
) -> None:
    found = list(dict.fromkeys(hit.path for hit in shipped.search(query, limit=6).results))

    assert path in found[:3]


@pytest.mark.parametrize(
    ("option", "guide"),
    [
        ("concurrency", "concurrency"),
        ("throttle", "throttle-and-rate-limit"),
        ("rateLimit", "throttle-and-rate-limit"),
        ("debounce", "debounce"),
        ("batchEvents", "batching"),
        ("singleton", "singleton"),
        ("priority", "priority"),
        ("idempotency", "idempotency"),
    ],
)
def test_an_option_of_flow_control_is_found_by_its_name(shipped: DocsIndex, option: str, guide: str) -> None:
    found = list(dict.fromkeys(match.file for match in shipped.grep(option).matches))

    assert f"guides/{guide}" in found[:2]

"""Causes of `explain`: each is documented on a page of its own, has pages that exist, and is produced."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mcp import Client
from support.assistant import Assistant
from support.causes.asking import Scenario, as_shown
from support.causes.events import EVENTS
from support.causes.failing import FAILING
from support.causes.waiting import WAITING
from support.sdk_app import lab, new_client
from support.shipped_docs import shipped_docs

from durable_engine import Cause
from durable_engine.explain.pages import PAGES
from mcp_server.server import build_server

TESTS = Path(__file__).resolve().parents[1]
ASSERTED = "\n".join(
    path.read_text(encoding="utf-8")
    for path in (
        *TESTS.glob("stories/test_explain_*.py"),
        *TESTS.glob("unit/engine/test_explain_*.py"),
        *TESTS.glob("remote/test_understanding_*.py"),
    )
)
SCENARIOS: dict[str, Scenario] = {**WAITING, **FAILING, **EVENTS}
SECTIONS = ["How it shows", "Usual reasons", "What to do"]
BLOCK = re.compile(r"```text\n(.*?)```", re.DOTALL)
STATUS = re.compile(r"`get_run_status` says `([A-Z]+)`")
WAITS = re.compile(r"`waitingFor` has the kind `([a-z]+)`")


def _text(path: str) -> str:
    return shipped_docs().read(path).text


def test_the_page_lists_every_cause_once_and_no_other() -> None:
    listed = re.findall(
        r"^\| \[`([a-z-]+)`\]\(\.\./causes/([a-z-]+)\.md\) \|", _text("troubleshooting/causes"), re.MULTILINE
    )

    assert sorted(listed) == sorted((cause.value, cause.value) for cause in Cause)


def test_the_page_by_symptom_leads_to_every_cause() -> None:
    linked = re.findall(r"\]\(\.\./causes/([a-z-]+)\.md\)", _text("troubleshooting/start-here"))

    assert set(linked) == {cause.value for cause in Cause}


def test_every_page_among_the_causes_is_about_one() -> None:
    found = shipped_docs().list(category="causes", limit=100).pages

    assert sorted(page.path for page in found) == sorted(f"causes/{cause}" for cause in Cause)


@pytest.mark.parametrize("cause", Cause)
def test_a_cause_is_kebab_case_with_pages_that_exist_and_a_test(cause: Cause) -> None:
    docs = shipped_docs()

    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cause)
    assert PAGES[cause][0] == f"causes/{cause}"
    assert 2 <= len(PAGES[cause]) <= 3
    for path in PAGES[cause]:
        assert docs.read(path).path == path
    assert f'"{cause}"' in ASSERTED or f'"{cause.removeprefix("failed-")}"' in ASSERTED


@pytest.mark.parametrize("cause", Cause)
def test_the_page_of_a_cause_says_what_it_means_how_it_shows_why_and_what_to_do(cause: Cause) -> None:
    text = _text(f"causes/{cause}")
    meaning, *_ = re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)

    assert meaning.startswith("# ")
    assert meaning.partition("\n")[0].endswith(f" ({cause})")
    assert len(meaning.partition("\n")[2].split()) >= 10
    assert [name for name in re.findall(r"^## (.+)$", text, re.MULTILINE) if name in SECTIONS] == SECTIONS
    assert re.search(r"^Related: \[", text, re.MULTILINE)


@pytest.mark.anyio
@pytest.mark.parametrize("cause", Cause)
async def test_the_answer_on_the_page_of_a_cause_is_what_explain_says(cause: Cause) -> None:
    text = _text(f"causes/{cause}")
    (block,) = BLOCK.findall(text)
    shown = await SCENARIOS[cause]()

    assert shown.cause == cause
    said = as_shown(shown.text).splitlines()
    assert [line for line in block.splitlines() if line not in said] == []
    if shown.run is not None:
        assert STATUS.findall(text) == [shown.run.status.value]
        assert WAITS.findall(text) == [wait.kind for wait in shown.run.waiting_for]


@pytest.mark.anyio
async def test_calls_that_the_pages_of_causes_name_fit_the_tools() -> None:
    client = new_client()
    async with lab(client, [], syncs=False) as it, Client(build_server(it.engine, shipped_docs())) as mcp:
        assistant = await Assistant.meet(mcp)
        named = 0
        for cause in Cause:
            for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", _text(f"causes/{cause}")):
                named += len(list(assistant.calls_in(code)))
                assistant.check_advice(cause, {"next": code})

    assert named > 2 * len(Cause)


@pytest.mark.parametrize(
    ("symptom", "path"),
    [
        ("run stuck in RUNNING", "troubleshooting/start-here"),
        ("nothing happens after I send the event", "troubleshooting/start-here"),
        ("run cancelled by itself", "troubleshooting/start-here"),
        ("no functions were triggered", "concepts/triggers"),
        ("event had no effect", "causes/waits-not-met"),
        ("401 when the engine calls my app", "causes/app-refuses-calls"),
        ("connection refused app unreachable", "causes/app-unreachable"),
        ("StepOutputTooLargeError", "causes/size-limit"),
        ("could not find function with ID", "steps/invoke"),
        ("EmptyReplyError", "causes/replay-differs"),
        ("how do I retry a failed step", "concepts/retries-and-backoff"),
        ("cancel a running function", "concepts/cancellation"),
        ("debounce", "guides/debounce"),
        ("throttle a function", "guides/throttle-and-rate-limit"),
    ],
)
def test_a_symptom_finds_its_cause_and_a_general_question_its_general_page(symptom: str, path: str) -> None:
    hits = shipped_docs().search(symptom, limit=8).results
    found = list(dict.fromkeys(hit.path for hit in hits))
    causes = [name for name in found[: found.index(path)] if name.startswith("causes/")]

    assert path in found[:5]
    assert path.startswith(("causes/", "troubleshooting/")) or causes == []


@pytest.mark.parametrize("cause", Cause)
def test_the_code_of_a_cause_finds_its_page(cause: Cause) -> None:
    found = list(dict.fromkeys(hit.path for hit in shipped_docs().search(cause, limit=8).results))

    # A code of one word is a word that people ask general questions with.
    assert f"causes/{cause}" in found[: 1 if "-" in cause else 4]

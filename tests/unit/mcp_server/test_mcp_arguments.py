"""Arguments: strict, and refused in words that help."""

import pytest
from mcp_scripted import RUN_ID, a_run, ask, refused

pytestmark = pytest.mark.anyio


async def test_an_unknown_argument_is_refused_with_the_nearest(server, backend, era):
    text = await refused(server, "send_event", {"name": "a", "dta": {"k": 1}}, era=era)

    assert text == (
        "Bad arguments for send_event:\n"
        "- dta: unknown argument. Did you mean 'data'?\n"
        "Arguments of send_event: name (required), data, user, eventIdSeed, id, ts, wait."
    )
    assert backend.sent == []


@pytest.mark.parametrize(
    ("argument", "meant"), [("run_ids", "runIds"), ("runId", "runIds"), ("poll_interval", "pollInterval")]
)
async def test_other_spellings_are_recognised(server, argument, meant):
    text = await refused(server, "poll_run_status", {argument: ["a"]})

    assert f"{argument}: unknown argument. Did you mean '{meant}'?" in text
    assert "runIds: is required." in text


async def test_a_missing_argument_comes_with_its_description(server):
    text = await refused(server, "get_run_status", {})

    assert "- runId: is required. Run id as send_event" in text


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        (
            "invoke_function",
            {"functionId": "f", "timeout": 56},
            "timeout: must be less than or equal to 55; got a number, 56",
        ),
        (
            "invoke_function",
            {"functionId": "f", "timeout": -1},
            "timeout: must be greater than or equal to 0",
        ),
        (
            "invoke_function",
            {"functionId": "f", "timeout": True},
            "timeout: must not be a boolean; got true or false",
        ),
        (
            "invoke_function",
            {"functionId": "f", "timeout": "soon"},
            "timeout: must be a whole number; got text, 'soon'",
        ),
        (
            "invoke_function",
            {"functionId": "f", "timeout": 1.5},
            "timeout: must be a whole number; got a number, 1.5",
        ),
        ("send_event", {"name": "a", "ts": "2026-01-01"}, "ts: must be a whole number"),
        ("send_event", {"name": 3}, "name: must be text; got a number, 3"),
        ("send_event", {"name": ""}, "name: String should have at least 1 character"),
        ("send_event", {"name": "a", "user": []}, "user: must be a JSON object"),
        ("poll_run_status", {"runIds": "abc"}, "runIds: must be a list; got text, 'abc'"),
        ("poll_run_status", {"runIds": []}, "runIds: List should have at least 1 item"),
        ("poll_run_status", {"runIds": [1]}, "runIds.0: must be text"),
        ("get_run_status", {"runId": "r", "detail": "all"}, "detail: must be 'summary' or 'full'"),
        ("search_docs", {"query": "q", "sdk": "rust"}, "sdk: must be 'typescript', 'python' or 'go'"),
        ("grep_docs", {"pattern": "p", "limit": 0}, "limit: must be greater than or equal to 1"),
    ],
)
async def test_a_value_out_of_bounds_says_what_is_allowed(server, tool, arguments, words):
    text = await refused(server, tool, arguments)

    assert f"- {words}" in text
    assert "pydantic" not in text
    assert "http" not in text


async def test_null_means_left_out(server, backend):
    backend.runs[RUN_ID] = a_run()

    answer = await ask(server, "get_run_status", {"runId": RUN_ID, "cursor": None, "detail": None})

    assert answer["runId"] == RUN_ID


async def test_null_for_a_required_argument_is_refused(server):
    text = await refused(server, "get_run_status", {"runId": None})

    assert "runId: must be text; got null" in text


async def test_a_number_given_as_text_is_read(server, backend):
    backend.runs[RUN_ID] = a_run()

    await ask(server, "poll_run_status", {"runIds": [RUN_ID], "timeout": "7"})

    assert backend.waits == [((RUN_ID,), 7)]


@pytest.mark.parametrize(
    ("name", "meant"), [("sendd_event", "send_event"), ("get_run_stats", "get_run_status")]
)
async def test_an_unknown_tool_names_the_nearest(server, era, name, meant):
    text = await refused(server, name, era=era)

    assert f"Did you mean '{meant}'?" in text
    assert "list_functions" in text


async def test_a_fault_of_ours_tells_nothing_of_its_inside(server, backend, era):
    backend.error = KeyError("secret detail")

    text = await refused(server, "list_functions", era=era)

    assert "fault in Stepcue" in text
    assert "secret" not in text


async def test_many_problems_are_counted_not_listed(server):
    text = await refused(server, "send_event", {f"x{number}" * 40: 1 for number in range(40)})

    assert "and 33 more" in text
    assert len(text) < 4_000


@pytest.mark.parametrize("name", ["\ud800bad", "nul\x00here"])
async def test_text_that_utf8_cannot_encode_is_refused_readably(server, name):
    text = await refused(server, "send_event", {"name": "a", name: 1})

    text.encode()
    assert "unknown argument" in text

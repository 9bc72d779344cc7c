"""What a server offers when it is narrowed, by itself and behind the stdio bridge."""

from collections.abc import Collection

import anyio
import anyio.lowlevel
import pytest
from click.testing import CliRunner
from mcp.types import CallToolResult, TextContent
from mcp_listening import listening
from mcp_scripted import RUN_ID, a_run, connected
from pydantic import SecretStr

from mcp_server.advice import without_hidden
from mcp_server.attach import AttachError, build_bridge, connect
from mcp_server.cli import main
from mcp_server.config import ServerConfig
from mcp_server.offer import offered_names
from mcp_server.render.outline import outline
from mcp_server.toolsets import TOOLSETS

pytestmark = pytest.mark.anyio
READING = {
    "core": ["list_functions", "poll_run_status", "get_run_status", "list_runs", "list_events", "doctor"],
    "testing": ["compare_runs", "get_coverage", "explain"],
    "docs": ["search_docs", "grep_docs", "read_doc", "list_docs"],
    "compat": [
        "get_run",
        "get_run_trace",
        "get_event",
        "get_event_runs",
        "list_function_runs",
        "get_apps",
    ],
}
OFFERED = {
    "core": [
        "list_functions",
        "send_event",
        "invoke_function",
        "poll_run_status",
        "get_run_status",
        "list_runs",
        "list_events",
        "cancel_run",
        "pause_function",
        "doctor",
    ],
    "testing": [
        "test_function",
        "run_fault_matrix",
        "advance_time",
        "check_replay",
        "rerun",
        "compare_runs",
        "get_coverage",
        "export_test",
        "explain",
        "mock_step",
        "clear_mocks",
        "snapshot_engine",
        "restore_engine",
        "reset_engine",
    ],
    "docs": ["search_docs", "grep_docs", "read_doc", "list_docs"],
    "compat": [*READING["compat"], "invoke_function_sync"],
}


async def _names(server, era):
    async with connected(server, era) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


@pytest.mark.parametrize("toolset", TOOLSETS)
async def test_a_toolset_offers_these_tools_and_read_only_these_of_them(new_server, toolset, era):
    toolsets = frozenset({toolset})

    assert await _names(new_server(toolsets=toolsets), era) == OFFERED[toolset]
    assert await _names(new_server(toolsets=toolsets, read_only=True), era) == READING[toolset]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"read_only": True},
        {"toolsets": {"core"}},
        {"toolsets": {"docs", "testing"}, "read_only": True},
        {"tools": {"send_event", "read_doc"}},
        {"tools": {"list_functions"}},
        {"toolsets": {"compat"}, "tools": {"get_run"}},
        {"toolsets": set(TOOLSETS), "read_only": True},
    ],
)
async def test_what_is_told_before_there_is_an_engine_is_what_a_server_offers(new_server, settings, era):
    names = await _names(new_server(**settings), era)

    assert list(offered_names(ServerConfig(**settings))) == names


async def test_no_answer_advises_a_tool_that_is_not_offered(new_server, era):
    texts = []
    for server in (new_server(), new_server(read_only=True)):
        async with connected(server, era) as client:
            answer = await client.call_tool("list_functions", {})
            texts.append(f"{answer.content[0].text} {answer.structured_content}")

    assert "send_event" in texts[0]
    assert "send_event" not in texts[1]


@pytest.mark.parametrize(
    ("advice", "left"),
    [
        ('send_event name="a; b" goes on; explain runId="1" says why', 'explain runId="1" says why'),
        ('explain runId="send_event; x" says why', 'explain runId="send_event; x" says why'),
        ("explain says why", "explain says why"),
        ("send_event starts one.", None),
    ],
)
def test_advice_is_left_out_piece_by_piece(advice, left):
    text = TextContent(type="text", text=f"m\nnext: {advice}")
    answer = CallToolResult(content=[text], structured_content={"message": "m", "next": advice})

    fitting = without_hidden(answer, {"send_event"})

    assert fitting.structured_content.get("next") == left
    assert fitting.content[0].text == ("m" if left is None else f"m\nnext: {left}")


def test_how_and_lists_of_advice_are_kept_to_what_is_offered_and_data_is_left_alone():
    how = "Nothing to do: it ends by itself; advance_time skips it. explain says more."
    facts = {
        "message": "m",
        "steps": [{"output": {"how": "advance_time"}, "waitingFor": {"how": how}}],
        "whatToDo": ['advance_time by="1d"', 'explain runId="1"'],
        "suggestions": ["advance_time shows it."],
    }
    answer = CallToolResult(content=[TextContent(type="text", text=outline(facts))], structured_content=facts)

    fitting = without_hidden(answer, {"advance_time"})
    kept = fitting.structured_content

    (step,) = kept["steps"]
    assert step["waitingFor"]["how"] == "Nothing to do: it ends by itself. explain says more."
    assert step["output"] == {"how": "advance_time"}
    assert kept["whatToDo"] == ['explain runId="1"']
    assert "suggestions" not in kept
    assert fitting.content[0].text == outline(kept)


NARROWED = ServerConfig(toolsets=frozenset({"core"}), read_only=True)


async def test_an_attached_server_lists_and_calls_only_what_it_was_narrowed_to(new_server, backend, era):
    backend.runs[RUN_ID] = a_run()
    with anyio.fail_after(60):
        async with listening(new_server()) as url, connect(url) as upstream:
            await upstream.narrow(NARROWED)
            async with connected(build_bridge(upstream), era) as client:
                names = [tool.name for tool in (await client.list_tools()).tools]
                seen = await client.call_tool("get_run_status", {"runId": RUN_ID})
                renamed = await client.call_tool("get_run_details", {"runId": RUN_ID})
                refused = await client.call_tool("send_event", {"name": "a/b"})
                listed = await client.call_tool("list_functions", {})
                unknown = await client.call_tool("get_run_status", {"runId": "nope"})
                told = client.instructions

    assert names == READING["core"]
    assert seen.structured_content["runId"] == RUN_ID
    assert renamed.structured_content == seen.structured_content
    assert refused.is_error
    assert "There is no tool 'send_event'." in refused.content[0].text
    assert f"Tools here: {', '.join(READING['core'])}." in refused.content[0].text
    assert "send_event" not in f"{listed.content} {listed.structured_content} {unknown.content}"
    assert backend.sent == []
    assert told == new_server(toolsets=frozenset({"core"}), read_only=True).instructions


async def test_an_attached_server_offers_no_more_than_the_running_one(new_server, era, caplog):
    with anyio.fail_after(60):
        async with (
            listening(new_server(toolsets=frozenset({"docs"}))) as url,
            connect(url) as upstream,
        ):
            await upstream.narrow(ServerConfig(tools=frozenset({"read_doc", "send_event"})))
            async with connected(build_bridge(upstream), era) as client:
                names = [tool.name for tool in (await client.list_tools()).tools]
            with pytest.raises(AttachError, match="none of the tools"):
                await upstream.narrow(ServerConfig(tools=frozenset({"send_event"})))

    assert names == ["read_doc"]
    assert "does not offer send_event" in caplog.text


async def test_the_token_is_in_no_text_of_the_bridge(new_server):
    token = SecretStr("planted-token-0123456789")
    async with listening(new_server()) as url, connect(url, token=token) as upstream:
        assert "planted" not in repr(vars(upstream))


def _run(options: Collection[str], env: dict[str, str] | None = None) -> str:
    result = CliRunner().invoke(main, ["dev", "--port", "0", *options], env=env)
    assert result.exit_code == 2
    return result.output


@pytest.mark.parametrize(
    ("options", "env", "words"),
    [
        (
            ["--toolsets", "core,tesing"],
            {},
            "'testing'? Toolsets: core, testing, docs, compat, all",
        ),
        ([], {"STEPCUE_TOOLSETS": "core tesing"}, "STEPCUE_TOOLSETS"),
        (["--tools", "send_evnt"], {}, "Did you mean 'send_event'?"),
        ([], {"STEPCUE_TOOLS": "send_evnt"}, "Did you mean 'send_event'?"),
        (
            ["--toolsets", "docs", "--tools", "send_event"],
            {},
            "in toolset 'core', but --toolsets names only docs",
        ),
        (["--tools", "send_event"], {"STEPCUE_READ_ONLY": "1"}, "left out by --read-only"),
        ([], {"STEPCUE_READ_ONLY": "perhaps"}, "STEPCUE_READ_ONLY"),
        (["--allow-host", "http://x"], {}, "not a host name"),
        ([], {"STEPCUE_ALLOW_HOSTS": "a,*"}, "'*' is not a host name"),
        (["--allow-origin", "tools.example"], {}, "https://tools.example"),
        (["--allow-origin", "*"], {}, "not the origin of a page"),
        ([], {"STEPCUE_ALLOW_ORIGINS": "null"}, "not the origin of a page"),
        ([], {"STEPCUE_TOKEN": "planted"}, "openssl rand"),
        ([], {"STEPCUE_TOKEN": "planted planted planted"}, "openssl rand"),
        (["--token-file", "/no/such/file"], {}, "No such file"),
        (["--token-file", "/no/such/file"], {"STEPCUE_TOKEN": "planted" * 4}, "not as both"),
    ],
)
def test_a_bad_option_ends_the_start_with_what_is_allowed(options, env, words):
    said = " ".join(_run(options, env).split())

    assert words in said
    assert "planted" not in said


@pytest.mark.parametrize(
    ("options", "env", "names"),
    [
        ([], {}, None),
        ([], {"STEPCUE_TOOLSETS": "", "STEPCUE_TOKEN": "", "STEPCUE_READ_ONLY": ""}, None),
        (["--toolsets", "docs"], {"STEPCUE_TOOLSETS": "core"}, OFFERED["docs"]),
        (["--toolsets", "docs", "--toolsets", "core"], {}, [*OFFERED["core"], *OFFERED["docs"]]),
        ([], {"STEPCUE_TOOLSETS": " core, docs,"}, [*OFFERED["core"], *OFFERED["docs"]]),
        (["--toolsets", "all", "--read-only"], {}, [name for names in READING.values() for name in names]),
        ([], {"STEPCUE_TOOLS": "read_doc send_event"}, ["send_event", "read_doc"]),
        (["--tools", "explain", "--toolsets", "testing"], {"STEPCUE_READ_ONLY": "true"}, ["explain"]),
    ],
)
def test_options_choose_tools_wherever_they_are_given(monkeypatch, options, env, names):
    chosen = []

    def serve(options, **_):
        chosen.append(options.server)
        return anyio.lowlevel.checkpoint()

    monkeypatch.setattr("mcp_server.launch.serve", serve)
    result = CliRunner().invoke(main, ["dev", "--port", "0", *options], env=env, catch_exceptions=False)

    assert result.exit_code == 0, result.output
    expected = offered_names(ServerConfig()) if names is None else tuple(names)
    assert offered_names(chosen[0]) == expected

"""The tool export_test through a real client: the file's text, files on disk, and what is refused."""

import json

import inngest
import pytest
from mcp_scripted import ask, connected, refused
from support.sdk_app import ENGINE_ORIGIN, lab, new_client

from mcp_server.config import ServerConfig
from mcp_server.server import build_server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def asking(docs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    client = new_client()

    @client.create_function(fn_id="greet", trigger=inngest.TriggerEvent(event="t/greet"))
    async def greet(ctx):
        async def name():
            return ctx.event.data["name"]

        return await ctx.step.run("name", name)

    @client.create_function(fn_id="wait", trigger=inngest.TriggerEvent(event="t/wait"))
    async def wait(ctx):
        await ctx.step.wait_for_event("go", event="t/go", timeout=1_000)

    async with lab(client, [greet, wait]) as it:
        it.server = build_server(it.engine, docs, config=ServerConfig(engine_url=ENGINE_ORIGIN))
        it.run_id = await it.start("t/greet", {"name": "Eve"})
        await it.settle(it.run_id)
        yield it


async def test_the_text_is_in_the_answer_with_how_to_run_it(asking):
    answer = await ask(asking.server, "export_test", {"runId": asking.run_id})

    assert answer["message"].startswith("A pytest test that repeats the run")
    assert "Save it as test_lab_greet_completed.py" in answer["next"]
    assert 'run.step("name").assert_output("Eve").assert_attempts(1)' in answer["code"]
    compile(answer["code"], "test_x.py", "exec")
    assert "stepcue_app" in answer["next"]
    assert answer["notes"][0].startswith("Runs for real: 'name")
    everything = await ask(asking.server, "export_test", {"runId": asking.run_id, "mock": "all"})
    assert 'mocks={"name": "Eve"}' in everything["code"]


async def test_all_of_a_long_file_needs_a_path(asking, tmp_path):
    run_id = await asking.start("t/greet", {"name": "x" * 30_000})
    await asking.settle(run_id)
    answer = await ask(asking.server, "export_test", {"runId": run_id})
    assert 'path="test_lab_greet_completed.py" writes all of it' in answer["truncated"]
    assert len(answer["code"]) == 16_000
    written = await ask(asking.server, "export_test", {"runId": run_id, "path": "a/b/test_long.py"})
    assert written["path"] == str(tmp_path / "a" / "b" / "test_long.py")
    assert "code" not in written
    assert "x" * 30_000 in (tmp_path / "a" / "b" / "test_long.py").read_text()
    assert [entry.name for entry in (tmp_path / "a" / "b").iterdir()] == ["test_long.py"]


@pytest.mark.parametrize(
    ("form", "path", "words"),
    [
        ("pytest", "../test_x.py", "is not below"),
        ("pytest", "/test_x.py", "is not below"),
        ("pytest", "link/test_x.py", "is not below"),
        ("pytest", ".git/hooks/test_x.py", "is hidden"),
        ("pytest", "test_x.sh", "A pytest file ends with .py"),
        ("vitest", "x.py", "A vitest file ends with .ts or .mts or .js or .mjs"),
        ("scenario", "x.yaml", "A scenario file ends with .json"),
        ("pytest", "mine.py", "is there already, and export_test did not write it"),
        ("pytest", "folder.py", "is there already, and export_test did not write it"),
        ("pytest", "mine.py/test_x.py", "cannot be written"),
        ("pytest", "a\0b.py", "is no path of a file"),
        ("pytest", ".", "is not below"),
    ],
)
async def test_files_are_only_written_where_they_belong(asking, tmp_path, form, path, words):
    (tmp_path / "mine.py").write_text("print('mine')\n")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "link").symlink_to(tmp_path.parent)
    text = await refused(asking.server, "export_test", {"runId": asking.run_id, "format": form, "path": path})
    assert words in text
    assert (tmp_path / "mine.py").read_text() == "print('mine')\n"


async def test_its_own_files_are_replaced(asking, tmp_path):
    for form, path in (("pytest", "test_x.py"), ("vitest", "x.test.ts"), ("scenario", "x.json")):
        for mock in ("used", "all"):
            await ask(
                asking.server,
                "export_test",
                {"runId": asking.run_id, "format": form, "path": path, "mock": mock},
            )
        assert "Exported by Stepcue" in (tmp_path / path).read_text()


async def test_runs_that_no_test_repeats_are_refused(asking):
    unknown = await refused(asking.server, "export_test", {"runId": "01JD4Z9QW3V8T5N2B7K1M6X0CR"})
    assert "No run" in unknown
    run_id = await asking.start("t/wait")
    await asking.settle(run_id)
    text = await refused(asking.server, "export_test", {"runId": run_id})
    assert "is RUNNING: only what has ended" in text
    assert f'advance_time runId="{run_id}" to="end"' in text


async def test_its_definition_is_small(asking):
    async with connected(asking.server) as client:
        (tool,) = [tool for tool in (await client.list_tools()).tools if tool.name == "export_test"]
    shown = [
        tool.description,
        *(json.dumps(schema, separators=(",", ":")) for schema in (tool.input_schema, tool.output_schema)),
    ]
    assert sum(map(len, shown)) < 1_400

"""Values of user code on their way out: readable by every client, cut to size."""

import json

import pytest
from mcp_scripted import RUN_ID, a_run, ask
from pydantic import BaseModel

from mcp_server.clean import MAX_DEPTH, as_json, clean, one_line
from mcp_server.nearest import nearest_names
from mcp_server.render.budget import MAX_CHARS, first_fit, fits, reply
from mcp_server.render.outline import outline
from mcp_server.render.payload import Cutter
from mcp_server.render.times import iso
from mcp_server.results.base import Result
from mcp_server.schema import short_output_schema, tidy


class Note(Result):
    text: str


def nested(depth: int) -> object:
    value: object = "deep"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.anyio
@pytest.mark.parametrize(
    "output",
    ["lone \ud800 surrogate", {"\udfff": "\ud83d"}, "nul \x00", nested(600), 10**40, -0.0, [], {}, "", False],
)
async def test_any_output_reaches_the_client(server, backend, era, output):
    backend.runs[RUN_ID] = a_run(output=output)

    answer = await ask(server, "get_run_status", {"runId": RUN_ID}, era=era)

    json.dumps(answer, ensure_ascii=False).encode()
    assert "output" in answer


def test_lone_surrogates_are_replaced_and_pairs_kept():
    assert clean({"a\ud800": ["\ud83d\ude00", "x"]}) == {"a�": ["😀", "x"]}


def test_deep_values_end_as_text():
    value = clean(nested(MAX_DEPTH + 5))

    for _ in range(MAX_DEPTH):
        (value,) = value
    assert value == '[[[[["deep"]]]]]'


def test_what_is_not_json_is_shown_by_its_type():
    assert as_json({"a": {1}}) == '{"a":"set"}'
    assert as_json(nested(100_000)) == "[nested too deeply to show]"


def test_one_line_is_one_line_and_short():
    assert one_line("a\n b\x00\u2028c") == "a b c"
    assert one_line("x" * 300, 10) == "xxxxxxxxx…"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00.000Z"),
        (1_790_000_000_123, "2026-09-21T14:13:20.123Z"),
        (10**18, f"{10**18} ms"),
        (-(10**18), f"{-(10**18)} ms"),
    ],
)
def test_instants(ms, text):
    assert iso(ms) == text


def test_a_value_that_fits_stays_a_value():
    cut = Cutter(20)

    assert cut.value({"a": 1}) == {"a": 1}
    assert cut.value({"a": "x" * 40}) == '{"a":"xxxxxxxxxxxxxx… [cut: 20 of 48 characters]'
    assert cut.cuts == 1


def test_an_error_without_message_still_has_one():
    error = Cutter(50).error({"name": None, "message": "", "stack": {"odd": 1}, "cause": {"message": "x"}})

    assert error.wire() == {
        "message": "(no message)",
        "stack": '{"odd":1}',
        "details": {"cause": {"message": "x"}},
    }


def test_the_outline_quotes_what_is_not_plain():
    text = outline({"message": "Done.", "runId": "r-1", "stepName": 'a"b', "ids": ["x", "y\nz"], "empty": []})

    assert text == 'Done.\nrunId: r-1\nstepName: "a\\"b"\nids: x, "y\\nz"\nempty: none'


def test_the_first_answer_that_fits_is_taken():
    def build(size: int):
        return lambda: reply(Note(message="m", text="x" * size))

    answer = first_fit([build(MAX_CHARS * 2), build(10), build(5)])

    assert answer.structured_content["text"] == "x" * 10
    assert not fits(first_fit([build(MAX_CHARS * 2)]))
    with pytest.raises(ValueError, match="no way"):
        first_fit([])


def test_schemas_lose_titles_and_optional_nulls_only():
    class Inner(BaseModel):
        title: str
        kind: int | str | None = None

    class Outer(BaseModel):
        """Prose."""

        inner: Inner | None = None
        must: int | None

    schema = tidy(Outer.model_json_schema())

    assert schema["properties"]["inner"] == {"$ref": "#/$defs/Inner"}
    assert schema["$defs"]["Inner"]["properties"]["title"] == {"type": "string"}
    assert len(schema["$defs"]["Inner"]["properties"]["kind"]["anyOf"]) == 3
    assert schema["description"] == "Prose."
    assert "description" not in short_output_schema(Outer.model_json_schema())


def test_nearest_names_ignore_case_and_separators():
    assert nearest_names("event_id_seed", ["eventIdSeed", "id"]) == ["eventIdSeed"]
    assert nearest_names("order", ["shop/order.placed", "mail"]) == ["shop/order.placed"]
    assert nearest_names("zzz", ["a"]) == []


def test_a_long_stack_keeps_both_of_its_ends():
    stack = "Error: first line\n" + "frame\n" * 200 + "ValueError: last line"
    error = Cutter(60).error({"name": "ValueError", "message": "m", "stack": stack})

    assert error is not None
    assert error.stack is not None
    assert error.stack.startswith("Error: first line")
    assert error.stack.endswith("ValueError: last line")
    assert f"of {len(stack):,} characters" in error.stack

"""The documentation tools over a small set of pages."""

import json

import pytest
from mcp_scripted import ask, connected, refused, text_of

from mcp_server.render.budget import MAX_CHARS

pytestmark = pytest.mark.anyio


async def test_search_ranks_sections_with_what_read_doc_takes(server, era):
    answer = await ask(server, "search_docs", {"query": "retry a failing step"}, era=era)

    hit = answer["results"][0]
    assert hit["path"] == "steps/run"
    assert "retried four times" in hit["excerpt"]
    assert answer["count"] == len(answer["results"])
    assert answer["next"].startswith(f'read_doc path="{hit["path"]}" section="{hit["section"]}"')


async def test_search_hit_can_be_read(server):
    hit = (await ask(server, "search_docs", {"query": "waitForEvent timeout"}))["results"][0]

    page = await ask(server, "read_doc", {"path": hit["path"], "section": hit["section"]})

    assert page["path"] == hit["path"]
    assert page["content"]


async def test_search_without_a_hit_says_so(server):
    answer = await ask(server, "search_docs", {"query": "xylophone quartz"})

    assert answer["results"] == []
    assert "grep_docs" in answer["next"]


async def test_a_category_that_does_not_exist_names_those_that_do(server):
    text = await refused(server, "search_docs", {"query": "retry", "category": "nope"})

    assert "steps" in text
    assert "guides" in text


async def test_grep_shows_lines_with_context(server, era):
    answer = await ask(server, "grep_docs", {"pattern": r"four times", "context": 1}, era=era)

    (match,) = answer["matches"]
    assert match["file"] == "steps/run"
    assert "four times" in match["content"]
    assert "before" in match
    assert answer["count"] == answer["totalMatches"] == 1
    assert answer["message"].startswith("1 of 1 line on 1 page for ")


async def test_grep_leads_to_the_section_of_the_first_line(server):
    answer = await ask(server, "grep_docs", {"pattern": "four times"})
    section = await ask(server, "read_doc", {"path": "steps/run", "section": "retries"})

    assert answer["next"].startswith('read_doc path="steps/run" section="retries"')
    assert answer["matches"][0]["content"] in section["content"]


async def test_grep_says_how_many_more_there_are(server):
    answer = await ask(server, "grep_docs", {"pattern": "Paragraph", "limit": 3})

    assert answer["count"] == 3
    assert answer["totalMatches"] == 899
    assert "larger limit" in answer["truncated"]


async def test_grep_without_a_match_suggests_search(server):
    answer = await ask(server, "grep_docs", {"pattern": "zzzz"})

    assert answer["matches"] == []
    assert answer["next"].startswith("search_docs")


async def test_a_broken_pattern_is_explained(server):
    text = await refused(server, "grep_docs", {"pattern": "("})

    assert "missing" in text.lower()


async def test_read_gives_markdown_in_both_channels(server, era):
    async with connected(server, era) as client:
        result = await client.call_tool("read_doc", {"path": "steps/run"})

    page = result.structured_content
    assert page["content"] in text_of(result)
    assert '```typescript\nawait step.run("charge"' in page["content"]
    assert {heading["section"] for heading in page["headings"]} >= {"retries"}
    assert page["size"] == len(page["content"])


async def test_one_section_can_be_read_alone(server):
    page = await ask(server, "read_doc", {"path": "steps/run", "section": "retries"})

    assert "four times" in page["content"]
    assert "Runs code as a retriable step" not in page["content"]


async def test_a_long_page_comes_in_parts_that_join(server):
    parts, offset = [], 0
    while offset is not None:
        page = await ask(server, "read_doc", {"path": "guides/long", "offset": offset})
        assert len(json.dumps(page)) <= MAX_CHARS
        parts.append(page["content"])
        offset = page.get("nextOffset")

    assert len(parts) > 1
    assert sum(part.count("Paragraph") for part in parts) == 899


@pytest.mark.parametrize("arguments", [{"path": "steps/runn"}, {"path": "steps/run", "section": "retrys"}])
async def test_an_unknown_page_or_section_names_the_nearest(server, arguments):
    text = await refused(server, "read_doc", arguments)

    assert "steps/run" in text or "Retries" in text or "retries" in text


async def test_list_shows_categories_sdks_and_pages(server, era):
    answer = await ask(server, "list_docs", era=era)

    assert answer["totalDocs"] == 4
    assert answer["categories"] == {"guides": 2, "steps": 2}
    assert "typescript" in answer["sdks"]
    assert {page["path"] for page in answer["pages"]} == {
        "steps/run",
        "steps/wait",
        "guides/cancellation",
        "guides/long",
    }


async def test_list_narrows_by_category(server):
    answer = await ask(server, "list_docs", {"category": "steps"})

    assert {page["path"] for page in answer["pages"]} == {"steps/run", "steps/wait"}
    assert answer["matching"] == 2


async def test_a_cursor_of_no_list_is_refused(server):
    text = await refused(server, "list_docs", {"cursor": "nonsense"})

    assert "cursor" in text.lower()

"""What an excerpt shows of a section: text, code as a whole, rows of a table with their header."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from docs_index import DocsIndex, SearchHit
from docs_index.blocks import around

TYPESCRIPT = """```typescript
import { Inngest } from "inngest";

const inngest = new Inngest({ id: "shop" });

export const pay = inngest.createFunction(
  { id: "pay", triggers: [{ event: "shop/paid" }] },
  async ({ step }) => {
    await step.waitForEvent("quince", { event: "shop/quince", timeout: "3d" });
  },
);
```"""
PYTHON = """```python
@client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="shop/paid"))
async def pay(ctx: inngest.Context) -> None:
    # Quince comes later.
    await ctx.step.wait_for_event("quince", event="shop/quince", timeout=3000)
```"""
SIDE_BY_SIDE = f"# Payment\n\nHow it is paid.\n\n## Example\n\nBoth ways:\n\n{TYPESCRIPT}\n\n{PYTHON}\n"
TABLE = """\
# Options

What there is.

## All of them

| option | meaning |
|---|---|
| `limit` | how many, see [here](a.md) |
| `period` | for how long the quince lasts |
| `key` | an expression |
| `burst` | quince at once |
"""


def first(docs: DocsIndex, query: str, sdk: str | None = None) -> SearchHit:
    return docs.search(query, sdk=sdk).results[0]


def line_of(docs: DocsIndex, hit: SearchHit) -> str:
    return docs.read(hit.path, offset=hit.excerpt_line - 1, limit=1).text.rstrip("\n")


def test_a_code_block_is_shown_whole_with_its_fence(index_of: Callable[..., DocsIndex]) -> None:
    docs = index_of({"pay.md": f"# Payment\n\nHow it is paid.\n\n## Example\n\n{TYPESCRIPT}\n"})
    hit = first(docs, "quince timeout")

    assert hit.excerpt == TYPESCRIPT
    assert line_of(docs, hit) == "```typescript"


@pytest.mark.parametrize(
    ("query", "sdk", "shown"),
    [
        ("quince timeout", "python", PYTHON),
        ("quince timeout", "typescript", TYPESCRIPT),
        ("quince timeout in python", None, PYTHON),
        ("quince timeout in TypeScript", None, TYPESCRIPT),
        ("quince timeout", None, TYPESCRIPT),
        ("quince timeout", "go", TYPESCRIPT),
    ],
)
def test_of_code_side_by_side_that_of_the_asked_sdk_is_shown(
    index_of: Callable[..., DocsIndex], query: str, sdk: str | None, shown: str
) -> None:
    docs = index_of({"pay.md": SIDE_BY_SIDE})
    hits = [hit for hit in docs.search(query, sdk=sdk).results if hit.section == "example"]

    assert [hit.excerpt for hit in hits] == ([] if sdk == "go" else [shown])


def test_text_for_another_sdk_is_passed_over(index_of: Callable[..., DocsIndex]) -> None:
    marked = (
        "# Payment\n\nHow it is paid.\n\n## Example\n\n<!-- sdk: typescript -->\nQuince with a promise.\n"
        "<!-- /sdk -->\n<!-- sdk: python, go -->\nQuince with await.\n<!-- /sdk -->\n"
    )
    docs = index_of({"pay.md": marked})

    assert first(docs, "quince python", "python").excerpt == "Quince with await."
    assert first(docs, "quince typescript").excerpt == "Quince with a promise."
    assert "<!--" not in first(docs, "quince").excerpt


@pytest.mark.parametrize("count", [40, 400])
def test_of_a_long_block_the_statement_around_the_match_is_shown(
    index_of: Callable[..., DocsIndex], count: int
) -> None:
    def function(name: str, inner: str) -> str:
        return f"export const {name} = create(\n  async () => {{\n{inner}\n  }},\n);\n"

    others = "\n".join(function(f"other{number}", "    nothing();") for number in range(count))
    code = f"{others}\n{function('wanted', '    await quince();')}\n{others}"
    docs = index_of({"a.md": f"# A\n\ntext\n\n## Code\n\n```typescript\n{code}```\n"})
    hit = first(docs, "quince")

    assert hit.excerpt == (
        "```typescript\n…\nexport const wanted = create(\n  async () => {\n    await quince();\n  },\n);\n"
        "…\n```"
    )
    assert line_of(docs, hit) == "export const wanted = create("


def test_of_a_long_function_the_part_around_the_match_is_shown(index_of: Callable[..., DocsIndex]) -> None:
    before = "\n".join(f"    first_{number}()" for number in range(60))
    branch = "    if ready:\n        await quince()\n    else:\n        wait()"
    code = f"async def pay():\n{before}\n{branch}\n{before}"
    docs = index_of({"a.md": f"# A\n\ntext\n\n## Code\n\n```python\n{code}\n```\n"})

    assert first(docs, "quince").excerpt == (
        "```python\n…\n    if ready:\n        await quince()\n    else:\n        wait()\n…\n```"
    )


def test_endless_lines_and_fences_that_never_close_stay_within_bounds(
    index_of: Callable[..., DocsIndex],
) -> None:
    docs = index_of(
        {"a.md": "# A\n\ntext\n\n## Code\n\n```" + "x" * 500 + "\n" + "quince " * 2_000 + "\nend\n"}
    )
    text = first(docs, "quince").excerpt

    assert len(text) < 1_300
    assert "quince" in text


def test_later_hits_show_less_code(index_of: Callable[..., DocsIndex]) -> None:
    code = "\n".join(f"await quince({number});" for number in range(29))
    page = f"# Quince\n\n```typescript\n{code}\n```\n"
    docs = index_of({f"p{number}.md": page for number in range(4)})

    sizes = [len(hit.excerpt) for hit in docs.search("quince").results]

    assert sizes[0] == sizes[1] == len(f"```typescript\n{code}\n```")
    assert max(sizes[2:]) < 540


def test_rows_of_a_table_come_with_its_header(index_of: Callable[..., DocsIndex]) -> None:
    docs = index_of({"options.md": TABLE})
    hit = first(docs, "quince")

    assert hit.excerpt.split("\n") == [
        "| option | meaning |",
        "| `period` | for how long the quince lasts |",
        "| `burst` | quince at once |",
    ]
    assert line_of(docs, hit).startswith("| `period`")


def test_a_header_that_matches_is_shown_with_the_first_rows(index_of: Callable[..., DocsIndex]) -> None:
    docs = index_of({"options.md": TABLE.replace("meaning", "persimmon")})

    assert first(docs, "persimmon").excerpt.split("\n") == [
        "| option | persimmon |",
        "| `limit` | how many, see here |",
    ]


def test_text_does_not_run_into_a_block(index_of: Callable[..., DocsIndex]) -> None:
    docs = index_of({"a.md": f"# A\n\nQuince is paid so:\n{TYPESCRIPT.replace('quince', 'plum')}\n"})

    assert first(docs, "quince paid").excerpt == "Quince is paid so:"


def test_a_section_without_text_shows_what_its_page_is_about(index_of: Callable[..., DocsIndex]) -> None:
    docs = index_of(
        {"a.md": "---\ntitle: A\ndescription: All of A\n---\n# A\n\ntext\n\n## Quince\n## Other\n"}
    )

    assert first(docs, "quince").excerpt == "All of A"


@pytest.mark.parametrize("place", range(8))
def test_what_is_shown_holds_the_line_that_matched(place: int) -> None:
    lines = ["def a():", "    b()", "", "    if c:", "        d()", "    else:", "        e()", "f()"]

    for room in (5, 20, 40, 1_000):
        start, end = around(lines, place, room)
        assert start <= place < end

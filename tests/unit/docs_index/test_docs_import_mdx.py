"""Components become markdown, words stay, and code is never touched."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs_index.importing.mdx import lost_description, to_markdown

MARKUP = st.lists(
    st.sampled_from(
        [
            *"<>{}/*\"'`=~\\#-|_[]()!&;: \n\tab1",
            "<Card ",
            "</Card>",
            "<b>",
            "<!--",
            "-->",
            "{/*",
            "*/}",
            "```",
            "&lt;",
        ]
    ),
    max_size=60,
).map("".join)
CODE = st.text(
    alphabet=st.characters(blacklist_categories=("Cs", "Cc"), whitelist_characters="\n\t"), max_size=120
).filter(lambda code: not re.search(r"^\s*`{3,}\s*$", code, re.MULTILINE))
WORDS = st.lists(
    st.sampled_from(["run", "a step", "`<b>`", "x < y", "&amp;", "{id}", "**bold**"]), max_size=4
).map(" ".join)
WRAPPERS = st.sampled_from(
    [
        "{}",
        "<Callout>\n{}\n</Callout>",
        '<Tab title="Python">\n  {}\n</Tab>',
        '<Property name="a" type="string" required>\n    {}\n</Property>',
        '<GuideSection show="go">\n\n{}\n\n</GuideSection>',
        "<details>\n<summary>More</summary>\n{}\n</details>",
        '<Unknown title="T">{}</Unknown>',
        '<Card title="C" href="/x">\n{}\n</Card>',
    ]
)


@given(MARKUP)
def test_no_text_is_an_error(text: str) -> None:
    to_markdown(text, is_mdx=True)
    to_markdown(text)


@given(wrapper=WRAPPERS, before=WORDS, code=CODE, after=WORDS)
def test_code_is_kept_letter_by_letter(wrapper: str, before: str, code: str, after: str) -> None:
    text = wrapper.replace("{}", f"{before}\n\n```ts\n{code}\n```\n\n{after}")

    lines = to_markdown(text).split("\n")
    start = next(number for number, line in enumerate(lines) if line.strip() == "```ts")
    indent = lines[start].removesuffix("```ts")
    kept = [line.removeprefix(indent) for line in lines[start + 1 :]]
    assert kept[: code.count("\n") + 2] == [*code.split("\n"), "```"]


@given(st.lists(st.tuples(WRAPPERS, WORDS), max_size=5))
def test_what_is_markdown_already_stays_as_it_is(parts: list[tuple[str, str]]) -> None:
    once = to_markdown("\n\n".join(wrapper.replace("{}", words) for wrapper, words in parts))

    assert to_markdown(once) == once


@pytest.mark.parametrize(
    ("source", "markdown"),
    [
        ("<Callout>Mind this.</Callout>", "**Note:** Mind this."),
        ('<Callout variant="warning">\n  Mind\n  this.\n</Callout>', "**Warning:** Mind\nthis."),
        ("<Tip>\n- one\n- two\n</Tip>", "**Tip:**\n\n- one\n- two"),
        ('<Card title="Sleep" href={"/sleep"}>\n  Wait.\n</Card>', "- [Sleep](/sleep): Wait."),
        (
            "<Resource resource={{\n  href: '/a', name: \"It's\", icon: Book, description: `Long`\n}}/>",
            "- [It's](/a): Long",
        ),
        ('<Guide href="/g" name="Apps" description="All apps" />', "- [Apps](/g): All apps"),
        (
            """<Properties>
<Property name="id" type="string" required>
  Its name.
  <Properties nested>
    <Property name="x" type={`"a" | "b"`}>One.</Property>
  </Properties>
</Property>
</Properties>""",
            '- **id** `string`, required: Its name.\n\n  - **x** `"a" | "b"`: One.',
        ),
        ('# Fetch <VersionBadge version="v3+" />\n\nText', "# Fetch\n\n*v3+*\n\nText"),
        ('Use it <VersionBadge version={"v3+"} /> now', "Use it (v3+) now"),
        ('<ImageTheme\n  dark={"/d.png"}\n  light={"/l.png"}\n  alt={"A run"}\n/>', "![A run](/l.png)"),
        ("<details>\n<summary><h3>Why?</h3></summary>\n\nBecause.\n</details>", "### Why?\n\nBecause."),
        ("<details><summary>More</summary>Text</details>", "**More**\n\nText"),
        (
            '### <a href="/run"><Icon size="2rem"/><pre>step.run()</pre></a> {{anchor: false}}',
            "### [`step.run()`](/run)",
        ),
        ("<ul>\n<li>one</li>\n<li>two <b>bold</b></li>\n</ul>", "- one\n- two **bold**"),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2 | 3</td></tr></table>",
            "| a | b |\n|---|---|\n| 1 | 2 \\| 3 |",
        ),
        ("| a | b |\n|---|---|\n| x<br/>y | <Tag>new</Tag> |", "| a | b |\n|---|---|\n| x y | (new) |"),
        (
            '<Steps>\n<Step title="Install">\nIt.\n</Step>\n<Step>\nRun.\n</Step>\n</Steps>',
            "**Step 1: Install**\n\nIt.\n\n**Step 2**\n\nRun.",
        ),
        (
            ":::tip Try it\nText.\n:::\n\n::: warning\nMind.\n:::",
            "**Try it:**\n\nText.\n\n**Warning:**\n\nMind.",
        ),
        (":::note[Your title]{.x}\nText.\n:::", "**Your title:**\n\nText."),
        ('<iframe src="https://v" title="Talk" />', "[Talk](https://v)"),
        ("<script>alert(1)</script>text", "text"),
        ("<Unknown>\n  kept\n</Unknown>", "kept"),
        ("a &amp; b &lt;T&gt; &quot;c&quot; &#123;", 'a & b \\<T> "c" \\{'),
        ("`&lt;` stays", "`&lt;` stays"),
        ('<a id="here"></a>\n\nText', '<a id="here"></a>\n\nText'),
    ],
)
def test_components_become_their_text(source: str, markdown: str) -> None:
    assert to_markdown(source) == markdown


@pytest.mark.parametrize(
    "text",
    [
        "Array<Item> and Map<K, V> in prose",
        "curl https://<your-app>.com and <YOUR_KEY>",
        "<https://example.com>",
        "1 < 2 > 0, a <b",
        "`<Card>` and ``a ` <b>``",
        "GET /users/{id}/runs and {name}",
        "- item\n  - nested\n    more\n\n1. one",
        "    indented code <b",
        "unclosed `tick and <!-- comment",
        "from a shell: import things by hand",
        "import data from your shop\n\nexport default settings first\n\nimport os, sys",
        'One = "two"\n\nname = true story',
    ],
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert to_markdown(text) == text.strip("\n")


def test_imports_exports_comments_and_expressions_go() -> None:
    text = (
        'import {\n  Card,\n} from "x";\nexport const meta = {\n\n  a: 1,\n};\n\n'
        "hidePageSidebar = true;\n\ndescription =\n  `Gone`;\n\n"
        "One {/* gone */}two {props.gone} {'three'} {`3.5`} /users/{id}\n\n"
        "{/*\n```ts\nalso gone\n```\n*/}\n\n"
        "<!-- gone -->four <Card />"
    )

    assert to_markdown(text).split() == ["One", "two", "three", "`3.5`", "/users/{id}", "four"]


def test_a_comment_within_code_is_code() -> None:
    assert to_markdown("```jsx\n{/* kept */}\n<Card />\n```") == "```jsx\n{/* kept */}\n<Card />\n```"


def test_tabs_and_sections_are_marked_with_their_sdk() -> None:
    selector = (
        '<GuideSelector options={[\n  { key: "python", title: "Python" },\n'
        '  { key: "app", title: "App Router" }\n]}>\n<GuideSection show="python">\nSnakes\n</GuideSection>\n'
        '<GuideSection show="app">\nRoutes\n</GuideSection>\n</GuideSelector>'
    )

    assert to_markdown(selector) == (
        "<!-- sdk: python -->\n\nSnakes\n\n<!-- /sdk -->\n\n**App Router**\n\nRoutes"
    )
    assert to_markdown(
        '<Tabs items={["Go (HTTP)", "curl"]}>\n<Tab>\nA\n</Tab>\n<Tab>\nB\n</Tab>\n</Tabs>'
    ) == ("<!-- sdk: go -->\n\n**Go (HTTP)**\n\nA\n\n<!-- /sdk -->\n\n**curl**\n\nB")


def test_the_title_of_code_becomes_a_line_above_it() -> None:
    assert to_markdown('```ts {{ title: "main.ts" }}\n1\n```') == "**main.ts**\n\n```ts\n1\n```"
    assert to_markdown("<CodeGroup>\n```bash {{ title: 'Python' }}\npip\n```\n</CodeGroup>") == (
        "<!-- sdk: python -->\n\n**Python**\n\n```bash\npip\n```\n\n<!-- /sdk -->"
    )


def test_code_far_inside_of_components_comes_out_flush() -> None:
    inside = "    Text\n      ```py\n      if x:\n          y\n      ```\n"
    text = f"<Col>\n{inside}</Col>\n\n- item\n  ```ts\n  code\n  ```\n"

    assert to_markdown(text) == "Text\n```py\nif x:\n    y\n```\n\n- item\n  ```ts\n  code\n  ```"


def test_what_an_exporter_broke_is_read_all_the_same() -> None:
    assert (
        to_markdown("<Card title=\n\nRetries\" icon={<Icon />} href={'/r'}>\n  Again.\n</Card>")
        == "- [Retries](/r): Again."
    )
    assert to_markdown("#\nText\n\n##\n</Callout>\nmore") == "Text\n\nmore"
    assert lost_description("description =\n  `Keep it\n  short`\n\nText") == "Keep it short"
    assert lost_description("Text\n\ndescription") == ""


@pytest.mark.parametrize(
    "piece", ["<", "{", "`", "<a ", '<a b="', "<A>", "{/*", "[", "&", "```\n", "<b><i>", "> "]
)
def test_long_and_broken_text_is_read_before_the_test_times_out(piece: str) -> None:
    assert set(to_markdown(piece * 100_000)) <= set(f"{piece}* \n")

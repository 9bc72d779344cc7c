from __future__ import annotations

from collections.abc import Callable

import pytest

from docs_index import DocsIndex, InvalidArgumentError, PageNotFoundError, SectionNotFoundError


@pytest.mark.parametrize(
    "path",
    [
        "steps/wait",
        "/steps/wait/",
        "steps/wait.md",
        "steps/wait.mdx",
        "steps/wait/index",
        "docs/steps/wait.mdx",
        "./steps/wait",
        "docs://steps/wait",
        "https://www.inngest.com/docs/steps/wait",
        "https://www.inngest.com/docs/steps/wait?ref=x",
        "Steps/Wait",
        "DOCS/Steps/Wait.MD",
        "steps\\wait",
        "wait",
        "  steps/wait  ",
    ],
)
def test_every_form_of_a_path_means_the_same_page(docs: DocsIndex, path: str) -> None:
    assert docs.read(path).path == "steps/wait"


def test_a_folders_index_page_is_read_under_the_folders_name(docs: DocsIndex) -> None:
    assert docs.read("guides").path == docs.read("guides/index.mdx").path == "guides"


def test_a_page_comes_with_its_facts(docs: DocsIndex) -> None:
    page = docs.read("steps/wait")

    assert (page.title, page.description) == ("Wait for an event", "Pause until something happens")
    assert (page.category, page.sdks) == ("steps", ("typescript", "python"))
    assert page.text.startswith("# Wait for an event\n")
    assert page.total_lines == page.text.count("\n")
    assert page.size == len(page.text)
    assert (page.line, page.next_offset, page.section) == (1, None, None)
    assert [(heading.text, heading.level, heading.anchor) for heading in page.headings] == [
        ("Wait for an event", 1, "wait-for-an-event"),
        ("TypeScript", 2, "typescript"),
        ("Python", 2, "python"),
        ("Timeout", 2, "timeout"),
        ("After the timeout", 3, "after-the-timeout"),
    ]


def test_a_page_without_a_heading_gets_its_title_as_first_line(docs: DocsIndex) -> None:
    assert docs.read("steps/run").text.startswith("# Run code\n\nRetries happen")


@pytest.mark.parametrize(
    "section", ["timeout", "Timeout", "#timeout", "Wait for an event > Timeout", "TIMEOUT "]
)
def test_a_section_comes_with_its_subsections(docs: DocsIndex, section: str) -> None:
    part = docs.read("steps/wait", section=section)

    assert part.section == "timeout"
    assert part.text.startswith("## Timeout\n")
    assert "### After the timeout" in part.text
    assert part.total_lines == part.text.count("\n")
    assert docs.read("steps/wait").text.split("\n")[part.line - 1] == "## Timeout"


def test_a_section_ends_where_the_next_one_of_its_level_begins(docs: DocsIndex) -> None:
    part = docs.read("steps/wait", section="python")

    assert "# ## not a heading" in part.text
    assert "## Timeout" not in part.text


def test_an_anchor_in_the_path_names_the_section(docs: DocsIndex) -> None:
    assert docs.read("https://example.org/docs/steps/wait#after-the-timeout").section == "after-the-timeout"


def test_pages_can_be_read_in_parts_without_loss(docs: DocsIndex) -> None:
    whole = docs.read("steps/wait").text
    parts, offset = "", 0
    while True:
        part = docs.read("steps/wait", offset=offset, limit=7)
        assert part.line == offset + 1
        parts += part.text
        if part.next_offset is None:
            break
        offset = part.next_offset

    assert parts == whole


def test_a_section_can_be_read_in_parts(docs: DocsIndex) -> None:
    first = docs.read("steps/wait", section="timeout", limit=2)
    assert first.next_offset == 2

    rest = docs.read("steps/wait", section="timeout", offset=first.next_offset)

    assert first.text + rest.text == docs.read("steps/wait", section="timeout").text


def test_a_long_page_is_given_in_parts_of_16000_characters(index_of: Callable[..., DocsIndex]) -> None:
    index = index_of({"long.md": "# Long\n" + "word " * 20 + "\n" + ("a line of text\n" * 3_000)})

    first = index.read("long")

    assert 15_000 < len(first.text) <= 16_000
    assert first.size > 40_000
    assert first.next_offset is not None
    assert len(index.read("long", limit=5_000).text) <= 16_000


def test_a_line_that_is_too_long_is_cut_and_reading_goes_on(index_of: Callable[..., DocsIndex]) -> None:
    index = index_of({"long.md": "# Long\n" + "x" * 50_000 + "\nthe end\n"})

    cut = index.read("long", offset=1)

    assert len(cut.text) <= 16_000
    assert "line cut" in cut.text
    assert cut.next_offset is not None
    assert index.read("long", offset=cut.next_offset).text == "the end\n"


def test_an_unknown_page_names_the_nearest(docs: DocsIndex) -> None:
    with pytest.raises(PageNotFoundError) as caught:
        docs.read("steps/wiat")

    assert caught.value.nearest[0] == "steps/wait"


@pytest.mark.parametrize(
    "path", ["", "/", "../../etc/passwd", "\x00", "\ud800", "http://[", "#", "x" * 10_000]
)
def test_a_path_that_is_none_is_an_unknown_page(docs: DocsIndex, path: str) -> None:
    with pytest.raises(PageNotFoundError) as caught:
        docs.read(path)

    assert caught.value.hint
    assert len(str(caught.value)) < 200
    assert "\x00" not in str(caught.value)


def test_a_name_that_several_pages_have_is_not_guessed(index_of: Callable[..., DocsIndex]) -> None:
    index = index_of({"a/run.md": "# A\nx\n", "b/run.md": "# B\nx\n"})

    with pytest.raises(PageNotFoundError, match="Several") as caught:
        index.read("run")

    assert caught.value.nearest == ("a/run", "b/run")


def test_an_unknown_section_lists_the_headings(docs: DocsIndex) -> None:
    with pytest.raises(SectionNotFoundError) as caught:
        docs.read("steps/wait", section="nope")

    assert caught.value.headings[1] == "TypeScript"
    assert "Timeout" in caught.value.hint


@pytest.mark.parametrize("arguments", [{"offset": -1}, {"limit": 0}, {"offset": 10_000}])
def test_numbers_outside_of_the_page_are_refused(docs: DocsIndex, arguments: dict[str, int]) -> None:
    with pytest.raises(InvalidArgumentError):
        docs.read("steps/wait", **arguments)


def test_of_many_sections_the_most_alike_are_named(index_of: Callable[..., DocsIndex]) -> None:
    headings = "\n".join(f"## Chapter {number} {'of the book ' * 20}\n\ntext\n" for number in range(400))
    index = index_of({"book.md": f"# Book\n\n{headings}\n## Retries\n\ntext\n"})

    with pytest.raises(SectionNotFoundError) as caught:
        index.read("book", section="retris")

    assert "Retries" in caught.value.hint
    assert len(caught.value.hint) < 1_500

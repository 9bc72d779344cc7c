"""Pages that would take a careless expression minutes: twice the text takes twice the steps, not four times.

Nothing is timed: each of these texts took from seconds to hours, which no run of the tests survives.
"""

from __future__ import annotations

import pytest

from docs_index import excerpt, page_files
from docs_index.documents import of_page
from docs_index.importing import llms_full, llms_txt
from docs_index.importing.page import make_page
from docs_index.page_files import Place
from docs_index.sections import split

CHARS = 60_000
PLACE = Place(corpus="own", title="Own", source="/own", as_of="2026-11-22")
TEXTS = {
    "braces in a heading": "# " + "{" * CHARS,
    "brackets in a heading": "# " + "[" * CHARS,
    "blanks in a heading": "# a" + " " * CHARS + "x",
    "one heading again and again": "## a\n" * (CHARS // 4),
    "below a table": "| a |\n" + "- -" * (CHARS // 3) + "x",
    "dashes below a table": "| a |\n" + "-" * CHARS + "x",
    "a line of blanks": "# T\n\n" + " " * CHARS + "x",
    "blank lines": "# \n" + "\n" * CHARS + "x",
    "open tags": "text " + "<" * CHARS,
    "open attributes": "<A b={" * (CHARS // 6),
    "open links": "text " + "[" * CHARS,
    "open list of links": "- [a](b\n" * (CHARS // 8),
}
each_text = pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))


@each_text
def test_a_page_is_read_indexed_and_shown(text: str) -> None:
    lines = tuple(text.split("\n"))
    sections = split(("# T", *lines), path="a", title="T", category="c", page_sdks=())
    assert sections[-1].line_end == len(lines) + 1
    shown = excerpt.of_section(sections[0], ("# T", *lines), {"a": 1.0})
    assert len(shown.text) < 2_000
    page = page_files._page("a.md", text, PLACE, "2026-11-22")
    assert page is not None
    assert of_page(page).words is not None
    assert all(len(section.heading.text) <= 500 for section in page.sections)


@each_text
def test_a_page_is_imported(text: str) -> None:
    list(llms_full.split(text, "/all.txt"))
    llms_txt.is_llms_txt(text)
    page = make_page(text, path="a", order=1, is_mdx=True)
    assert page is None or page.body.startswith("# ")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("## Limits ##", "Limits"),
        ("## C#", "C#"),
        ("## Use #1  ", "Use #1"),
        ("## #", "#"),
        ("## a # #", "a #"),
        ("## `a` {#anchor}", "a"),
    ],
)
def test_a_heading_is_the_text_between_its_marks(line: str, text: str) -> None:
    _, section = split(("# T", line), path="a", title="T", category="c", page_sdks=())

    assert section.heading.text == text

"""What a site shows under a choice of SDK is not read as the end of another SDK's section."""

from __future__ import annotations

from docs_index import sections
from docs_index.importing.regions import with_headings


def lines(text: str) -> list[str]:
    return with_headings(text.strip("\n").split("\n"))


def test_text_below_a_heading_of_another_sdk_gets_the_heading_above_the_choice() -> None:
    result = lines(
        "# Page\n## Retries\nFor all.\n<!-- sdk: typescript -->\nTypes.\n### Options\nOne.\n<!-- /sdk -->\n"
        "<!-- sdk: python -->\n\n```py\n# code\n```\n### Options\nTwo.\n<!-- /sdk -->\nFor all again.\n"
        "## Next\nText."
    )

    parts = sections.split(result, path="p", title="Page", category="c", page_sdks=())
    assert [(part.heading.text, part.heading.level, part.sdks) for part in parts] == [
        ("Page", 1, ()),
        ("Retries", 2, ("typescript",)),
        ("Options", 3, ("typescript",)),
        ("Retries (Python)", 3, ("python",)),
        ("Options", 3, ("python",)),
        ("Retries (all SDKs)", 3, ()),
        ("Next", 2, ()),
    ]


def test_nothing_is_added_where_no_heading_stands_between() -> None:
    text = (
        "# Page\n<!-- sdk: go -->\nText.\n<!-- /sdk -->\n<!-- sdk: python -->\nText.\n<!-- /sdk -->\nText.\n"
        "<!-- sdk: go -->\n## A\nText.\n<!-- /sdk -->\n\n<!-- sdk: python -->\n\n## A\nText.\n"
        "<!-- /sdk -->\n## B"
    )

    assert "\n".join(lines(text)) == text


def test_marks_and_headings_within_code_are_code() -> None:
    text = "# Page\n```md\n<!-- sdk: go -->\n## A\n<!-- /sdk -->\n```\nText.\n"

    assert "\n".join(lines(text)) == text.rstrip("\n")

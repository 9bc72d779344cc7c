from __future__ import annotations

from docs_index import front_matter, sections
from docs_index.model import Section


def split(text: str, *, page_sdks: tuple[str, ...] = ()) -> tuple[Section, ...]:
    lines = text.strip("\n").split("\n")
    return sections.split(lines, path="p", title="Title", category="c", page_sdks=page_sdks)


def test_each_heading_begins_a_section_and_names_its_ancestors() -> None:
    parts = split("# Title\nintro\n## A\na\n### B\nb\n## C\nc")

    assert [part.heading_path for part in parts] == [
        ("Title",),
        ("Title", "A"),
        ("Title", "A", "B"),
        ("Title", "C"),
    ]
    assert [(part.line_start, part.line_end) for part in parts] == [(1, 2), (3, 4), (5, 6), (7, 8)]


def test_headings_inside_of_fences_are_code() -> None:
    (part,) = split("# Title\n```bash\n# comment\n## more\n```\n~~~\n# x\n```\n# y\n~~~\nend")

    assert part.prose == "end"
    assert part.code == "# comment\n## more\n# x\n```\n# y"


def test_a_longer_fence_holds_a_shorter_one() -> None:
    parts = split("# Title\n````md\n```ts\n# no\n```\n````\n## Yes\n")

    assert [part.heading.text for part in parts] == ["Title", "Yes"]


def test_a_fence_that_is_never_closed_runs_to_the_end() -> None:
    assert len(split("# Title\n```\n# a\n# b")) == 1


def test_headings_are_freed_from_markup() -> None:
    parts = split("# Title\n## `step.run` and [links](x.md) <Badge/> ##\n  ## Indented {{x: 1}}\n")

    assert [part.heading.text for part in parts[1:]] == ["step.run and links", "Indented"]
    assert parts[1].heading.anchor == "steprun-and-links"


def test_a_hash_without_text_or_far_indented_is_no_heading() -> None:
    assert len(split("# Title\n##\n#nospace\n      # comment in an indented listing\n")) == 1


def test_repeated_headings_get_anchors_of_their_own() -> None:
    parts = split("# Title\n## Use\n## Use\n## Use\n## !!!\n")

    assert [part.heading.anchor for part in parts] == ["title", "use", "use-1", "use-2", "section"]


def test_a_section_belongs_to_the_sdks_of_its_code() -> None:
    parts = split(
        "# Title\nprose\n## A\n```ts\n```\n## B\n```python\n```\n```tsx\n```\n## C\n```bash\n```\n## Go\n"
    )

    assert [part.sdks for part in parts] == [(), ("typescript",), ("typescript", "python"), (), ("go",)]


def test_text_shown_for_one_sdk_belongs_to_it() -> None:
    assert split('# Title\n<GuideSection show="python">\ntext')[0].sdks == ("python",)


def test_a_page_about_one_sdk_lends_it_to_its_prose() -> None:
    assert split("# Title\nprose", page_sdks=("go",))[0].sdks == ("go",)
    assert split("# Title\nprose", page_sdks=("go", "python"))[0].sdks == ()


def test_front_matter_understands_scalars_and_both_kinds_of_list() -> None:
    matter, body = front_matter.split(
        '---\ntitle: "A: b"\n# comment\nsdks: [typescript, "python"]\ntags:\n  - one\n  - two\n'
        "empty:\n---\nbody\n"
    )

    assert matter.text("title") == "A: b"
    assert matter.items("sdks") == ("typescript", "python")
    assert matter.items("tags") == ("one", "two")
    assert matter.items("title") == ("A: b",)
    assert matter.items("missing") == ()
    assert matter.text("empty") == ""
    assert body == "body\n"


def test_front_matter_that_is_never_closed_is_text() -> None:
    assert front_matter.split("---\ntitle: x\n")[1] == "---\ntitle: x\n"
    assert front_matter.split("")[1] == ""


def test_a_mark_says_for_which_sdk_the_sections_below_it_are() -> None:
    parts = split(
        "# Title\n## All\ntext\n<!-- sdk: python -->\n## A\ntext\n```ts\n```\n### B\ntext\n<!-- /sdk -->\n"
        "## C\ntext\n"
        "<!-- sdk: typescript, go -->\nmore\n<!-- /sdk -->\n```python\n```\n"
    )

    assert [(part.heading.text, part.sdks) for part in parts] == [
        ("Title", ()),
        ("All", ()),
        ("A", ("python",)),
        ("B", ("python",)),
        ("C", ("typescript", "python", "go")),
    ]
    assert "sdk" not in "".join(part.prose for part in parts)


def test_a_mark_within_code_or_a_sentence_is_text() -> None:
    (part,) = split("# Title\n```md\n<!-- sdk: python -->\n```\nWrite `<!-- sdk: go -->` before it.\n")

    assert part.sdks == ()


def test_front_matter_goes_on_in_indented_lines() -> None:
    matter, _ = front_matter.split("---\ndescription: >-\n  One\n  two\ntitle: A\n  b\ntags:\n  - x\n---\n")

    assert matter.text("description") == "One two"
    assert matter.text("title") == "A b"
    assert matter.items("tags") == ("x",)

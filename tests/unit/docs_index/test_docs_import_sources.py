"""What a source is shows in what is there; every page has title, address, category and description."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.docs_sources import LLMS_FULL, LLMS_TXT, Shelf, write

from docs_index import front_matter
from docs_index.importing import sources
from docs_index.importing.errors import SourceError
from docs_index.importing.fetching import Failure, same_site
from docs_index.importing.page import ImportedPage
from docs_index.importing.reading import Reading

SITE = "https://kettle.example"


def read(source: object, shelf: Shelf | None = None, *hosts: str) -> Reading:
    return sources.read(str(source), fetcher=shelf or Shelf({}), allowed_hosts=hosts)


def page(reading: Reading, path: str) -> ImportedPage:
    (found,) = [page for page in reading.pages if page.path == path]
    return found


def test_an_llms_full_txt_is_taken_apart_into_its_pages(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(LLMS_FULL, encoding="utf-8")

    reading = read(tmp_path / "x.txt")

    assert reading.kind == "llms-full"
    assert reading.title == "Kettle Docs"
    assert [(page.path, page.title, page.category) for page in reading.pages] == [
        ("guides/boiling", "Boiling water", "guides"),
        ("index", "Cups", "general"),
        ("reference/cups", "Cups", "reference"),
        ("reference/old-pot", "Old pot", "reference"),
    ]
    assert [(entry.what, entry.why) for entry in reading.left_out] == [("a page", "there is no text")]
    assert [page.description for page in reading.pages] == [
        "Heat water until it boils.",
        "A cup holds a quarter of a litre.",
        "All cups.",
        "A pot.",
    ]
    boiling = page(reading, "guides/boiling")
    assert boiling.url == f"{SITE}/docs/guides/boiling"
    assert boiling.sdks == ("typescript", "python")
    assert boiling.body.startswith("# Boiling water\n\n*v2+*\n\n**Note:** Never boil it dry.")
    assert "import" not in boiling.body
    assert "<!-- sdk: python -->\n\n### Set it\n```py\n" in boiling.body


def test_a_text_without_addresses_is_divided_at_its_first_headings(tmp_path: Path) -> None:
    text = "Before all.\n\n# One\n\n```\n# no heading\n```\n\n# Two & three\n\nSecond.\n\n# One\n\nThird."
    (tmp_path / "all.txt").write_text(text, encoding="utf-8")

    pages = read(tmp_path / "all.txt").pages

    assert [(page.path, page.title) for page in pages] == [
        ("index", "Index"),
        ("one", "One"),
        ("two-three", "Two & three"),
        ("one-2", "One"),
    ]


def test_a_text_with_front_matter_before_each_page_is_divided_there(tmp_path: Path) -> None:
    text = (
        "# All\n\n<page>\n---\ntitle: Boil\ndescription: >\n  Heat\n  it\nurl: https://k.example/docs/a/boil\n"
        "---\n\n# Boil\n\nText.\n\n---\n\n## More\n\nx\n</page>\n"
        "<page>\n---\nid: 3\ntitle: 'Pour: slowly'\n---\n"
        "Tilt.\n</page>\n"
    )
    (tmp_path / "all.txt").write_text(text, encoding="utf-8")

    pages = read(tmp_path / "all.txt").pages

    assert [(page.path, page.title, page.description, page.url) for page in pages] == [
        ("a/boil", "Boil", "Heat it", "https://k.example/docs/a/boil"),
        ("pour-slowly", "Pour: slowly", "Tilt.", ""),
    ]
    assert pages[0].body == "# Boil\n\nText.\n\n---\n\n## More\n\nx"


def test_text_for_the_second_sdk_does_not_end_the_last_section_of_the_first(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.mdx": '# Retry\n\n<GuideSection show="go">\n## Limit\nA.\n</GuideSection>\n'
            '<GuideSection show="python">\nB.\n</GuideSection>\n'
        },
    )

    assert "<!-- sdk: python -->\n\n## Retry (Python)\n\nB." in page(read(tmp_path), "a").body


def test_misread_text_is_repaired_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(LLMS_FULL.encode().decode("mac_roman"), encoding="utf-8")

    assert "It\u2019s bad" in page(read(tmp_path / "x.txt"), "guides/boiling").body


def test_an_llms_txt_is_read_with_the_pages_that_it_links() -> None:
    shelf = Shelf(
        {
            f"{SITE}/llms.txt": LLMS_TXT,
            f"{SITE}/docs/boil.md": "---\ndescription: Told by the page\n---\n# Boil it\n\nHeat.",
            f"{SITE}/docs/pour": "<html><p>Pour</p></html>",
            f"{SITE}/docs/pour.md": "Tilt the kettle.",
        }
    )

    reading = read(f"{SITE}/llms.txt", shelf)

    assert (reading.kind, reading.title) == ("llms-txt", "Kettle")
    assert [(page.path, page.title, page.url, page.description) for page in reading.pages] == [
        ("boil", "Boil it", f"{SITE}/docs/boil.md", "How to boil"),
        ("pour", "Pour", f"{SITE}/docs/pour", "How to pour"),
    ]
    assert [(entry.what, entry.why) for entry in reading.left_out] == [
        ("https://other.example/x.md", "it is on another host (--allow-host other.example takes it in)"),
        (f"{SITE}/docs/gone.md", "it answers with HTTP status 404"),
    ]
    assert "https://other.example/x.md" not in shelf.asked


def test_another_host_is_asked_only_when_allowed() -> None:
    pages = {f"{SITE}/llms.txt": LLMS_TXT, "https://other.example/x.md": "# Other\n\nText."}

    assert [page.path for page in read(f"{SITE}/llms.txt", Shelf(pages), "other.example").pages] == ["x"]


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://a.example/x", True),
        ("https://www.a.example/x", True),
        ("http://a.example/x", True),
        ("https://a.example:8443/x", False),
        ("https://b.example/x", False),
        ("https://evil-a.example/x", False),
        ("https://named.example:99/x", True),
        ("https://exact.example:99/x", True),
        ("https://exact.example/x", False),
        ("ftp://a.example/x", False),
        ("file:///etc/passwd", False),
        ("https://a.example:port/", False),
        ("http://[broken/", False),
    ],
)
def test_what_may_be_asked(url: str, *, may: bool) -> None:
    assert same_site("https://a.example/llms.txt", ["Named.example", "exact.example:99"])(url) is may


def test_what_people_ask_for_a_page_is_imported_with_it(tmp_path: Path) -> None:
    asked = ["who may deploy on fridays", "weekend: rules?", "[draft] release"]
    text = "---\nasked:\n" + "".join(f"  - '{phrase}'\n" for phrase in asked) + "---\n# Fridays\n\nNever.\n"
    write(tmp_path, {"fridays.md": text})

    (page,) = read(tmp_path).pages
    assert front_matter.split(page.file_text())[0].items("asked") == tuple(asked)


def test_a_folder_is_read_with_its_front_matter(tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("# Secret\n\nText.", encoding="utf-8")
    root = write(
        tmp_path / "docs",
        {
            "Guides/Hello World.mdx": (
                "---\ntitle: Hello\nsdks: [go]\ncategory: Start here\n---\n<Note>Hi {x}.</Note>\n"
            ),
            "README.md": "# Read me\n\nBraces {stay} here.",
            "python/run.md": "Run it with snakes.",
            "empty.md": " \n",
            "binary.md": b"\0\1\2",
            "big.md": b"x" * (5 * 1024 * 1024 + 1),
            "latin.md": "Caf\xe9 au lait.".encode("latin-1"),
            ".hidden/x.md": "# X\n\nx",
            "node_modules/y.md": "# Y\n\ny",
            "notes.txt": "no page",
        },
    )
    (root / "link.md").symlink_to(outside)
    (root / "loop").symlink_to(root)

    reading = read(root)

    assert reading.kind == "folder"
    assert [(page.path, page.title, page.category, page.sdks) for page in reading.pages] == [
        ("guides/hello-world", "Hello", "start-here", ("go",)),
        ("readme", "Read me", "general", ()),
        ("latin", "Latin", "general", ()),
        ("python/run", "Run", "python", ("python",)),
    ]
    assert page(reading, "guides/hello-world").body.endswith("**Note:** Hi .")
    assert "Braces {stay} here." in page(reading, "readme").body
    assert "Café au lait." in page(reading, "latin").body
    assert {(entry.what, entry.why) for entry in reading.left_out} == {
        ("empty.md", "there is no text in it"),
        ("binary.md", "it is not text"),
        ("big.md", "it is over 5 MB"),
        ("link.md", "it is a link out of the folder"),
    }


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("https://x.example/docs/a/B_c.mdx", "a/b_c"),
        ("https://x.example/v2/docs/a/index.html", "a"),
        ("https://x.example/docs", "index"),
        ("https://x.example/docs/", "index"),
        ("https://x.example/", "index"),
        ("https://x.example/a/docs/b/docs/c", "b/docs/c"),
        ("https://x.example/api/%2e%2e/%2Fetc/passwd", "api/etc/passwd"),
        ("https://x.example/docs/a.md/b", "a/b"),
        ("https://x.example/docs/con/aux.md", "page-con/page-aux"),
        ("https://x.example/docs/v0.7-to-v0.8", "v0.7-to-v0.8"),
        ("https://x.example/docs/日本", "index"),
    ],
)
def test_paths_of_pages_are_short_safe_and_plain(address: str, path: str) -> None:
    shelf = Shelf({f"{SITE}/f.txt": f"# T\nSource: {address}\n\nText."})

    assert [page.path for page in read(f"{SITE}/f.txt", shelf).pages] == [path]


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *(
                "# T\nSource: https://k.example/docs/",
                "a",
                "a.md/b",
                "../x",
                "con",
                "\n",
                "\n\n",
                "# H\n",
                "text",
                "---\n",
            ),
            *(
                "Description: D\n",
                "- [a](/b)\n",
                "```\n",
                "<Card>",
                "</Card>",
                "{/*",
                "<!-- sdk: go -->\n",
                "\x00",
                "title: x\n",
            ),
        ]
    ),
    max_size=30,
).map("".join)


@given(FRAGMENTS)
def test_any_text_becomes_pages_with_names_of_their_own_or_a_refusal(text: str) -> None:
    url = f"{SITE}/any.txt"
    try:
        pages = read(url, Shelf({url: text})).pages
    except SourceError:
        return

    paths = [page.path for page in pages]
    assert len(set(paths)) == len(paths)
    assert all(re.fullmatch(r"[a-z0-9_-][a-z0-9._-]*(/[a-z0-9_-][a-z0-9._-]*)*", path) for path in paths)
    assert not any(f"{path}.md/" in f"{other}/" for path in paths for other in paths)
    for page in pages:
        matter, body = front_matter.split(page.file_text())
        assert (matter.text("title"), body.split("\n")[0]) == (page.title, f"# {page.title}")
        assert matter.text("description") == page.description


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/nowhere/at/all", "cannot be read: No such file"),
        ("ftp://a.example/x", "no http(s) address"),
        ("https://", "no http(s) address"),
        (f"{SITE}/page", "is a web page"),
        (f"{SITE}/down", "cannot be fetched: no connection"),
        (f"{SITE}/empty", "No page of"),
        (f"{SITE}/links", "(https://b.example/a: it is on another host"),
        ("nul\0byte", "cannot be read"),
    ],
)
def test_what_cannot_be_imported_is_a_sentence_with_what_to_do(source: str, message: str) -> None:
    shelf = Shelf(
        {
            f"{SITE}/page": "<html></html>",
            f"{SITE}/down": Failure(reason="no connection"),
            f"{SITE}/empty": " \n",
            f"{SITE}/links": "# L\n\n- [A](https://b.example/a)\n",
        }
    )

    with pytest.raises(SourceError) as refusal:
        read(source, shelf)

    assert message in str(refusal.value)
    assert str(refusal.value).endswith(".")
    assert refusal.value.hint.endswith(".")


def test_files_that_are_no_text_or_too_large_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": b"\0" * 10})
    with (tmp_path / "b.txt").open("wb") as huge:
        huge.truncate(50 * 1024 * 1024 + 1)

    for name, message in (("a.txt", "is not text"), ("b.txt", "is over 50 MB")):
        with pytest.raises(SourceError, match=message):
            read(tmp_path / name)


@pytest.mark.parametrize("source", ["", " ", "http://[bad", "~nobody-is-called-so/docs", "/dev/zero", "a\0b"])
def test_what_is_no_source_is_a_sentence(source: str) -> None:
    with pytest.raises(SourceError):
        read(source)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")

    with pytest.raises(SourceError, match="neither a file nor a folder"):
        read(tmp_path / "pipe.txt")


def test_a_link_that_is_no_address_is_left_out_and_named(tmp_path: Path) -> None:
    write(tmp_path, {"llms.txt": f"# L\n\n- [a](http://[bad/x)\n- [b]({SITE}/docs/b.md)\n"})

    reading = read(tmp_path / "llms.txt", Shelf({f"{SITE}/docs/b.md": "# B\n\nText."}), "kettle.example")

    assert [page.path for page in reading.pages] == ["b"]
    assert [(entry.what, entry.why) for entry in reading.left_out] == [
        ("http://[bad/x", "it is no address that can be asked")
    ]


def test_a_page_whose_address_is_none_is_a_page(tmp_path: Path) -> None:
    write(tmp_path, {"all.txt": "# A\nSource: http://[bad/x\n\nSome text.\n"})

    assert [page.title for page in read(tmp_path / "all.txt").pages] == ["A"]

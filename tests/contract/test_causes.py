"""Causes of `explain`: each is documented, has pages that exist, and is produced by a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs_index import DocsIndex
from durable_engine import Cause
from durable_engine.explain.pages import PAGES

TESTS = Path(__file__).resolve().parents[1]
ASSERTED = "\n".join(
    path.read_text(encoding="utf-8")
    for path in (*TESTS.glob("stories/test_explain_*.py"), *TESTS.glob("unit/engine/test_explain_*.py"))
)


def test_the_page_lists_every_cause_once_and_no_other() -> None:
    page = DocsIndex.open().read("troubleshooting/causes").text
    listed = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)

    assert sorted(listed) == sorted(Cause)


@pytest.mark.parametrize("cause", Cause)
def test_a_cause_is_kebab_case_with_pages_that_exist_and_a_test(cause: Cause) -> None:
    docs = DocsIndex.open()

    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cause)
    assert PAGES[cause]
    for path in PAGES[cause]:
        assert docs.read(path).path == path
    assert f'"{cause}"' in ASSERTED or f'"{cause.removeprefix("failed-")}"' in ASSERTED

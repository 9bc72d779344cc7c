"""TypeScript: explain shows the line of the user's own code, by the stacks that each SDK sends."""

from __future__ import annotations

from typing import Any

import pytest
from support.explaining import explained, facts
from support.typescript import Lab

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]


async def _explain(it: Lab, function: str, **data: Any) -> dict[str, Any]:
    return await explained(it.engine, runId=(await it.run(function, **data)).id)


async def test_a_step_that_is_retried_shows_the_line_that_threw_first(ts_lab: Lab) -> None:
    answer = await _explain(ts_lab, "flaky", failures=1)

    assert answer["cause"] == "retrying-step"
    assert answer["evidence"][0]["kind"] == "frame"
    assert "tests/typescript/functions/errors.mjs:" in answer["evidence"][0]["text"]
    assert facts(answer, "error") == ["Error: not yet, 1"]
    assert "Step 'fetch' failed at errors.mjs:" in answer["message"]
    assert answer["happensNext"]["what"] == "attempt 2 of 5 is made"


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        ("no-retries", "failed-in-step"),
        ("no-retries-outside", "failed-outside-steps"),
        ("non-retriable-uncaught", "non-retriable-error"),
        ("non-retriable-outside", "non-retriable-error"),
    ],
)
async def test_a_failed_run_names_the_file_and_the_line(ts_lab: Lab, function: str, cause: str) -> None:
    answer = await _explain(ts_lab, function)

    assert answer["cause"] == cause
    assert "errors.mjs:" in facts(answer, "frame")[0]
    assert "node_modules" not in facts(answer, "frame")[0]
    assert not answer["happensNext"]["byItself"]


async def test_a_thrown_text_has_no_place_and_is_explained_all_the_same(ts_lab: Lab) -> None:
    answer = await _explain(ts_lab, "throws-text")

    assert answer["cause"] == "failed-in-step"
    assert "just text" in facts(answer, "error")[0]

"""`make demo` as a newcomer runs it: what it prints is true, and a failure says why."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import REPOSITORY

PROMPT = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"


def run_demo(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, REPOSITORY / "examples" / "demo.py"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )


def without_ids_and_times(line: str) -> str:
    return re.sub(r"\b\d[\d.]*m?s\b", "?ms", re.sub(r"\b[0-9A-Z]{26}\b", "?", line))


@pytest.fixture(scope="module")
def demo() -> subprocess.CompletedProcess[str]:
    return run_demo()


def test_the_demo_shows_an_order_a_signup_a_failure_and_the_docs(
    demo: subprocess.CompletedProcess[str],
) -> None:
    assert demo.returncode == 0, demo.stderr
    parts = {part.splitlines()[0]: part for part in demo.stdout.split(f"\n{PROMPT} ")}
    assert "shop-process-order" in parts["Which workflows are there?"]
    assert "started 1 run" in parts["Trigger the order workflow."]
    assert "1 run: 1 COMPLETED" in parts["Did it go through?"]
    steps = parts["Show me every step."]
    assert "4 of 4 steps completed" in steps
    assert steps.index("reserve-stock") < steps.index("charge-card") < steps.index("send-confirmation")
    assert '"charged":24' in steps
    assert "kind: sleep" in parts["What is it doing?"]
    assert "eventName: app/project.created" in parts["And now?"]
    assert "event.data.userId == async.data.userId" in parts["And now?"]
    assert "resumed 1 waiting run" in parts["Send what it waits for."]
    assert '"activated":true,"project":"Apollo"' in parts["Send what it waits for."]
    skipped = parts["And a user who starts no project, which takes three days? Send no mail."]
    assert "Test passed" in skipped
    assert "virtualDuration: 3d" in skipped
    survived = parts["Does an order survive that the answer of the card step is lost?"]
    assert "Test passed" in survived
    assert "is FAILED" in parts["Why did it fail?"]
    assert "cannot read invoices from 'may.pdf': not a .csv file" in parts["Why did it fail?"]
    assert '"imported":3' in parts["Try it with a .csv file: only that function, not its event."]
    typo = parts["Send the order again (with a typo in the event name)."]
    assert "nearestTriggers: shop/order.created" in typo
    assert "read_doc(" in parts["What does NonRetriableError do inside a Python step?"]
    assert "NonRetriableError" in parts["Where else do the docs mention it?"]


def test_the_demo_ends_with_lines_to_paste_and_no_colours_in_a_pipe(
    demo: subprocess.CompletedProcess[str],
) -> None:
    closing = demo.stdout.rpartition("Now with your own app")[2]
    assert "stepcue dev -u http://127.0.0.1:8000/api/inngest" in closing
    assert "claude mcp add --transport http stepcue http://127.0.0.1:8288/mcp\n" in closing
    assert '{"mcpServers": {"stepcue": {"url": "http://127.0.0.1:8288/mcp"}}}' in closing
    assert '{"servers": {"stepcue": {"type": "http", "url": "http://127.0.0.1:8288/mcp"}}}' in closing
    assert "\x1b" not in demo.stdout


def test_the_excerpt_in_the_readme_is_what_the_demo_prints(demo: subprocess.CompletedProcess[str]) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    excerpt = readme.partition("From `make demo`")[2].split("```")[1].removeprefix("text\n")

    printed = {without_ids_and_times(line) for line in demo.stdout.splitlines()}
    assert [line for line in excerpt.splitlines() if without_ids_and_times(line) not in printed] == []


def test_an_app_that_does_not_start_fails_the_demo_with_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise RuntimeError('no app today')\n", encoding="utf-8")

    failed = run_demo(PYTHONPATH=str(tmp_path))

    assert failed.returncode == 1
    assert "The demo failed. The sample app ended at once" in failed.stderr
    assert "RuntimeError: no app today" in failed.stderr
    assert "claude mcp add" not in failed.stdout

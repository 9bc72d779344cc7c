"""Questions about what the SDKs have beyond steps find their page."""

from __future__ import annotations

import pytest

from docs_index import DocsIndex


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("how do I write a middleware", "write-middleware"),
        ("which order does middleware run", "middleware"),
        ("what happens when middleware throws an error", "middleware"),
        ("wrapStepHandler", "write-middleware"),
        ("transform_output hook", "write-middleware"),
        ("pass a database client to functions", "dependency-injection"),
        ("encrypt step output", "encryption"),
        ("encryption key rotation", "encryption"),
        ("keep step results in s3", "remote-state"),
        ("answer of a durable endpoint under my own domain", "durable-endpoints"),
        ("golang", "go"),
        ("otel", "tracing"),
        ("sentry", "error-tracking"),
        ("report all failed functions to datadog", "error-tracking"),
        ("use pino or winston as logger", "logging"),
        ("opentelemetry spans", "tracing"),
        ("stream progress to the browser", "realtime"),
        ("useRealtime", "realtime"),
        ("agent tool loop", "ai-workflows"),
        ("RAG pipeline", "ai-workflows"),
        ("mock the language model in a test", "ai-workflows"),
        ("zod schema for an event", "typed-events"),
        ("EventValidationError", "typed-events"),
        ("referenceFunction types", "function-references"),
        ("unit test without a server", "testing-libraries"),
        ("UnstubbedStepError", "testing-libraries"),
        ("eslint rule for nested steps", "eslint"),
        ("upgrade typescript from v3 to v4", "typescript-3-to-4"),
        ("serveHost", "typescript-3-to-4"),
        ("step.parallel removed in python", "python-migrations"),
        ("go sdk", "go"),
        ("asyncio.gather with steps", "python-sync-and-async"),
        ("time.sleep blocks the event loop", "python-sync-and-async"),
        ("pydantic model as step output", "python-pydantic"),
        ("react editor for workflows", "workflow-kit"),
    ],
)
def test_a_question_about_the_sdks_finds_its_page(shipped: DocsIndex, query: str, path: str) -> None:
    found = list(dict.fromkeys(hit.path for hit in shipped.search(query, limit=6).results))

    assert f"sdk/{path}" in found[:2]

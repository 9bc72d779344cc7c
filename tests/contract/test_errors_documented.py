"""Every error that a user can meet is in the reference: names, codes, messages, exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.page_tables import names, rows, text_of
from support.said_messages import GAP, codes, raised

import docs_index.errors
from docs_index import DocsIndexError
from durable_engine import errors as engine
from durable_engine.http_api.errors import status_of
from mcp_server.errors import REFUSED
from mcp_server.render.faults import ENGINE_ERRORS, ENGINE_MESSAGES
from mcp_server.testing.command import FAILED, PASSED, UNUSABLE

ROOT = Path(__file__).resolve().parents[2]
ERRORS = text_of("reference/errors")
EXCEPTIONS = text_of("reference/exceptions")
SPANS = [
    span
    for row in rows(ERRORS) + rows(EXCEPTIONS)
    for span in names(row[0])
    if len(span.replace("…", "")) >= 8
]
HTTP_API = sorted((ROOT / "durable_engine/http_api").rglob("*.py"))
AT_START = frozenset(
    {
        "AttachError",
        "BadParameter",
        "ConfigError",
        "DataFileBusyError",
        "DataFileDamagedError",
        "DiskFullError",
        "FaultyAnswerError",
        "FileError",
        "KeyRefusedError",
        "InvalidEventError",
        "OfferError",
        "SchemaVersionError",
        "StorageError",
        "SyncError",
        "UnreachableError",
        "UsageError",
        "WritesRefusedError",
    }
)
SPEAKERS = (
    "durable_engine/intake.py",
    "durable_engine/maintenance/app_sync.py",
    "durable_engine/storage/belonging.py",
    "durable_engine/storage/data_file.py",
    "durable_engine/storage/file_faults.py",
    "durable_engine/http_api/token.py",
    "durable_engine/sdk/signing.py",
    "durable_engine/testing/apps.py",
    "durable_engine/testing/bench.py",
    "durable_engine/testing/listening.py",
    "mcp_server/attach.py",
    "mcp_server/cli.py",
    "mcp_server/offer.py",
    "mcp_server/options.py",
    "mcp_server/remote/connection.py",
    "mcp_server/remote/faults.py",
    "mcp_server/remote/keys.py",
    "mcp_server/remote/target.py",
    "mcp_server/remote/writes.py",
    "mcp_server/remote_options.py",
    "mcp_server/serving.py",
    "mcp_server/sizes.py",
    "mcp_server/testing/command.py",
    "mcp_server/testing/files.py",
    "pytest_stepcue/__init__.py",
)
"""Who speaks to somebody that starts Stepcue, sends it an event, or tests with it."""


def _messages() -> list[tuple[str, str]]:
    return [(file, text) for file in SPEAKERS for text in raised(ROOT / file, AT_START)]


def _kinds(base: type[Exception], module: str) -> Iterator[type[Exception]]:
    for kind in base.__subclasses__():
        if kind.__module__ == module:
            yield kind
            yield from _kinds(kind, module)


def _is_quoted(message: str, span: str) -> bool:
    at = 0
    for part in (part.strip() for part in span.split(GAP)):
        found = message.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


@pytest.mark.parametrize("name", [*ENGINE_ERRORS, "InjectedError"])
def test_a_name_of_an_error_of_a_run_has_a_row_with_a_cure(name: str) -> None:
    (row,) = [row for row in rows(ERRORS) if name in names(row[0]) and len(row) == 4]

    assert all(row), row


@pytest.mark.parametrize("start", ENGINE_MESSAGES)
def test_an_error_without_a_name_is_told_by_its_message(start: str) -> None:
    assert f"`{start}" in ERRORS


@pytest.mark.parametrize("kind", sorted(_kinds(engine.DurableEngineError, engine.__name__), key=str))
def test_an_exception_of_the_engine_has_a_row_with_its_http_status(kind: type[Exception]) -> None:
    (row,) = [row for row in rows(EXCEPTIONS) if kind.__name__ in names(row[0])]

    assert row[1] == str(status_of(kind("x")))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(_kinds(DocsIndexError, docs_index.errors.__name__), key=str))
def test_an_exception_of_the_documentation_index_has_a_row(kind: type[Exception]) -> None:
    (row,) = [row for row in rows(EXCEPTIONS) if kind.__name__ in names(row[0])]

    assert all(row)


def test_the_codes_of_the_http_api_are_listed_and_no_others() -> None:
    listed = {
        code
        for row in rows(text_of("reference/errors", "refusals-of-the-http-api"))[1:]
        for code in names(row[1])
    }

    assert listed == {code for file in HTTP_API for code in codes(file)}


@pytest.mark.parametrize(("file", "message"), _messages())
def test_a_message_to_a_person_is_quoted(file: str, message: str) -> None:
    assert [span for span in SPANS if _is_quoted(message, span)], f"{file} says: {message}"


def test_exit_codes_and_the_code_of_a_refusal_are_as_the_code_has_them() -> None:
    (head, *_) = rows(text_of("reference/errors", "messages-and-exit-codes-of-the-command-line"))

    assert head[1:] == [str(PASSED), str(FAILED), str(UNUSABLE)]
    assert f"\N{MINUS SIGN}{-REFUSED}" in ERRORS

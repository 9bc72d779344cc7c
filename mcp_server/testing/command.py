"""Carry out scenario files: an engine with nothing in it, the apps, one test after the other."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from durable_engine import DEFAULT_PORT, Engine, EngineConfig, build_app
from durable_engine.errors import ConfigError, DurableEngineError, SyncError
from durable_engine.scenarios.model import Verdict
from durable_engine.scenarios.runner import run_scenario
from durable_engine.scenarios.telling import failure_text
from durable_engine.testing.listening import Door, Served, bind, origin_of
from mcp_server.clean import clean_text, one_line
from mcp_server.testing.files import NamedScenario
from mcp_server.testing.junit import Case, junit_xml

PASSED: Final = 0
FAILED: Final = 1
UNUSABLE: Final = 2
_INDENT: Final = "    "


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOptions:
    """How to test.

    Without a `port` it is the one that apps expect, if that is free; without `timeout_s`, each test's own
    counts.
    """

    __test__ = False

    urls: tuple[str, ...] = ()
    port: int | None = None
    timeout_s: float | None = None
    signing_key: str | None = None
    junit_xml: Path | None = None


async def run_tests(
    scenarios: Sequence[NamedScenario], options: TestOptions, *, say: Callable[[str], None]
) -> int:
    """Carry out all tests and report each as a line; return the exit code.

    Raises:
        ConfigError: the port is taken, the report cannot be written, or no app was named.
        SyncError: an app could not be synced.
    """
    urls = tuple(dict.fromkeys([*options.urls, *(named.app_url for named in scenarios if named.app_url)]))
    if not urls:
        raise ConfigError(
            "No app is named.", hint='Give -u with the URL of its serve endpoint, or "app" in the file.'
        )
    tests = _Tests(urls, options, say)
    served = await Served.start(tests.door, tests.bound)
    try:
        cases = [await tests.carry_out(named) for named in scenarios]
    finally:
        await served.close()
    if options.junit_xml is not None:
        _write(options.junit_xml, junit_xml(cases))
    say(_summary(cases))
    if any(case.error for case in cases):
        return UNUSABLE
    return FAILED if any(case.failure for case in cases) else PASSED


class _Tests:
    """Tests at one address; each has an engine with nothing in it, so that none depends on another."""

    def __init__(self, urls: Sequence[str], options: TestOptions, say: Callable[[str], None]) -> None:
        self._urls = urls
        self._options = options
        self._say = say
        self._has_begun = False
        self.door = Door()
        self.bound = _bind(options.port)

    async def carry_out(self, named: NamedScenario) -> Case:
        """Carry out a test and say what came of it."""
        began = time.monotonic()
        failure = error = None
        notes: tuple[str, ...] = ()
        try:
            verdict = await self._verdict(named)
            notes = verdict.notes
            failed = [check for check in verdict.checks if not check.passed]
            failure = failure_text(failed, verdict.run, notes) if failed else None
        except DurableEngineError as fault:
            if not self._has_begun:
                raise
            error = f"{fault} {fault.hint}".strip()
        seconds = time.monotonic() - began
        self._say(f"{'FAILED' if failure or error else 'passed'}  {one_line(named.name)}  ({seconds:.2f} s)")
        text = failure or error or "\n".join(f"Note: {note}" for note in notes)
        for line in clean_text(text).splitlines():
            self._say(f"{_INDENT}{line}".rstrip())
        return Case(
            file=named.file,
            name=named.name,
            seconds=seconds,
            failure=failure,
            error=error,
            output="\n".join(notes),
        )

    async def _verdict(self, named: NamedScenario) -> Verdict:
        scenario = named.scenario
        if self._options.timeout_s is not None:
            scenario = replace(scenario, timeout_s=self._options.timeout_s)
        key = SecretStr(self._options.signing_key) if self._options.signing_key else None
        config = EngineConfig(discovers=False, polls=False, signing_key=key)
        async with await Engine.open(config) as engine:
            self.door.app = build_app(engine)
            for url in self._urls:
                await self._sync(engine, url)
            self._has_begun = True
            return await run_scenario(engine, scenario)

    async def _sync(self, engine: Engine, url: str) -> None:
        try:
            await engine.sync_app(url)
        except SyncError as error:
            origin = origin_of(self.bound)
            error.hint = (
                f"{error.hint} This engine listens on {origin}: start the app with INNGEST_DEV={origin}."
            )
            raise


def _bind(port: int | None) -> socket.socket:
    """Listen on the port; without one, on that which apps expect, or on a free one if it is taken."""
    if port is not None:
        return bind(port)
    try:
        return bind(DEFAULT_PORT)
    except ConfigError:
        return bind()


def _summary(cases: Sequence[Case]) -> str:
    bad = sum(bool(case.failure or case.error) for case in cases)
    total = f"{len(cases)} test{'' if len(cases) == 1 else 's'}"
    return f"{bad} of {total} failed." if bad else f"{total} passed."


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise ConfigError(f"The report {path} cannot be written: {fault.strerror or fault}.") from None

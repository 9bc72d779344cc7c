"""Where tests of one process find their engines: one address, for the SDK clients that are made only once."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, Self

from durable_engine.config import EngineConfig
from durable_engine.engine import Engine
from durable_engine.errors import ConfigError, DurableEngineError, SyncError
from durable_engine.http_api.app import build_app
from durable_engine.sdk.client import APP_FAULTS, SDKClient
from durable_engine.testing.apps import DEFAULT_PATH, App, RunningApp, as_list, endpoint, start
from durable_engine.testing.environment import pointing_at
from durable_engine.testing.listening import Door, Served, bind, origin_of
from durable_engine.testing.loop_thread import LoopThread
from durable_engine.testing.stepcue import Stepcue

_LOOK_S: Final = 5.0
_TOO_EARLY: Final = (
    "The app's Inngest client was made before the engine had an address. Import the app inside of the "
    "fixture stepcue_app, or set `stepcue_early = true` in the settings of pytest."
)
_TALKS_ELSEWHERE: Final = ("another server", "could not register", "refused the sync")
_OTHER_ENGINE: Final = "Start the app with INNGEST_DEV={origin} (the fixture stepcue_origin has it)."


class Bench:
    """An address on the loopback interface; engines come and go behind it. Close it at the end."""

    def __init__(self, bound: socket.socket | None = None, *, port: int = 0) -> None:
        bound = bound or bind(port)
        self.origin = origin_of(bound)
        self._door = Door()
        self._loop = LoopThread("stepcue-engine")
        self._served = self._loop.run(Served.start(self._door, bound))
        self._environment = ExitStack()
        self._environment.enter_context(pointing_at(self.origin))
        self._apps: list[tuple[object, App]] = []
        self._client = SDKClient()

    @contextmanager
    def engine(self, apps: object, *, path: str = DEFAULT_PATH) -> Iterator[Stepcue]:
        """Open an engine with nothing in it around an app, or several.

        An app is served from the first test that gives it until a test gives others.

        Raises:
            ConfigError: there is nothing that can be served, or it talks to another server.
            SyncError: the app could not be synced.
        """
        engine = self._loop.run(Engine.open(EngineConfig(polls=False, discovers=False)))
        try:
            self._door.app = build_app(engine)
            for app in self._serve(as_list(apps)):
                self._sync(engine, app, path)
            yield Stepcue(engine, self._loop, origin=self.origin)
        finally:
            self._door.app = None
            self._loop.run(engine.close())

    def close(self) -> None:
        """Stop the apps that were started here, and give the address back."""
        self._stop_apps()
        self._environment.close()
        self._loop.run(self._client.close())
        self._loop.run(self._served.close())
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self, apps: Sequence[object]) -> list[App]:
        before = [app for app, _ in self._apps]
        if len(before) != len(apps) or any(old is not new for old, new in zip(before, apps, strict=True)):
            self._stop_apps()
            for app in apps:
                self._apps.append((app, start(app)))
        return [served for _, served in self._apps]

    def _stop_apps(self) -> None:
        while self._apps:
            self._apps.pop()[1].close()

    def _sync(self, engine: Engine, app: App, path: str) -> None:
        url = endpoint(app, path)
        is_ours = not isinstance(app, RunningApp)
        advice = _TOO_EARLY if is_ours else _OTHER_ENGINE.format(origin=self.origin)
        try:
            if self._loop.run(_is_in_cloud_mode(self._client, url)):
                # Asked to sync, it would register its functions with the Inngest cloud.
                raise ConfigError(f"The app at {url} is in cloud mode, not in development.", hint=advice)
            self._loop.run(engine.sync_app(url))
        except DurableEngineError as error:
            if isinstance(error, SyncError) and any(words in str(error) for words in _TALKS_ELSEWHERE):
                error.hint = advice
            error.add_note(error.hint)
            raise


async def _is_in_cloud_mode(client: SDKClient, url: str) -> bool:
    """Whether an app says so; what is wrong otherwise is for the sync to find."""
    try:
        answer = await client.introspect(url, timeout_s=_LOOK_S)
    except APP_FAULTS:
        return False
    try:
        body = json.loads(answer.body)
    except ValueError:
        return False
    is_sdk = "x-inngest-sdk" in answer.headers or "x-inngest-sdk-handled" in answer.headers
    return is_sdk and (answer.status == 401 or (isinstance(body, dict) and body.get("mode") == "cloud"))

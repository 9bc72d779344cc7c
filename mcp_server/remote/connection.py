"""Requests to one server: with keys, bounded, made again where that is safe; faults as sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import count
from math import isfinite
from typing import Any, Final
from urllib.parse import quote as quote_part

import httpx

from durable_engine.bodies import quote, read_bounded
from durable_engine.clock import Clock
from durable_engine.connecting import trusted_authorities
from durable_engine.decoding import decoded
from durable_engine.model.json_value import JSONValue
from durable_engine.redaction import REDACTED, hide, redacted_text
from mcp_server.clean import clean_text
from mcp_server.remote.errors import FaultyAnswerError, WritesRefusedError
from mcp_server.remote.faults import Answer, checked, is_apart, unreachable
from mcp_server.remote.keys import SigningKey
from mcp_server.remote.retries import pause_ms
from mcp_server.remote.target import NO_EVENT_KEY, Target

Query = Mapping[str, str | int | Sequence[str]]

READ_S: Final = 15.0
_TIMEOUT: Final = httpx.Timeout(READ_S, connect=5.0)
MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""A run with all its outputs: the state of a run may be that large."""
EVENT_DOUBT: Final = (
    "The event may have been accepted all the same: list_runs shows what it started; with the same "
    "eventIdSeed as before it is sent only once."
)
_DOUBT: Final = "It may have done what it was asked: look with list_runs before you call again."
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
"""Half a character, as JSON can have it and UTF-8 cannot."""
_ACCEPT: Final = {"accept": "application/json", "accept-encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    query: Query | None
    body: JSONValue
    is_safe: bool
    """Whether it does no harm to carry it out twice."""
    doubt: str
    """What to do when nobody knows whether it was carried out; "" when that is no matter."""


class Connection:
    """Speaks HTTP with the server of a target; close it with `aclose`.

    `transport` takes the place of the network in tests.
    """

    def __init__(
        self, target: Target, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.target = target
        self.clock = clock
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=_TIMEOUT,
            # No proxy leads to this machine, whatever the environment says.
            trust_env=not target.is_loopback,
            verify=trusted_authorities() if target.api_url.startswith("https:") else True,
            headers={**_ACCEPT, "user-agent": f"stepcue/{version('stepcue')}"},
        )
        self._key: SigningKey | None = target.signing_key
        self._secrets = _secrets(target)
        # Event keys may be words that data has as well; these are nothing but keys.
        self._bearers = [secret.encode() for secret in _bearers(target)]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    @property
    def uses_fallback(self) -> bool:
        """Whether the server has refused the signing key and taken the fallback key."""
        return self._key is not None and self._key is self.target.fallback_key

    async def get(self, path: str, query: Query | None = None) -> JSONValue:
        """Return the JSON at a path of the API; raises as `ask`."""
        return (await self.ask("GET", path, query=query)).body

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: JSONValue = None,
        is_safe: bool = False,
        doubt: str = "",
    ) -> Answer:
        """Return the answer of the API to a request that succeeded.

        Args:
            method: HTTP method; a GET is repeated when no answer came, others only if they are safe.
            path: at the server, with the name of the API.
            query: of the URL.
            body: sent as JSON.
            is_safe: whether it does no harm to carry this out twice.
            doubt: what to do when nobody knows whether it was carried out.

        Raises:
            RemoteError: one of its kinds says what went wrong and what to do.
            WritesRefusedError: this is not a GET, and nothing else may be sent there.
        """
        is_read, used = method == "GET", self._key
        if not is_read:
            self._check_may_write(f"{method} {path}")
        request = _Request(
            *(method, f"{self.target.api_url}{path}", self._api_headers(used), query, body),
            is_safe=is_safe or is_read,
            doubt="" if is_read else doubt or _DOUBT,
        )
        answer = await self._tried(request)
        if answer.status == 401 and self.target.fallback_key is not None:
            other = self._other_key(used)
            answer = await self._tried(replace(request, headers=self._api_headers(other)))
            if answer.status != 401:
                self._key = other
        return checked(answer, f"{method} {path}", target=self.target, say=self.say, doubt=request.doubt)

    async def post_event(self, body: JSONValue, headers: Mapping[str, str]) -> Answer:
        """Send events to the event API, and return its answer, whatever it is.

        `headers` settle the ids of the events, so that a second request sends nothing new.

        Raises:
            UnreachableError: no answer came.
            WritesRefusedError: nothing may be sent there.
        """
        self._check_may_write("Sending an event")
        key = self.target.event_key
        part = quote_part(key.get_secret_value() if key else NO_EVENT_KEY, safe="")
        headers = {**self._env_header(), **headers}
        url = f"{self.target.event_url}/e/{part}"
        return await self._tried(_Request("POST", url, headers, None, body, is_safe=True, doubt=EVENT_DOUBT))

    def say(self, text: str) -> str:
        """Return text from the server without anything that is a secret of ours."""
        return hide(redacted_text(text), self._secrets)

    def _check_may_write(self, what: str) -> None:
        if self.target.only_reads:
            raise WritesRefusedError(f"{what} would change {self.target.shown_url}, which is only read.")

    def _other_key(self, used: SigningKey | None) -> SigningKey | None:
        """Return the key besides the one that was used, whatever other requests have found out meanwhile."""
        first, second = self.target.signing_key, self.target.fallback_key
        return first if used is second else second

    def _api_headers(self, key: SigningKey | None) -> Mapping[str, str]:
        bearer = {} if key is None else {"authorization": f"Bearer {key.bearer.get_secret_value()}"}
        return bearer | self._env_header()

    def _env_header(self) -> dict[str, str]:
        return {} if self.target.env is None else {"x-inngest-env": self.target.env}

    async def _tried(self, request: _Request) -> Answer:
        """Make a request, again where that helps and does no harm."""
        was_seen = False
        for tries in count(1):
            answer, fault = await self._once(request)
            was_seen = was_seen or not is_apart(fault)
            wait = pause_ms(
                None if answer is None else answer.status,
                # Where nobody is, waiting a second for him would only make every answer slow.
                is_safe=request.is_safe and not isinstance(fault, httpx.ConnectError),
                # Two time-outs are half a minute, and no caller has more to spare.
                tries=tries + (2 if isinstance(fault, httpx.TimeoutException) else 0),
                retry_after=None if answer is None else answer.headers.get("retry-after"),
                now_ms=self.clock.wall_ms(),
            )
            if wait is not None:
                await self.clock.patience(wait / 1_000)
            elif answer is not None:
                return answer
            elif fault is not None:
                doubt = request.doubt if was_seen else ""
                raise unreachable(fault, target=self.target, doubt=doubt, timeout_s=READ_S) from None
        raise AssertionError  # counting never ends

    async def _once(self, request: _Request) -> tuple[Answer | None, httpx.HTTPError | None]:
        """Return the answer to one request, or what kept it from coming."""
        too_large = FaultyAnswerError(
            f"The answer of {self.target.shown_url} is over {MAX_BODY_BYTES // 2**20} MiB.",
            hint="Ask for less: a smaller limit, or one run at a time.",
        )
        more: dict[str, Any] = {} if request.body is None else {"json": request.body}
        if request.query:
            more["params"] = dict(request.query)
        try:
            async with self._http.stream(
                request.method, request.url, headers=dict(request.headers), **more
            ) as response:
                chunks = decoded(response, most=MAX_BODY_BYTES, too_large=too_large)
                raw = await read_bounded(chunks, most=MAX_BODY_BYTES, too_large=too_large)
        except httpx.HTTPError as fault:
            return None, fault
        for secret in self._bearers:
            raw = raw.replace(secret, REDACTED.encode())
        return Answer(response.status_code, response.headers, _parsed(raw), self.say(quote(raw))), None


def _parsed(raw: bytes) -> JSONValue:
    try:
        parsed: JSONValue = json.loads(raw, parse_constant=_nothing, parse_float=_number)
        if _HALF.search(raw):
            parsed = json.loads(clean_text(json.dumps(parsed, ensure_ascii=False)))
    except (ValueError, RecursionError):
        return None
    return parsed


def _nothing(_: str) -> None:
    """Return what stands for NaN and Infinity, which are no JSON: nobody could be told of them."""


def _number(digits: str) -> float | None:
    number = float(digits)
    return number if isfinite(number) else None


def _secrets(target: Target) -> frozenset[str]:
    """Return what must never be shown, should a server repeat it."""
    events = [target.event_key.get_secret_value()] if target.event_key else []
    spelled = [*events, *(quote_part(key, safe="") for key in events)]
    return frozenset(secret for secret in [*_bearers(target), *spelled] if len(secret) >= 4)


def _bearers(target: Target) -> list[str]:
    """Return what stands for the signing keys, with its prefix and without, longest first."""
    keys = [key.bearer.get_secret_value() for key in (target.signing_key, target.fallback_key) if key]
    return [*keys, *(bearer.rpartition("-")[2] for bearer in keys)]

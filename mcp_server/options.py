"""Options that say who may use Stepcue and what it offers; assistants set them as environment variables.

Declaring them imports next to nothing, so that `--help` is quick; what reads them is imported when it does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from durable_engine.defaults import LEAST_DATA_BYTES
from durable_engine.durations import parse_duration_ms
from durable_engine.errors import ConfigError, InvalidDurationError
from durable_engine.redaction import redacted_url
from mcp_server.nearest import did_you_mean
from mcp_server.sizes import reading_size, show_size
from mcp_server.toolsets import TOOLSETS, Toolset

if TYPE_CHECKING:
    from pydantic import SecretStr

    from mcp_server.config import ServerConfig

STOP_GRACE_S: Final = 3.0
"""For calls to apps that are open when a signal comes, unless somebody says otherwise."""
_ALL: Final = "all"
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s*@]+/?", re.IGNORECASE)


class _List(click.ParamType[tuple[str, ...]]):
    """Names between commas or blanks, also in an environment variable."""

    name = "list"

    def split_envvar_value(self, rv: str) -> list[str]:
        """Leave the splitting to `convert`."""
        return [rv]

    def convert(self, value: Any, _: click.Parameter | None, __: click.Context | None) -> tuple[str, ...]:
        """Return the names."""
        return value if isinstance(value, tuple) else tuple(re.split(r"[\s,]+", value.strip(" ,\t\n")))


Values = tuple[str, ...]


def _each(
    check: Callable[[str], str],
) -> Callable[[click.Context, click.Parameter, tuple[Values, ...]], Values]:
    """Return the callback of a repeatable option that takes lists: all values, each of them checked."""

    def read(_: click.Context, __: click.Parameter, lists: tuple[Values, ...]) -> Values:
        return tuple(dict.fromkeys(check(value) for values in lists for value in values if value))

    return read


def _toolset(name: str) -> str:
    allowed = (*TOOLSETS, _ALL)
    if name not in allowed:
        raise click.BadParameter(
            f"there is no toolset {name!r}{did_you_mean(name, allowed)} Toolsets: {', '.join(allowed)}."
        )
    return name


def _host(name: str) -> str:
    from durable_engine.http_api.guard import name_and_port

    if name_and_port(name) is None or "*" in name:
        raise click.BadParameter(
            f"{name!r} is not a host name, such as host.docker.internal or 192.168.1.7:8288."
        )
    return name


def _origin(origin: str) -> str:
    if _ORIGIN.fullmatch(origin) is None:
        raise click.BadParameter(
            f"{origin!r} is not the origin of a page, such as https://tools.example or http://localhost:6274."
        )
    return origin.lower().rstrip("/")


def _list_option(name: str, to: str, check: Callable[[str], str], **more: Any) -> Callable[[Any], Any]:
    return click.option(
        name, to, type=_List(), multiple=True, show_envvar=True, callback=_each(check), **more
    )


class _Folder(click.Path):
    """A folder that is there; "~" is understood, as no shell has read an assistant's configuration."""

    def __init__(self) -> None:
        super().__init__(exists=True, file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        return super().convert(os.path.expanduser(value), param, ctx)  # noqa: PTH111


DOCS_OPTIONS: Final = (
    click.option(
        "--docs",
        "docs_folders",
        type=_Folder(),
        multiple=True,
        envvar="STEPCUE_DOCS",
        show_envvar=True,
        metavar="FOLDER",
        help="Folder of your own .md or .mdx pages, for the documentation tools. Repeatable.",
    ),
)
"""What is documented besides the shipped and the imported pages."""

OFFER_OPTIONS: Final = (
    _list_option(
        "--toolsets",
        "toolsets",
        _toolset,
        envvar="STEPCUE_TOOLSETS",
        metavar="NAMES",
        help=f"Groups of tools to offer, with commas between: {', '.join(TOOLSETS)}, or all. Repeatable.",
    ),
    _list_option(
        "--tools",
        "tools",
        str,
        envvar="STEPCUE_TOOLS",
        metavar="NAMES",
        help="The only tools to offer, by name, with commas between. Repeatable.",
    ),
    click.option(
        "--read-only",
        is_flag=True,
        envvar="STEPCUE_READ_ONLY",
        show_envvar=True,
        help="Offer only tools that change nothing.",
    ),
)
"""Which tools there are."""

NONE: Final = "none"
KEEP_RUNS: Final = "7d"
"""A week: what ran before a weekend is there after it."""
_LEAST_KEPT_MS: Final = 60_000
_MOST_KEPT_MS: Final = 10 * 365 * 86_400_000
_MOST_DATA_BYTES: Final = 1_024**4
DATA_ON_DISK: Final = 1_024**3
DATA_IN_MEMORY: Final = 64 * 1_024**2


def _kept_s(_: click.Context, __: click.Parameter, text: str) -> float | None:
    if text.strip().lower() == NONE:
        return None
    try:
        kept_ms = parse_duration_ms(text)
    except InvalidDurationError as fault:
        raise click.BadParameter(str(fault)) from None
    if not _LEAST_KEPT_MS <= kept_ms <= _MOST_KEPT_MS:
        raise click.BadParameter(f"{text!r} is out of range; 1m to 3650d are allowed, or {NONE}.")
    return kept_ms / 1_000


def _data_bytes(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return DATA_IN_MEMORY if context.params.get("in_memory") else DATA_ON_DISK
    if text.strip().lower() == NONE:
        return None
    return reading_size(LEAST_DATA_BYTES, _MOST_DATA_BYTES)(context, option, text)


RETENTION_OPTIONS: Final = (
    click.option(
        "--keep-runs",
        callback=_kept_s,
        envvar="STEPCUE_KEEP_RUNS",
        show_envvar=True,
        metavar="TIME",
        default=KEEP_RUNS,
        show_default=True,
        help=f"Prune ended runs that long after their end, such as 12h or 30d; {NONE} keeps them.",
    ),
    click.option(
        "--max-data-size",
        callback=_data_bytes,
        envvar="STEPCUE_MAX_DATA_SIZE",
        show_envvar=True,
        metavar="SIZE",
        show_default=f"{show_size(DATA_ON_DISK)}, in memory {show_size(DATA_IN_MEMORY)}",
        help=f"Prune the oldest ended runs when all data takes more, such as 512MB; {NONE} for no limit.",
    ),
)
"""How long the past is kept. They come behind `--in-memory`, on which a default depends."""

TOKEN_OPTIONS: Final = (
    click.option(
        "--token",
        envvar="STEPCUE_TOKEN",
        show_envvar=True,
        help="Ask assistants and scripts for this bearer token. Prefer the variable: others see commands.",
    ),
    click.option(
        "--token-file",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="STEPCUE_TOKEN_FILE",
        show_envvar=True,
        help="File that holds the token.",
    ),
)
"""What Stepcue and its callers agree on."""

ACCESS_OPTIONS: Final = (
    _list_option(
        "--allow-host",
        "allowed_hosts",
        _host,
        envvar="STEPCUE_ALLOW_HOSTS",
        metavar="NAME",
        help="Host name to answer besides the loopback ones, such as host.docker.internal. Repeatable.",
    ),
    _list_option(
        "--allow-origin",
        "allowed_origins",
        _origin,
        envvar="STEPCUE_ALLOW_ORIGINS",
        metavar="ORIGIN",
        help="Web page that may call, such as https://tools.example. Repeatable.",
    ),
    *TOKEN_OPTIONS,
)
"""Who is answered."""


def read_offer(options: Mapping[str, Any]) -> ServerConfig | None:
    """Return which tools were asked for; None when nothing was said about it.

    Raises:
        UsageError: there is no such tool, or the options contradict each other.
    """
    from mcp_server.config import ServerConfig

    chosen: Values = options["toolsets"]
    named = frozenset(options["tools"])
    if not (chosen or named or options["read_only"]):
        return None
    # Somebody who names tools means these, wherever they belong.
    whole = _ALL in chosen or (named and not chosen)
    toolsets: frozenset[Toolset] = frozenset(name for name in TOOLSETS if whole or name in chosen)
    config = ServerConfig(tools=named or None, read_only=options["read_only"])
    config = config.model_copy(update={"toolsets": toolsets or config.toolsets})
    from mcp_server.offer import OfferError, check_offer  # with all tools: only for who chooses among them

    try:
        check_offer(config)
    except OfferError as fault:
        raise click.UsageError(str(fault)) from None
    return config


def read_token(options: Mapping[str, Any]) -> SecretStr | None:
    """Return the token to ask for; None when there is none.

    Raises:
        UsageError: it was given in two ways, its file cannot be read, or it is no token.
    """
    path: Path | None = options["token_file"]
    given = (options["token"] or "").strip()
    if path is not None:
        if given:
            raise click.UsageError("Give the token as --token (STEPCUE_TOKEN) or --token-file, not as both.")
        given = _read_file(path)
    if path is None and not given:
        return None
    from pydantic import SecretStr

    from durable_engine.http_api.token import AccessToken

    token = SecretStr(given)
    try:
        AccessToken(token)
    except ConfigError as fault:
        raise click.UsageError(f"{fault} {fault.hint}") from None
    return token


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        reason = getattr(fault, "strerror", None) or "it is not text"
        raise click.UsageError(f"The token file {path} cannot be read: {reason}.") from None


def show_offer(config: ServerConfig) -> str:
    """Return what is offered in a few words, such as `9 of 24: toolsets core, docs; read-only`."""
    from mcp_server.offer import count_tools, offered_names

    names = offered_names(config)
    parts = [f"toolsets {', '.join(name for name in TOOLSETS if name in config.toolsets)}"]
    if config.tools is not None:
        parts = [", ".join(names)]
    if config.read_only:
        parts.append("read-only")
    return f"{len(names)} of {count_tools()}: {'; '.join(parts)}"


def serve_url(text: str) -> str:
    """Complete what people type as the URL of an app: a missing scheme, or the path most frameworks use.

    Raises:
        BadParameter: it cannot be one.
    """
    import httpx

    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL as fault:
        raise click.BadParameter(
            f"{redacted_url(text)!r} is not a URL: {fault}.", param_hint="--sdk-url"
        ) from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise click.BadParameter(f"{redacted_url(text)!r} is not an http(s) URL.", param_hint="--sdk-url")
    return str(url.copy_with(path="/api/inngest") if url.path in {"", "/"} else url)

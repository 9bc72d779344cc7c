"""Tools with strict arguments: the only module that leans on how the MCP SDK is built inside.

The SDK drops unknown arguments without a word, turns JSON text into values where a plain string was
meant, and prints validation errors with class names and URLs. Here a tool refuses what it does not know
and says what it does know. What is relied on (mcp 2.3, pinned by `test_sdk_pins.py`):

* `Tool.from_function` builds `fn_metadata.arg_model`, and `Tool.run` reads `fn_metadata` and
  `parameters` at call time, so both can be replaced;
* `Tool.run` calls `fn_metadata.validate_arguments` and wraps a `ValidationError` or `ToolError` in a
  `ToolError` whose `__cause__` it is, and anything else in an `UnexpectedToolError`;
* `MCPServer.call_tool` is where every `tools/call` of every transport passes.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from types import CodeType, MappingProxyType
from typing import Any, Final

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, RequestStateSecurity
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import (
    AliasGenerator,
    ConfigDict,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from durable_engine.model.json_value import MAX_DEPTH, is_too_deep, to_json
from mcp_server.advice import only_offered, without_hidden
from mcp_server.aliases import tool_meant, what_instead
from mcp_server.bad_arguments import explain_bad_arguments
from mcp_server.clean import clean_text, flat, one_line
from mcp_server.nearest import did_you_mean
from mcp_server.schema import short_output_schema, tidy
from mcp_server.sealing import SealedLater

MAX_ERROR_CHARS = 4_000
"""Longer tool errors are cut by some hosts (at about 11,000 characters), so none gets near."""


class StrictArguments(ArgModelBase):
    """Arguments of a tool: camelCase on the wire, snake_case in Python, nothing unknown."""

    model_config = ConfigDict(extra="forbid", alias_generator=AliasGenerator(validation_alias=to_camel))

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_bool(cls, value: object, info: ValidationInfo) -> object:
        # Python counts true as 1.
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise PydanticCustomError("boolean", "must not be a boolean")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_what_json_has_not(cls, value: object) -> object:
        # The parser of the protocol takes NaN and 1e400, and what comes as JSON text has met no parser yet.
        try:
            is_refused = isinstance(value, dict | list | float) and is_too_deep(to_json(value))
        except (ValueError, RecursionError):
            is_refused = True
        if is_refused:
            raise PydanticCustomError(
                "not_json",
                "must be JSON without NaN or Infinity, nested at most {most} levels deep",
                {"most": MAX_DEPTH},
            )
        return value


class StrictMetadata(FuncMetadata):
    """Validates a call's arguments; an explicit null means the same as leaving an optional one out."""

    _optional: frozenset[str] = PrivateAttr(default=frozenset())
    _structured: frozenset[str] = PrivateAttr(default=frozenset())

    def learn(self, parameters: dict[str, Any]) -> None:
        """Take from the input schema which arguments are optional, and which are objects or lists."""
        properties = parameters.get("properties", {})
        self._optional = frozenset(properties) - frozenset(parameters.get("required", ()))
        self._structured = frozenset(
            name for name, schema in properties.items() if schema.get("type") in {"object", "array"}
        )

    def validate_arguments(self, arguments_to_validate: dict[str, Any]) -> dict[str, Any]:
        """Return the tool function's keyword arguments.

        Raises:
            ValidationError: the arguments do not fit the tool's input schema.
        """
        given = {
            key: _parsed(value) if key in self._structured else value
            for key, value in arguments_to_validate.items()
            if not (value is None and key in self._optional)
        }
        return self.arg_model.model_validate(given).model_dump_one_level()


def _parsed(value: object) -> object:
    """Read an object or list that a client passed as JSON text; anything else stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return parsed if isinstance(parsed, dict | list) else value


def define_tool(fn: Callable[..., Any], *, title: str, annotations: ToolAnnotations) -> Tool:
    """Build a tool from an async function: its docstring is the description, its signature the schema.

    Parameters are snake_case in Python and camelCase on the wire. The function is annotated to return
    `Annotated[CallToolResult, Model]`; `Model` becomes the output schema. All functions that one `def` makes
    share these, because reading them takes longer than anything else in building a server.
    """
    tool = _DEFINED.get(fn.__code__)
    if tool is None or (tool.title, tool.annotations) != (title, annotations):
        tool = _DEFINED[fn.__code__] = _define(fn, title, annotations)
    return tool.model_copy(update={"fn": fn})


_DEFINED: Final[dict[CodeType, Tool]] = {}


def _define(fn: Callable[..., Any], title: str, annotations: ToolAnnotations) -> Tool:
    tool = Tool.from_function(fn, title=title, description=_description(fn), annotations=annotations)
    fields = {
        name: (field.annotation, field) for name, field in tool.fn_metadata.arg_model.model_fields.items()
    }
    arguments: type[StrictArguments] = create_model(  # type: ignore[call-overload]
        f"{tool.name}Arguments", __base__=StrictArguments, **fields
    )
    metadata = StrictMetadata(
        arg_model=arguments,
        output_model=tool.fn_metadata.output_model,
        output_schema=short_output_schema(tool.fn_metadata.output_schema or {}),
    )
    tool.parameters = tidy(arguments.model_json_schema(by_alias=True))
    metadata.learn(tool.parameters)
    tool.fn_metadata = metadata
    return tool


def _description(fn: Callable[..., Any]) -> str:
    """Unwrap the docstring's lines: the model pays for each character."""
    paragraphs = inspect.cleandoc(fn.__doc__ or "").split("\n\n")
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


class StrictServer(MCPServer[Any]):
    """An MCP server whose refusals name what would have been right.

    `hidden` are names of tools that there are and that this server does not offer: no answer advises them.
    `elsewhere` says of tools that cannot work here where they do.
    """

    def __init__(
        self,
        name: str,
        *,
        tools: Sequence[Tool],
        hidden: Collection[str] = (),
        elsewhere: Mapping[str, str] = MappingProxyType({}),
        **options: Any,
    ) -> None:
        security = RequestStateSecurity(codec=SealedLater())
        super().__init__(name, tools=list(tools), request_state_security=security, **options)
        self._strict_tools = {tool.name: tool for tool in tools}
        self._hidden = frozenset(hidden)
        self._elsewhere = elsewhere

    def meant(self, name: str) -> str:
        """Return the name of the tool that a name means here; the name itself where that is none."""
        names = {**self._strict_tools, **self._elsewhere}
        return name if name in names else tool_meant(name, names) or name

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; every anticipated failure is a ToolError with text of ours alone.

        Raises:
            ToolError: unknown tool, bad arguments, or the tool said no.
            UnexpectedToolError: a bug of ours; the text tells nothing of it, the log everything.
        """
        name = self.meant(name)
        if name in self._elsewhere:
            raise ToolError(self._elsewhere[name])
        tool = self._strict_tools.get(name)
        if tool is None:
            raise ToolError(no_such_tool(name, list(self._strict_tools)))
        try:
            answer = await super().call_tool(name, arguments, context)
            return without_hidden(answer, self._hidden) if isinstance(answer, CallToolResult) else answer
        except UnexpectedToolError as error:
            raise UnexpectedToolError(
                f"{name} failed because of a fault in Stepcue itself, not in your workflow. "
                "Its log (stderr of the Stepcue process) has the details."
            ) from error.__cause__
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                text = explain_bad_arguments(name, tool.parameters, cause)
                raise ToolError(_bounded(text)) from cause
            # Names in it may be the app's: they must not look like lines of ours.
            text = flat(str(cause if isinstance(cause, ToolError) else error))
            raise ToolError(_bounded(only_offered(text, self._hidden))) from cause


def no_such_tool(name: str, names: Sequence[str]) -> str:
    """Return what a call of a tool that is not offered is told."""
    instead = what_instead(name, names)
    if instead is not None:
        return f"There is no tool {one_line(name, 80)!r}. {instead}"
    near = did_you_mean(name, names)
    return f"There is no tool {one_line(name, 80)!r}{near} Tools here: {', '.join(names)}."


def _bounded(text: str) -> str:
    text = clean_text(text)
    return text if len(text) <= MAX_ERROR_CHARS else f"{text[:MAX_ERROR_CHARS]}… (cut)"
